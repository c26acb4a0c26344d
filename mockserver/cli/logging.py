"""Logging of `serve` to stderr: warnings always, requests with `--log-format`."""

import json
import logging
from datetime import UTC, datetime

ACCESS_LOGGER = "mockserver.access"
# Fields of a journal entry; neither the payload nor the API key is logged.
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
    Formats a record as a JSON object on one line.

    It has `at`, `level`, `logger` and `message`; for a request also `LOGGED_FIELDS`,
    `milliseconds` and `error`; for an exception also `traceback`.
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
    Log requests to stderr as `text` or `json`; with `none`, only warnings and errors.

    Replaces the handlers of the root logger.
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
