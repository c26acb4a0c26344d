"""The media types of requests and responses that have a meaning of their own."""

JSON = "application/json"
TEXT = "text/plain"
FORM = "multipart/form-data"
EVENT_STREAM = "text/event-stream"
