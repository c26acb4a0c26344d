"""
Exchanges that were written down, answered again without whoever answered first.

A folder of cassettes holds one JSON file an exchange, and beside them, by their hash,
the pictures that stood in the answers. `cassette.schema.yaml` describes a file.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Any

from aiohttp import web

from mockserver.media.image.drawing.encode import FORMATS
from specs import Upload
from specs.documents.references import read_yaml
from specs.validation.judge import compiled

FORMAT = "imageparity-cassette/1"
PICTURES = "pictures"
REPLAYED = "/_replay"
HIDDEN = "***"
MIN_RUN = 256  # characters of base64 that may be a file
MAX_NAMED = 5
MAX_SHOWN = 60

Part = str | Mapping[str, str]


class CassetteError(ValueError):
    """A recording that cannot be used: where it is, what is wrong, what mends it."""


def key_of(operation: str, payload: Any) -> str:
    """
    The name of a canonical request: 64 hexadecimal digits.

    Files count by what is in them, never by what they are called; the order of
    members does not count.
    """
    text = json.dumps([operation, canonical(payload)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> Any:
    """A payload with each file, however it was sent, as the hash of its bytes."""
    if isinstance(value, str):
        found = inlined(value)
        return {"sha256": digest(found[1])} if found else value
    if isinstance(value, Mapping):
        if set(value) == _FACTS:
            return {"sha256": value["sha256"]}
        return {name: canonical(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(each) for each in value]
    return value


_FACTS = {each.name for each in fields(Upload)}
_DATA_URI = re.compile(r"data:([^,;]*)(?:;[^,;]*)*;base64,")


def inlined(text: str) -> tuple[str, bytes] | None:
    """Media type and bytes of a file inside a text: a data URI, or long base64."""
    head = _DATA_URI.match(text)
    if head is None and len(text) < MIN_RUN:
        return None
    try:
        data = base64.b64decode(text[head.end() :] if head else text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return (head[1] if head else ""), data


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _escaped(data: bytes) -> str:
    return _base64(data).replace("/", "\\/")


ENCODED = {"base64": _base64, "escaped": _escaped}


def number(path: Path) -> int | None:
    """The place in the order of recordings that a file's name begins with."""
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else None


@dataclass(frozen=True)
class Recorded:
    """
    An answer that was written down, as it can be given again.

    `unrecorded` are addresses in it whose pictures are not here; `problem` says why
    the answer is not whole; `at` is when it came, in seconds since 1970.
    """

    path: Path
    provider: str
    operation: str
    key: str
    payload: Any
    status: int
    headers: tuple[tuple[str, str], ...]
    is_stream: bool
    unrecorded: tuple[str, ...]
    parts: tuple[tuple[float, tuple[Part, ...]], ...] = field(repr=False)
    problem: str | None = None
    at: float | None = None

    @property
    def files(self) -> set[str]:
        """The names of the files that it is made of."""
        return {
            part["file"]
            for _, parts in self.parts
            for part in parts
            if not isinstance(part, str)
        }

    def links(self) -> dict[str, bytes]:
        """The addresses in the answer whose pictures are here, with them. Blocks."""
        return {
            json.loads(part["link"]): self._file(part["file"])
            for _, parts in self.parts
            for part in parts
            if not isinstance(part, str) and "link" in part
        }

    @property
    def note(self) -> str:
        """What a replayed answer says of itself in `X-Mock-Replay`."""
        return "hit; pictures=unrecorded" if self.unrecorded else "hit"

    def body(self, origin: str | None = None) -> bytes:
        """
        The answer's bytes: those that were recorded.

        With an `origin`, such as `http://127.0.0.1:8080`, addresses whose pictures are
        here lead there. Raises `CassetteError` when a picture was changed. Blocks.
        """
        return b"".join(piece for _, piece in self.pieces(origin))

    def pieces(self, origin: str | None = None) -> list[tuple[float, bytes]]:
        """The same as it came: seconds since what came before, and bytes."""
        return [
            (seconds, b"".join(self._bytes(part, origin) for part in parts))
            for seconds, parts in self.parts
        ]

    def _bytes(self, part: Part, origin: str | None) -> bytes:
        if isinstance(part, str):
            return part.encode()
        name = part["file"]
        if "link" in part:
            address = f"{origin}{REPLAYED}/{name}"
            return (part["link"] if origin is None else json.dumps(address)).encode()
        data = self._file(name)
        return data if part["as"] == "bytes" else ENCODED[part["as"]](data).encode()

    def _file(self, name: str) -> bytes:
        file = self.path.parent / PICTURES / name
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CassetteError(f"{file} cannot be read: {error.strerror}") from None
        if digest(data) != name.partition(".")[0]:
            raise CassetteError(f"{file} was changed: it is not what its name says")
        return data


class Cassettes:
    """
    The recordings of a folder, found by what is asked.

    The same question asked again gets the next of its recordings; the last repeats.
    """

    def __init__(self, folder: Path, recordings: Sequence[Recorded]) -> None:
        self.folder = folder
        self.recordings = tuple(recordings)
        self._by_key: dict[str, dict[str, list[Recorded]]] = {}
        for each in recordings:
            providers = self._by_key.setdefault(each.key, {})
            providers.setdefault(each.provider, []).append(each)
        self._played: dict[tuple[str, str], int] = {}
        self._files = {name for each in recordings for name in each.files}

    @classmethod
    def open(cls, folder: str | Path) -> "Cassettes":
        """
        The recordings in a folder.

        Raises `CassetteError` when there are none, or when one of them cannot be
        used: it names the file and the place in it.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CassetteError(f"{folder} is no folder of recordings")
        paths = sorted(folder.glob("*.json"), key=_order)
        if not paths:
            raise CassetteError(f"{folder} holds no recordings")
        return cls(folder, [_read(path) for path in paths])

    def find(
        self, operation: str, payload: Any, *, provider: str | None = None
    ) -> Recorded | None:
        """
        The next answer to a request, if it was recorded; of any provider or of one.

        `payload` is what `payload_from` gives, or any JSON that was recorded.
        """
        key = key_of(operation, payload)
        for name, found in self._by_key.get(key, {}).items():
            if provider in {None, name}:
                turn = self._played.get((name, key), 0)
                self._played[name, key] = turn + 1
                return found[min(turn, len(found) - 1)]
        return None

    def rewind(self) -> None:
        """Begin anew with the first recording of each request."""
        self._played.clear()

    def nearest(
        self, operation: str, payload: Any, *, provider: str | None = None
    ) -> str:
        """Why nothing was found, in a sentence: how the nearest recording differs."""
        asked = _members(canonical(payload))
        near: tuple[list[str], Recorded] | None = None
        for each in self.recordings:
            if each.operation != operation or provider not in {None, each.provider}:
                continue
            there = _members(canonical(each.payload))
            names = list(dict.fromkeys([*asked, *there]))
            apart = [n for n in names if asked.get(n, _NONE) != there.get(n, _NONE)]
            if near is None or len(apart) < len(near[0]):
                near = apart, each
        if near is None:
            return f"no recording of {operation} in {self.folder}"
        there = _members(canonical(near[1].payload))
        said = [_difference(name, there, asked) for name in near[0][:MAX_NAMED]]
        more = len(near[0]) - MAX_NAMED
        return (
            f"no recording of this request; the nearest, {near[1].path.name}, differs "
            f"in {'; in '.join(said)}" + (f"; and in {more} more" if more > 0 else "")
        )

    async def show(self, request: web.Request) -> web.StreamResponse:
        """A recorded picture at `REPLAYED/{name}`."""
        name = request.match_info["name"]
        headers = {"Access-Control-Allow-Origin": "*"}
        if name not in self._files:
            text = "No such picture.\n"
            return web.Response(status=404, text=text, headers=headers)
        kind = name.partition(".")[2]
        headers["Content-Type"] = FORMATS.get(kind, "application/octet-stream")
        return web.FileResponse(self.folder / PICTURES / name, headers=headers)


def _order(path: Path) -> tuple[float, str]:
    found = number(path)
    return (float("inf") if found is None else found), path.name


@cache
def _schema() -> Any:
    return compiled(read_yaml(files("mockserver.recordings"), "cassette.schema.yaml"))


def _read(path: Path) -> Recorded:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CassetteError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{path} is not JSON: {error}") from None
    for wrong in _schema().iter_errors(content):
        place = "".join(f"/{step}" for step in wrong.instance_path)
        raise CassetteError(f"{path}#{place}: {wrong.message[:200]}")
    request, response = content["request"], content["response"]
    key = key_of(content["operation"], request["payload"])
    if key != content["key"] and not request.get("redacted"):
        raise CassetteError(
            f"{path}#/key: it is not that of the request, which was changed; "
            f"its key is now {key}"
        )
    said = response.get("events") or [{"after_ms": 0, "body": response.get("body", [])}]
    pieces = tuple((each["after_ms"] / 1000, tuple(each["body"])) for each in said)
    recorded = Recorded(
        path=path,
        provider=content["provider"],
        operation=content["operation"],
        key=content["key"],
        payload=request["payload"],
        status=response["status"],
        headers=tuple(
            (name, value)
            for name, values in response["headers"].items()
            for value in ([values] if isinstance(values, str) else values)
            if value != HIDDEN
        ),
        is_stream="events" in response,
        unrecorded=tuple(response.get("unrecorded", ())),
        problem=response.get("problem"),
        at=_seconds(path, content.get("recorded")),
        parts=pieces,
    )
    for name in sorted(recorded.files):
        if not (path.parent / PICTURES / name).is_file():
            raise CassetteError(
                f"{path}: {PICTURES}/{name} is missing; copy it there or record again"
            )
    return recorded


def _seconds(path: Path, recorded: str | None) -> float | None:
    try:
        return datetime.fromisoformat(recorded).timestamp() if recorded else None
    except ValueError:
        raise CassetteError(
            f"{path}#/recorded is no ISO 8601 time: {recorded}"
        ) from None


_NONE = object()


def _members(value: Any, name: str = "") -> dict[str, Any]:
    """The leaves of a canonical payload, by names such as `images[0].image_url`."""
    if isinstance(value, Mapping) and value and set(value) != {"sha256"}:
        return {
            path: leaf
            for key, each in value.items()
            for path, leaf in _members(each, f"{name}.{key}".lstrip(".")).items()
        }
    if isinstance(value, list) and value:
        return {
            path: leaf
            for at, each in enumerate(value)
            for path, leaf in _members(each, f"{name}[{at}]").items()
        }
    return {name: value}


def _difference(name: str, there: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    one, two = there.get(name, _NONE), asked.get(name, _NONE)
    if isinstance(one, str) and isinstance(two, str):
        pairs = zip(one, two, strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        begin = max(0, alike - MAX_SHOWN // 2)
        one, two = (f"…{each[begin:]}" if begin else each for each in (one, two))
    return f"{name or 'the request'}: {_shown(one)} was recorded, {_shown(two)} asked"


def _shown(value: Any) -> str:
    if value is _NONE:
        return "nothing"
    if isinstance(value, Mapping) and set(value) == {"sha256"}:
        return f"a file {str(value['sha256'])[:8]}…"
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
