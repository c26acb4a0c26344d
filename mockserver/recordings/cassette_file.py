"""The format of cassette files, and their reader."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from mockserver.recordings.body_parts import Part, encode_file
from mockserver.recordings.redaction import REDACTED
from mockserver.recordings.request_key import digest, request_key
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator

FORMAT = "imageparity-cassette/1"
IMAGES_FOLDER = "pictures"
REPLAY_PATH = "/_replay"


class CassetteError(ValueError):
    """A recording that cannot be used; the message names the file and the problem."""


def recording_number(path: Path) -> int | None:
    """Return the number that a file name begins with; None if there is none."""
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else None


@dataclass(frozen=True)
class RecordedResponse:
    """
    A recorded response that can be replayed.

    `unrecorded` are URLs in it whose images were not recorded. `problem` is the reason
    why the response is incomplete, or None. `at` is the time of the recording, in
    seconds since 1970. `parts` are pairs of seconds since the part before, and parts.
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
        """The names of the files that the response contains."""
        return {
            part["file"]
            for _, parts in self.parts
            for part in parts
            if not isinstance(part, str)
        }

    def links(self) -> dict[str, bytes]:
        """Return the URLs in the response with their recorded images. Blocks."""
        return {
            json.loads(part["link"]): self._read_file(part["file"])
            for _, parts in self.parts
            for part in parts
            if not isinstance(part, str) and "link" in part
        }

    @property
    def replay_header(self) -> str:
        """The value of the header `X-Mock-Replay`."""
        return "hit; pictures=unrecorded" if self.unrecorded else "hit"

    def body(self, origin: str | None = None) -> bytes:
        """
        Return the body as it was recorded.

        With an `origin`, such as `http://127.0.0.1:8080`, the URLs of recorded images
        are replaced by URLs of that origin. Raises `CassetteError` if a file is missing
        or was changed. Blocks.
        """
        return b"".join(chunk for _, chunk in self.timed_chunks(origin))

    def timed_chunks(self, origin: str | None = None) -> list[tuple[float, bytes]]:
        """Return the body as pairs of seconds since the chunk before, and bytes."""
        return [
            (seconds, b"".join(self._part_bytes(part, origin) for part in parts))
            for seconds, parts in self.parts
        ]

    def _part_bytes(self, part: Part, origin: str | None) -> bytes:
        if isinstance(part, str):
            return part.encode()
        name = part["file"]
        if "link" in part:
            url = f"{origin}{REPLAY_PATH}/{name}"
            return (part["link"] if origin is None else json.dumps(url)).encode()
        return encode_file(self._read_file(name), part["as"])

    def _read_file(self, name: str) -> bytes:
        file = self.path.parent / IMAGES_FOLDER / name
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CassetteError(f"{file} cannot be read: {error.strerror}") from None
        if digest(data) != name.partition(".")[0]:
            raise CassetteError(f"{file} was changed: its hash is not its name")
        return data


@cache
def _cassette_validator() -> Any:
    return compile_validator(
        read_yaml(files("mockserver.recordings"), "cassette.schema.yaml")
    )


def read_recording(path: Path) -> RecordedResponse:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CassetteError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{path} is not JSON: {error}") from None
    for violation in _cassette_validator().iter_errors(content):
        pointer = "".join(f"/{step}" for step in violation.instance_path)
        raise CassetteError(f"{path}#{pointer}: {violation.message[:200]}")
    request, response = content["request"], content["response"]
    key = request_key(content["operation"], request["payload"])
    if key != content["key"] and not request.get("redacted"):
        raise CassetteError(
            f"{path}#/key: the request was changed; its key is now {key}"
        )
    chunks = response.get("events") or [
        {"after_ms": 0, "body": response.get("body", [])}
    ]
    recording = RecordedResponse(
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
        parts=tuple((each["after_ms"] / 1000, tuple(each["body"])) for each in chunks),
    )
    for name in sorted(recording.files):
        if not (path.parent / IMAGES_FOLDER / name).is_file():
            raise CassetteError(
                f"{path}: {IMAGES_FOLDER}/{name} is missing; copy it there or record "
                "again"
            )
    return recording


def _timestamp(path: Path, recorded: str | None) -> float | None:
    try:
        return datetime.fromisoformat(recorded).timestamp() if recorded else None
    except ValueError:
        raise CassetteError(
            f"{path}#/recorded is not an ISO 8601 time: {recorded}"
        ) from None
