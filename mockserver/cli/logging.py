"""Logging of `serve`: troubles on stderr always, exchanges when they are asked for."""

import json
import logging
from datetime import UTC, datetime

ACCESS_LOGGER = "mockserver.access"
# Of an exchange's journal entry: neither what was asked for nor any key.
LOGGED_FIELDS = (
    "request_id",
    "provider",
    "operation",
    "method",
    "path",
    "status",
    "images",
)


class JsonFormatter(logging.Formatter):
    """
    One JSON object a line: `at`, `level`, `logger`, `message`, for an exchange also
    the members `SHOWN`, `milliseconds` and `error`, for an exception its `traceback`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry = getattr(record, "entry", None)
        if entry is not None:
            line |= {name: entry[name] for name in LOGGED_FIELDS}
            line["milliseconds"] = round(entry["seconds"] * 1000, 3)
            line["error"] = entry["decision"]["error"]
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(format: str) -> None:
    """
    Log to stderr, as `text` or `json`; with `none` nothing but warnings and errors.

    Replaces what the root logger did before: for a process of our own only.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter()
        if format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    access = logging.getLogger(ACCESS_LOGGER)
    access.setLevel(logging.CRITICAL if format == "none" else logging.INFO)
    logging.getLogger("mockserver").setLevel(logging.INFO)
