"""The HTML page of a report, of a comparison, or of both."""
