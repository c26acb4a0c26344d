"""Commands that read documents and send nothing."""
