"""Writing exchanges down: what is kept of them, and what never is."""

import base64
import binascii
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mockserver.media.image.uploads import upload_facts
from mockserver.recordings.cassettes import (
    ENCODERS,
    FORMAT,
    IMAGES_FOLDER,
    MIN_BASE64_LENGTH,
    REDACTED,
    Part,
    digest,
    inline_file,
    recording_number,
    request_key,
)

MIN_SECRET_LENGTH = (
    6  # what is shorter is a placeholder, and stands in every other word
)

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class ExchangeRecord:
    """
    An exchange to be written down.

    `payload` is the request as JSON, files as the objects of their facts or as data
    URIs. `headers` and `asked_with` are pairs of those that go from end to end; `body`
    is free of content codings. `arrivals` says of a stream how many of its bytes came
    together, and how many seconds after those before. `problem` says why there is no
    whole answer, of which `status` is 0 when nothing came. `links` are the addresses of
    pictures in the answer, with the picture where it was fetched. `secrets` are
    hidden wherever they stand.
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
    """Writes exchanges into a folder, after those that are there already."""

    def __init__(self, folder: str | Path) -> None:
        """Raises `OSError` when nothing can be written there."""
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
        Write an exchange down, whole or not at all; the path of its file.

        Raises `OSError` when it cannot be written. Blocks.
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
        name = f"{self._last_number + 1:04}-{_safe_name(exchange.operation)}-{key[:8]}.json"
        path = self.folder / name
        _atomic_write(path, _readable_json(content))
        self._last_number += 1
        return path

    def _response(self, exchange: ExchangeRecord) -> dict[str, Any]:
        links = {url: each for url, each in exchange.links.items() if each is not None}
        unrecorded = [url for url in exchange.links if url not in links]
        body = mask_bytes(exchange.body, exchange.secrets)
        pieces = _split_events(body, exchange.arrivals)
        said = [
            {
                "after_ms": round(seconds * 1000),
                "body": self._parts(piece, links, exchange.secrets),
            }
            for seconds, piece in pieces
        ]
        parts = {"events": said} if exchange.arrivals else {"body": said[0]["body"]}
        return {
            "status": exchange.status,
            "headers": _redact_response_headers(exchange.headers, exchange.secrets),
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

    def _parts(
        self, body: bytes, links: Mapping[str, bytes], secrets: Sequence[str]
    ) -> list[Part]:
        """A body as text, with what is kept in files taken out of it."""
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return [{"file": self._store_file(body), "as": "bytes"}]
        parts: list[Part] = []
        at = 0
        for start, end, part, data in sorted(
            [*_find_links(text, links), *_find_images(text)],
            key=lambda found: found[:2],
        ):
            if start < at:
                continue
            if text[at:start]:
                parts.append(text[at:start])
            parts.append({**part, "file": self._store_file(mask_bytes(data, secrets))})
            at = end
        return [*parts, text[at:]] if text[at:] or not parts else parts

    def _store_file(self, data: bytes) -> str:
        """The name of the file that holds some bytes; written if it is new."""
        name = f"{digest(data)}.{_image_format(data) or 'bin'}"
        path = self.folder / IMAGES_FOLDER / name
        if not path.exists():
            _atomic_write(path, data)
        return name


def _readable_json(content: Any) -> bytes:
    """JSON for people to read and compare; half of a surrogate pair stays escaped."""
    try:
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(content, indent=2) + "\n").encode()


def _iso_time(at: float | None) -> str:
    when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    return when.isoformat(timespec="milliseconds")


def _request(exchange: ExchangeRecord) -> dict[str, Any]:
    described = _with_file_facts(exchange.payload)
    payload = redact(described, exchange.secrets)
    request = {
        "method": exchange.method,
        "path": redact(exchange.path, exchange.secrets),
        "media_type": exchange.media_type,
        "headers": _redact_request_headers(exchange.request_headers, exchange.secrets),
        "payload": payload,
    }
    return {**request, "redacted": True} if payload != described else request


def _safe_name(operation: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", operation)[:60]


def mask_bytes(data: bytes, secrets: Sequence[str]) -> bytes:
    """The same bytes with stars over each secret: nothing else moves."""
    for each in secrets:
        secret = each.encode("utf-8", "surrogateescape")
        data = data.replace(secret, b"*" * len(secret))
    return data


_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def _split_events(
    body: bytes, arrivals: Sequence[tuple[float, int]]
) -> list[tuple[float, bytes]]:
    """
    A body cut where events end, each with the seconds from the one before.

    An event came when its last byte did. Without arrivals it is one piece.
    """
    if not arrivals:
        return [(0.0, body)]
    found: list[tuple[float, bytes]] = []
    ends = [each.end() for each in _EVENT_END.finditer(body)]
    if not ends or ends[-1] != len(body):
        ends.append(len(body))
    came, waited, begin = 0, 0.0, 0
    coming = iter(arrivals)
    for end in ends:
        while came < end and (each := next(coming, None)):
            waited += each[0]
            came += each[1]
        found.append((waited, body[begin:end]))
        waited, begin = 0.0, end
    return found


Span = tuple[int, int, dict[str, str], bytes]
_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BASE64_RUN = re.compile(
    rf"[A-Za-z0-9+/\\]{{{MIN_BASE64_LENGTH},}}[A-Za-z0-9+/]={{0,2}}"
)


def _find_links(text: str, links: Mapping[str, bytes]) -> Iterator[Span]:
    """Where the addresses stand in a text, as JSON writes them."""
    if not links:
        return
    for match in _JSON_STRING.finditer(text):
        try:
            url = json.loads(match[0])
        except ValueError:
            continue
        if url in links:
            yield match.start(), match.end(), {"link": match[0]}, links[url]


def _find_images(text: str) -> Iterator[Span]:
    """Where pictures stand in a text as base64 that can be written the same again."""
    for match in _BASE64_RUN.finditer(text):
        run = match[0]
        how = "escaped" if "\\" in run else "base64"
        try:
            data = base64.b64decode(run.replace("\\/", "/"), validate=True)
        except (binascii.Error, ValueError):
            continue
        if _image_format(data) and ENCODERS[how](data) == run:
            yield match.start(), match.end(), {"as": how}, data


def _image_format(data: bytes) -> str | None:
    """The format that the first bytes of a picture tell."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    magic = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
    return next((kind for each, kind in magic.items() if data.startswith(each)), None)


def _atomic_write(path: Path, data: bytes) -> None:
    """Write a file that takes its name only once it is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _with_file_facts(value: Any) -> Any:
    """A payload as it is written down: the facts of files in place of their bytes."""
    if isinstance(value, str):
        found = inline_file(value)
        return upload_facts(found[1], content_type=found[0]).facts() if found else value
    if isinstance(value, Mapping):
        return {name: _with_file_facts(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_file_facts(each) for each in value]
    return value


_SECRET_NAME = re.compile(
    "auth|cookie|key|token|secret|session|signature|password|credential", re.IGNORECASE
)
_PRIVATE_NAME = re.compile(
    rf"{_SECRET_NAME.pattern}|organi[sz]ation|project", re.IGNORECASE
)
_CONNECTION_HEADERS = {"host", "content-length", "content-encoding", "date"}


def find_secrets(headers: Headers) -> tuple[str, ...]:
    """The values in a request's headers that must stand nowhere, the longest first."""
    values = [value.strip() for name, value in headers if _SECRET_NAME.search(name)]
    found = {part for value in values for part in (value, value.rpartition(" ")[2])}
    kept = [each for each in found if len(each) >= MIN_SECRET_LENGTH]
    return tuple(sorted(kept, key=lambda each: (-len(each), each)))


def redact(value: Any, secrets: Sequence[str]) -> Any:
    """A JSON value with every secret hidden, in the names of members as well."""
    if isinstance(value, str):
        for each in secrets:
            value = value.replace(each, REDACTED)
        return value
    if isinstance(value, Mapping):
        return {
            redact(name, secrets): redact(each, secrets) for name, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(each, secrets) for each in value]
    return value


def _redact_request_headers(headers: Headers, secrets: Sequence[str]) -> dict[str, Any]:
    return _group_by_name(
        (name, REDACTED if _PRIVATE_NAME.search(name) else redact(value, secrets))
        for name, value in headers
    )


def _redact_response_headers(
    headers: Headers, secrets: Sequence[str]
) -> dict[str, Any]:
    return _group_by_name(
        (name, REDACTED if is_secret_header(name, value, secrets) else value)
        for name, value in headers
    )


def _group_by_name(headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Headers as an object; what stands several times has a list of values."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in _CONNECTION_HEADERS:
            found.setdefault(name, []).append(value)
    return {
        name: values if len(values) > 1 else values[0] for name, values in found.items()
    }


def is_secret_header(name: str, value: str, secrets: Sequence[str]) -> bool:
    return name.lower() == "set-cookie" or any(each in value for each in secrets)
