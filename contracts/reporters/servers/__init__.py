"""The result of `run --same-questions`: text for a terminal, and Markdown."""
