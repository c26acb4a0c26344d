"""Logging of `serve` to stderr: warnings always, requests by `--log-format`."""

import json
import logging
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mockserver.cli.request_lines import request_lines

ACCESS_LOGGER = "mockserver.access"
DEFAULT_WIDTH, MIN_WIDTH = 100, 60  # columns of the terminal
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
    `milliseconds`, `error`, `because`, `violation` and `rule`; for an exception also
    `traceback`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry = getattr(record, "entry", None)
        if entry is not None:
            line |= {name: entry.get(name) for name in LOGGED_FIELDS}
            line["milliseconds"] = round(entry["seconds"] * 1000, 3)
            decision = entry["decision"]
            violation: Mapping[str, Any] = next(
                iter(decision.get("violations", [])), {}
            )
            line["error"] = decision["error"]
            line["because"] = decision["because"]
            line["violation"] = violation.get("says")
            line["rule"] = violation.get("claim")
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TerminalFormatter(logging.Formatter):
    """Formats a request as lines that fit the terminal; `datefmt` is that of others."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s  %(levelname)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        entry = getattr(record, "entry", None)
        if entry is None:
            return super().format(record)
        width = shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns
        return request_lines(entry, max(width, MIN_WIDTH))


def configure(format: str) -> None:
    """
    Log requests to stderr as `text` or `json`; with `none`, only warnings and errors.

    `auto` is `text` if stderr is a terminal, else `none`. Replaces the handlers of the
    root logger.
    """
    is_terminal = sys.stderr.isatty()
    if format == "auto":
        format = "text" if is_terminal else "none"
    handler = logging.StreamHandler()
    if format == "json":
        handler.setFormatter(JsonFormatter())
    elif is_terminal:
        handler.setFormatter(TerminalFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    access = logging.getLogger(ACCESS_LOGGER)
    access.setLevel(logging.CRITICAL if format == "none" else logging.INFO)
    logging.getLogger("mockserver").setLevel(logging.INFO)
