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

from mockserver.media.image.drawing.encode import look_at
from mockserver.recordings.cassettes import (
    ENCODED,
    FORMAT,
    HIDDEN,
    MIN_RUN,
    PICTURES,
    Part,
    digest,
    inlined,
    key_of,
    number,
)

MIN_SECRET = 6  # what is shorter is a placeholder, and stands in every other word

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Taken:
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
    asked_with: Headers = ()
    at: float | None = None
    problem: str | None = None


class Recorder:
    """Writes exchanges into a folder, after those that are there already."""

    def __init__(self, folder: str | Path) -> None:
        """Raises `OSError` when nothing can be written there."""
        self.folder = Path(folder)
        (self.folder / PICTURES).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.folder):
            pass
        numbers = [number(each) for each in self.folder.glob("*.json")]
        self._last = max([each for each in numbers if each is not None], default=0)

    def record(self, taken: Taken) -> Path:
        """
        Write an exchange down, whole or not at all; the path of its file.

        Raises `OSError` when it cannot be written. Blocks.
        """
        key = key_of(taken.operation, taken.payload)
        content = {
            "format": FORMAT,
            "provider": taken.provider,
            "operation": taken.operation,
            "key": key,
            "recorded": _moment(taken.at),
            "request": _request(taken),
            "response": self._response(taken),
        }
        name = f"{self._last + 1:04}-{_plain(taken.operation)}-{key[:8]}.json"
        path = self.folder / name
        _write(path, _json(content))
        self._last += 1
        return path

    def _response(self, taken: Taken) -> dict[str, Any]:
        links = {url: each for url, each in taken.links.items() if each is not None}
        unrecorded = [url for url in taken.links if url not in links]
        body = _blanked(taken.body, taken.secrets)
        pieces = _events(body, taken.arrivals)
        said = [
            {
                "after_ms": round(seconds * 1000),
                "body": self._parts(piece, links, taken.secrets),
            }
            for seconds, piece in pieces
        ]
        parts = {"events": said} if taken.arrivals else {"body": said[0]["body"]}
        return {
            "status": taken.status,
            "headers": _answered_with(taken.headers, taken.secrets),
            **parts,
            **(
                {"problem": without(taken.problem, taken.secrets)}
                if taken.problem
                else {}
            ),
            **(
                {"unrecorded": without(unrecorded, taken.secrets)} if unrecorded else {}
            ),
        }

    def _parts(
        self, body: bytes, links: Mapping[str, bytes], secrets: Sequence[str]
    ) -> list[Part]:
        """A body as text, with what is kept in files taken out of it."""
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return [{"file": self._kept(body), "as": "bytes"}]
        parts: list[Part] = []
        at = 0
        for start, end, part, data in sorted(
            [*_links(text, links), *_pictures(text)], key=lambda found: found[:2]
        ):
            if start < at:
                continue
            if text[at:start]:
                parts.append(text[at:start])
            parts.append({**part, "file": self._kept(_blanked(data, secrets))})
            at = end
        return [*parts, text[at:]] if text[at:] or not parts else parts

    def _kept(self, data: bytes) -> str:
        """The name of the file that holds some bytes; written if it is new."""
        name = f"{digest(data)}.{_kind(data) or 'bin'}"
        path = self.folder / PICTURES / name
        if not path.exists():
            _write(path, data)
        return name


def _json(content: Any) -> bytes:
    """JSON for people to read and compare; half of a surrogate pair stays escaped."""
    try:
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(content, indent=2) + "\n").encode()


def _moment(at: float | None) -> str:
    when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    return when.isoformat(timespec="milliseconds")


def _request(taken: Taken) -> dict[str, Any]:
    described = _described(taken.payload)
    payload = without(described, taken.secrets)
    request = {
        "method": taken.method,
        "path": without(taken.path, taken.secrets),
        "media_type": taken.media_type,
        "headers": _asked_with(taken.asked_with, taken.secrets),
        "payload": payload,
    }
    return {**request, "redacted": True} if payload != described else request


def _plain(operation: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", operation)[:60]


def _blanked(data: bytes, secrets: Sequence[str]) -> bytes:
    """The same bytes with stars over each secret: nothing else moves."""
    for each in secrets:
        secret = each.encode("utf-8", "surrogateescape")
        data = data.replace(secret, b"*" * len(secret))
    return data


_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def _events(
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


Cut = tuple[int, int, dict[str, str], bytes]
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_RUN = re.compile(rf"[A-Za-z0-9+/\\]{{{MIN_RUN},}}[A-Za-z0-9+/]={{0,2}}")


def _links(text: str, links: Mapping[str, bytes]) -> Iterator[Cut]:
    """Where the addresses stand in a text, as JSON writes them."""
    if not links:
        return
    for match in _STRING.finditer(text):
        try:
            url = json.loads(match[0])
        except ValueError:
            continue
        if url in links:
            yield match.start(), match.end(), {"link": match[0]}, links[url]


def _pictures(text: str) -> Iterator[Cut]:
    """Where pictures stand in a text as base64 that can be written the same again."""
    for match in _RUN.finditer(text):
        run = match[0]
        how = "escaped" if "\\" in run else "base64"
        try:
            data = base64.b64decode(run.replace("\\/", "/"), validate=True)
        except (binascii.Error, ValueError):
            continue
        if _kind(data) and ENCODED[how](data) == run:
            yield match.start(), match.end(), {"as": how}, data


def _kind(data: bytes) -> str | None:
    """The format that the first bytes of a picture tell."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    magic = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
    return next((kind for each, kind in magic.items() if data.startswith(each)), None)


def _write(path: Path, data: bytes) -> None:
    """Write a file that takes its name only once it is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _described(value: Any) -> Any:
    """A payload as it is written down: the facts of files in place of their bytes."""
    if isinstance(value, str):
        found = inlined(value)
        return look_at(found[1], content_type=found[0]).facts() if found else value
    if isinstance(value, Mapping):
        return {name: _described(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_described(each) for each in value]
    return value


_SECRET = re.compile(
    "auth|cookie|key|token|secret|session|signature|password|credential", re.IGNORECASE
)
_PRIVATE = re.compile(rf"{_SECRET.pattern}|organi[sz]ation|project", re.IGNORECASE)
_OF_THE_CONNECTION = {"host", "content-length", "content-encoding", "date"}


def secrets_in(headers: Headers) -> tuple[str, ...]:
    """The values in a request's headers that must stand nowhere, the longest first."""
    values = [value.strip() for name, value in headers if _SECRET.search(name)]
    found = {part for value in values for part in (value, value.rpartition(" ")[2])}
    kept = [each for each in found if len(each) >= MIN_SECRET]
    return tuple(sorted(kept, key=lambda each: (-len(each), each)))


def without(value: Any, secrets: Sequence[str]) -> Any:
    """A JSON value with every secret hidden, in the names of members as well."""
    if isinstance(value, str):
        for each in secrets:
            value = value.replace(each, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {
            without(name, secrets): without(each, secrets)
            for name, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without(each, secrets) for each in value]
    return value


def _asked_with(headers: Headers, secrets: Sequence[str]) -> dict[str, Any]:
    return _by_name(
        (name, HIDDEN if _PRIVATE.search(name) else without(value, secrets))
        for name, value in headers
    )


def _answered_with(headers: Headers, secrets: Sequence[str]) -> dict[str, Any]:
    return _by_name(
        (name, HIDDEN if _tells(name, value, secrets) else value)
        for name, value in headers
    )


def _by_name(headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Headers as an object; what stands several times has a list of values."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in _OF_THE_CONNECTION:
            found.setdefault(name, []).append(value)
    return {
        name: values if len(values) > 1 else values[0] for name, values in found.items()
    }


def _tells(name: str, value: str, secrets: Sequence[str]) -> bool:
    return name.lower() == "set-cookie" or any(each in value for each in secrets)
