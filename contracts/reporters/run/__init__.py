"""The report of `run` in several formats, one module per format."""
