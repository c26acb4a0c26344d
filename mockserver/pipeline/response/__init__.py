"""Build and send a response: JSON, a stream, or a recorded one."""
