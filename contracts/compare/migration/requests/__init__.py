"""Requests that the new provider rejects, or reads with another meaning."""
