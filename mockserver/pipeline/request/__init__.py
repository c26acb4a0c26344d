"""Read a request: key, body, validation and interpretation."""
