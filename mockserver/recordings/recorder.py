"""Record requests and responses as cassette files, without secrets."""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mockserver.media.image.uploads import upload_facts
from mockserver.recordings.body_parts import image_format, split_body
from mockserver.recordings.cassette_file import (
    FORMAT,
    IMAGES_FOLDER,
    recording_number,
)
from mockserver.recordings.redaction import (
    Headers,
    mask_bytes,
    redact,
    redact_request_headers,
    redact_response_headers,
)
from mockserver.recordings.request_key import digest, inline_file, request_key
from mockserver.recordings.sse_events import split_events


@dataclass(frozen=True, kw_only=True)
class ExchangeRecord:
    """
    A request and its response, to be recorded.

    `payload` is the request as JSON, with files as objects of their facts or as data
    URIs. `headers` and `request_headers` are end-to-end headers as pairs. `body` is
    without content encoding. `arrivals` are the chunks of a stream as pairs of seconds
    since the chunk before, and number of bytes; empty if it is no stream. `problem` is
    the reason why the response is incomplete, or None; `status` is 0 if no response was
    received. `links` are the URLs of images in the response with the image, or None if
    it was not fetched. `at` is the time in seconds since 1970, None for now. `secrets`
    are redacted everywhere.
    """

    provider: str
    operation: str
    payload: Any
    status: int
    headers: Headers
    body: bytes
    arrivals: Sequence[tuple[float, int]] = ()
    links: Mapping[str, bytes | None] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    method: str = "POST"
    path: str = ""
    media_type: str = ""
    request_headers: Headers = ()
    at: float | None = None
    problem: str | None = None


class Recorder:
    """Writes recordings into a folder, numbered after those that exist."""

    def __init__(self, folder: str | Path) -> None:
        """Raises `OSError` if the folder is not writable."""
        self.folder = Path(folder)
        (self.folder / IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.folder):
            pass
        numbers = [recording_number(each) for each in self.folder.glob("*.json")]
        self._last_number = max(
            [each for each in numbers if each is not None], default=0
        )

    def record(self, exchange: ExchangeRecord) -> Path:
        """
        Write a recording atomically and return the path of its file.

        Raises `OSError` if it cannot be written. Blocks.
        """
        key = request_key(exchange.operation, exchange.payload)
        content = {
            "format": FORMAT,
            "provider": exchange.provider,
            "operation": exchange.operation,
            "key": key,
            "recorded": _iso_time(exchange.at),
            "request": _request(exchange),
            "response": self._response(exchange),
        }
        number = f"{self._last_number + 1:04}"
        name = f"{number}-{_safe_name(exchange.operation)}-{key[:8]}.json"
        path = self.folder / name
        _atomic_write(path, _readable_json(content))
        self._last_number += 1
        return path

    def _response(self, exchange: ExchangeRecord) -> dict[str, Any]:
        links = {url: each for url, each in exchange.links.items() if each is not None}
        unrecorded = [url for url in exchange.links if url not in links]
        body = mask_bytes(exchange.body, exchange.secrets)
        chunks = [
            {
                "after_ms": round(seconds * 1000),
                "body": split_body(
                    chunk,
                    lambda data: self._store_file(mask_bytes(data, exchange.secrets)),
                    links,
                ),
            }
            for seconds, chunk in _split_events(body, exchange.arrivals)
        ]
        parts = {"events": chunks} if exchange.arrivals else {"body": chunks[0]["body"]}
        return {
            "status": exchange.status,
            "headers": redact_response_headers(exchange.headers, exchange.secrets),
            **parts,
            **(
                {"problem": redact(exchange.problem, exchange.secrets)}
                if exchange.problem
                else {}
            ),
            **(
                {"unrecorded": redact(unrecorded, exchange.secrets)}
                if unrecorded
                else {}
            ),
        }

    def _store_file(self, data: bytes) -> str:
        """Write bytes to a file named by their hash, if it is new; return its name."""
        name = f"{digest(data)}.{image_format(data) or 'bin'}"
        path = self.folder / IMAGES_FOLDER / name
        if not path.exists():
            _atomic_write(path, data)
        return name


def _readable_json(content: Any) -> bytes:
    """Return indented JSON; in ASCII if it contains half of a surrogate pair."""
    try:
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(content, indent=2) + "\n").encode()


def _iso_time(at: float | None) -> str:
    when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    return when.isoformat(timespec="milliseconds")


def _request(exchange: ExchangeRecord) -> dict[str, Any]:
    payload = _with_file_facts(exchange.payload)
    redacted = redact(payload, exchange.secrets)
    request = {
        "method": exchange.method,
        "path": redact(exchange.path, exchange.secrets),
        "media_type": exchange.media_type,
        "headers": redact_request_headers(exchange.request_headers, exchange.secrets),
        "payload": redacted,
    }
    return {**request, "redacted": True} if redacted != payload else request


def _safe_name(operation: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", operation)[:60]


def _split_events(
    body: bytes, arrivals: Sequence[tuple[float, int]]
) -> list[tuple[float, bytes]]:
    """
    Split a body at the ends of its events, with the seconds since the event before.

    The time of an event is that of its last byte. Without arrivals, the body is one
    chunk.
    """
    if not arrivals:
        return [(0.0, body)]
    events: list[tuple[float, bytes]] = []
    received, seconds, end = 0, 0.0, 0
    remaining = iter(arrivals)
    for event in split_events(body) or [b""]:
        end += len(event)
        while received < end and (arrival := next(remaining, None)):
            seconds += arrival[0]
            received += arrival[1]
        events.append((seconds, event))
        seconds = 0.0
    return events


def _atomic_write(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _with_file_facts(value: Any) -> Any:
    """Return a payload with every inline file replaced by the object of its facts."""
    if isinstance(value, str):
        file = inline_file(value)
        return upload_facts(file[1], content_type=file[0]).facts() if file else value
    if isinstance(value, Mapping):
        return {name: _with_file_facts(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_file_facts(each) for each in value]
    return value
