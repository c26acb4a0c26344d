"""Respond to the operations on long-running tasks."""
