"""The result of `compare`: text, CSV, compatibility data, and JSON schemas."""
