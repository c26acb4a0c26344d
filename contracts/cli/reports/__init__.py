"""Commands that read the report of a run."""
