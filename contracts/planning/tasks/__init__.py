"""Cases about long-running tasks."""
