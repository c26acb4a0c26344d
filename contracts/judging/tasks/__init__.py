"""Checks of the conversation about one long-running task."""
