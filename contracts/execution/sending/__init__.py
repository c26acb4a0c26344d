"""Send one request: connection, headers, pace, links and recordings."""
