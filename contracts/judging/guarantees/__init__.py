"""Promises about responses beyond their schema, each with its check."""
