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

from mockserver.media.image.plan import FORMATS
from specs import Upload
from specs.documents.yaml_files import read_yaml
from specs.validation.engine import compile_validator

FORMAT = "imageparity-cassette/1"
IMAGES_FOLDER = "pictures"
REPLAY_PATH = "/_replay"
REDACTED = "***"
MIN_BASE64_LENGTH = 256  # characters of base64 that may be a file
MAX_NAMED_DIFFERENCES = 5
MAX_VALUE_LENGTH = 60

Part = str | Mapping[str, str]


class CassetteError(ValueError):
    """A recording that cannot be used: where it is, what is wrong, what mends it."""


def request_key(operation: str, payload: Any) -> str:
    """
    The name of a canonical request: 64 hexadecimal digits.

    Files count by what is in them, never by what they are called; the order of
    members does not count.
    """
    text = json.dumps([operation, without_file_bytes(payload)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def without_file_bytes(value: Any) -> Any:
    """A payload with each file, however it was sent, as the hash of its bytes."""
    if isinstance(value, str):
        found = inline_file(value)
        return {"sha256": digest(found[1])} if found else value
    if isinstance(value, Mapping):
        if set(value) == _UPLOAD_FIELDS:
            return {"sha256": value["sha256"]}
        return {name: without_file_bytes(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_file_bytes(each) for each in value]
    return value


_UPLOAD_FIELDS = {each.name for each in fields(Upload)}
_DATA_URI = re.compile(r"data:([^,;]*)(?:;[^,;]*)*;base64,")


def inline_file(text: str) -> tuple[str, bytes] | None:
    """Media type and bytes of a file inside a text: a data URI, or long base64."""
    head = _DATA_URI.match(text)
    if head is None and len(text) < MIN_BASE64_LENGTH:
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


def _escaped_base64(data: bytes) -> str:
    return _base64(data).replace("/", "\\/")


ENCODERS = {"base64": _base64, "escaped": _escaped_base64}


def recording_number(path: Path) -> int | None:
    """The place in the order of recordings that a file's name begins with."""
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else None


@dataclass(frozen=True)
class RecordedResponse:
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
            json.loads(part["link"]): self._read_file(part["file"])
            for _, parts in self.parts
            for part in parts
            if not isinstance(part, str) and "link" in part
        }

    @property
    def replay_header(self) -> str:
        """What a replayed answer says of itself in `X-Mock-Replay`."""
        return "hit; pictures=unrecorded" if self.unrecorded else "hit"

    def body(self, origin: str | None = None) -> bytes:
        """
        The answer's bytes: those that were recorded.

        With an `origin`, such as `http://127.0.0.1:8080`, addresses whose pictures are
        here lead there. Raises `CassetteError` when a picture was changed. Blocks.
        """
        return b"".join(piece for _, piece in self.timed_chunks(origin))

    def timed_chunks(self, origin: str | None = None) -> list[tuple[float, bytes]]:
        """The same as it came: seconds since what came before, and bytes."""
        return [
            (seconds, b"".join(self._part_bytes(part, origin) for part in parts))
            for seconds, parts in self.parts
        ]

    def _part_bytes(self, part: Part, origin: str | None) -> bytes:
        if isinstance(part, str):
            return part.encode()
        name = part["file"]
        if "link" in part:
            address = f"{origin}{REPLAY_PATH}/{name}"
            return (part["link"] if origin is None else json.dumps(address)).encode()
        data = self._read_file(name)
        return data if part["as"] == "bytes" else ENCODERS[part["as"]](data).encode()

    def _read_file(self, name: str) -> bytes:
        file = self.path.parent / IMAGES_FOLDER / name
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

    def __init__(self, folder: Path, recordings: Sequence[RecordedResponse]) -> None:
        self.folder = folder
        self.recordings = tuple(recordings)
        self._by_key: dict[str, dict[str, list[RecordedResponse]]] = {}
        for each in recordings:
            providers = self._by_key.setdefault(each.key, {})
            providers.setdefault(each.provider, []).append(each)
        self._replay_counts: dict[tuple[str, str], int] = {}
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
        paths = sorted(folder.glob("*.json"), key=_sort_key)
        if not paths:
            raise CassetteError(f"{folder} holds no recordings")
        return cls(folder, [_read_recording(path) for path in paths])

    def find(
        self, operation: str, payload: Any, *, provider: str | None = None
    ) -> RecordedResponse | None:
        """
        The next answer to a request, if it was recorded; of any provider or of one.

        `payload` is what `payload_from` gives, or any JSON that was recorded.
        """
        key = request_key(operation, payload)
        for name, found in self._by_key.get(key, {}).items():
            if provider in {None, name}:
                turn = self._replay_counts.get((name, key), 0)
                self._replay_counts[name, key] = turn + 1
                return found[min(turn, len(found) - 1)]
        return None

    def rewind(self) -> None:
        """Begin anew with the first recording of each request."""
        self._replay_counts.clear()

    def explain_miss(
        self, operation: str, payload: Any, *, provider: str | None = None
    ) -> str:
        """Why nothing was found, in a sentence: how the nearest recording differs."""
        asked = _leaves(without_file_bytes(payload))
        near: tuple[list[str], RecordedResponse] | None = None
        for each in self.recordings:
            if each.operation != operation or provider not in {None, each.provider}:
                continue
            there = _leaves(without_file_bytes(each.payload))
            names = list(dict.fromkeys([*asked, *there]))
            apart = [
                n for n in names if asked.get(n, _MISSING) != there.get(n, _MISSING)
            ]
            if near is None or len(apart) < len(near[0]):
                near = apart, each
        if near is None:
            return f"no recording of {operation} in {self.folder}"
        there = _leaves(without_file_bytes(near[1].payload))
        said = [
            _difference(name, there, asked) for name in near[0][:MAX_NAMED_DIFFERENCES]
        ]
        more = len(near[0]) - MAX_NAMED_DIFFERENCES
        return (
            f"no recording of this request; the nearest, {near[1].path.name}, differs "
            f"in {'; in '.join(said)}" + (f"; and in {more} more" if more > 0 else "")
        )

    async def serve_image(self, request: web.Request) -> web.StreamResponse:
        """A recorded picture at `REPLAYED/{name}`."""
        name = request.match_info["name"]
        headers = {"Access-Control-Allow-Origin": "*"}
        if name not in self._files:
            text = "No such picture.\n"
            return web.Response(status=404, text=text, headers=headers)
        kind = name.partition(".")[2]
        headers["Content-Type"] = FORMATS.get(kind, "application/octet-stream")
        return web.FileResponse(self.folder / IMAGES_FOLDER / name, headers=headers)


def _sort_key(path: Path) -> tuple[float, str]:
    found = recording_number(path)
    return (float("inf") if found is None else found), path.name


@cache
def _cassette_validator() -> Any:
    return compile_validator(
        read_yaml(files("mockserver.recordings"), "cassette.schema.yaml")
    )


def _read_recording(path: Path) -> RecordedResponse:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CassetteError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{path} is not JSON: {error}") from None
    for wrong in _cassette_validator().iter_errors(content):
        place = "".join(f"/{step}" for step in wrong.instance_path)
        raise CassetteError(f"{path}#{place}: {wrong.message[:200]}")
    request, response = content["request"], content["response"]
    key = request_key(content["operation"], request["payload"])
    if key != content["key"] and not request.get("redacted"):
        raise CassetteError(
            f"{path}#/key: it is not that of the request, which was changed; "
            f"its key is now {key}"
        )
    said = response.get("events") or [{"after_ms": 0, "body": response.get("body", [])}]
    pieces = tuple((each["after_ms"] / 1000, tuple(each["body"])) for each in said)
    recorded = RecordedResponse(
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
            if value != REDACTED
        ),
        is_stream="events" in response,
        unrecorded=tuple(response.get("unrecorded", ())),
        problem=response.get("problem"),
        at=_timestamp(path, content.get("recorded")),
        parts=pieces,
    )
    for name in sorted(recorded.files):
        if not (path.parent / IMAGES_FOLDER / name).is_file():
            raise CassetteError(
                f"{path}: {IMAGES_FOLDER}/{name} is missing; copy it there or record again"
            )
    return recorded


def _timestamp(path: Path, recorded: str | None) -> float | None:
    try:
        return datetime.fromisoformat(recorded).timestamp() if recorded else None
    except ValueError:
        raise CassetteError(
            f"{path}#/recorded is no ISO 8601 time: {recorded}"
        ) from None


_MISSING = object()


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    """The leaves of a canonical payload, by names such as `images[0].image_url`."""
    if isinstance(value, Mapping) and value and set(value) != {"sha256"}:
        return {
            path: leaf
            for key, each in value.items()
            for path, leaf in _leaves(each, f"{name}.{key}".lstrip(".")).items()
        }
    if isinstance(value, list) and value:
        return {
            path: leaf
            for at, each in enumerate(value)
            for path, leaf in _leaves(each, f"{name}[{at}]").items()
        }
    return {name: value}


def _difference(
    name: str, recorded: Mapping[str, Any], requested: Mapping[str, Any]
) -> str:
    one, two = recorded.get(name, _MISSING), requested.get(name, _MISSING)
    if isinstance(one, str) and isinstance(two, str):
        pairs = zip(one, two, strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        begin = max(0, alike - MAX_VALUE_LENGTH // 2)
        one, two = (f"…{each[begin:]}" if begin else each for each in (one, two))
    return f"{name or 'the request'}: {_format_value(one)} was recorded, {_format_value(two)} asked"


def _format_value(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    if isinstance(value, Mapping) and set(value) == {"sha256"}:
        return f"a file {str(value['sha256'])[:8]}…"
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
