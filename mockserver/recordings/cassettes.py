"""
Find recorded responses by their requests, to replay them without the provider.

A folder of recordings holds one JSON file per request and, in a subfolder, the images
of the responses by hash. `cassette.schema.yaml` describes a file.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from aiohttp import web

from mockserver.media.image.plan import MEDIA_TYPES
from mockserver.recordings.cassette_file import (
    IMAGES_FOLDER,
    CassetteError,
    RecordedResponse,
    read_recording,
    recording_number,
)
from mockserver.recordings.request_key import request_key, without_file_bytes

MAX_NAMED_DIFFERENCES = 5
MAX_VALUE_LENGTH = 60


class Cassettes:
    """
    The recordings of a folder, found by request.

    A repeated request gets the next of its recordings; the last one repeats. `ignored`
    are fields in which a request may differ from its recording.
    """

    def __init__(
        self,
        folder: Path,
        recordings: Sequence[RecordedResponse],
        ignored: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self._ignored = frozenset(ignored)
        self.recordings = tuple(recordings)
        self._by_key: dict[str, dict[str, list[RecordedResponse]]] = {}
        for recording in recordings:
            key = recording.key
            if ignored:
                key = self._key(recording.operation, recording.payload)
            providers = self._by_key.setdefault(key, {})
            providers.setdefault(recording.provider, []).append(recording)
        self._replay_counts: dict[tuple[str, str], int] = {}
        self._files = {name for each in recordings for name in each.files}

    @classmethod
    def open(cls, folder: str | Path, ignored: Collection[str] = ()) -> "Cassettes":
        """
        Read the recordings in a folder.

        Raises `CassetteError` if there are none or one cannot be used; the message
        names the file and the place in it.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CassetteError(f"{folder} is not a folder of recordings")
        paths = sorted(folder.glob("*.json"), key=_sort_key)
        if not paths:
            raise CassetteError(f"{folder} contains no recordings")
        return cls(folder, [read_recording(path) for path in paths], ignored)

    def _key(self, operation: str, payload: Any) -> str:
        return request_key(operation, self._compared(payload))

    def _compared(self, payload: Any) -> Any:
        """A payload without the ignored fields."""
        if not self._ignored or not isinstance(payload, Mapping):
            return payload
        return {
            name: value for name, value in payload.items() if name not in self._ignored
        }

    def find(
        self, operation: str, payload: Any, *, provider: str | None = None
    ) -> RecordedResponse | None:
        """
        Return the next response to a request, of one or any provider; None if missing.

        `payload` is the JSON of the request, with files inline or as their facts.
        """
        key = self._key(operation, payload)
        for name, recordings in self._by_key.get(key, {}).items():
            if provider in {None, name}:
                count = self._replay_counts.get((name, key), 0)
                self._replay_counts[name, key] = count + 1
                return recordings[min(count, len(recordings) - 1)]
        return None

    def rewind(self) -> None:
        """Restart with the first recording of each request."""
        self._replay_counts.clear()

    def explain_miss(
        self, operation: str, payload: Any, *, provider: str | None = None
    ) -> str:
        """Return a sentence that names the differences from the nearest recording."""
        requested = _leaves(without_file_bytes(self._compared(payload)))
        nearest: tuple[list[str], RecordedResponse] | None = None
        for recording in self.recordings:
            is_comparable = provider in {None, recording.provider}
            if recording.operation != operation or not is_comparable:
                continue
            recorded = _leaves(without_file_bytes(self._compared(recording.payload)))
            names = _differing_names(requested, recorded)
            if nearest is None or len(names) < len(nearest[0]):
                nearest = names, recording
        if nearest is None:
            return f"no recording of {operation} in {self.folder}"
        names, recording = nearest
        recorded = _leaves(without_file_bytes(recording.payload))
        differences = [
            _difference(name, recorded, requested)
            for name in names[:MAX_NAMED_DIFFERENCES]
        ]
        more = len(names) - MAX_NAMED_DIFFERENCES
        return (
            f"no recording of this request; the nearest, {recording.path.name}, "
            f"differs in {'; in '.join(differences)}"
            + (f"; and in {more} more" if more > 0 else "")
        )

    async def serve_image(self, request: web.Request) -> web.StreamResponse:
        """Handle `GET REPLAY_PATH/{name}`: send a recorded image."""
        name = request.match_info["name"]
        headers = {"Access-Control-Allow-Origin": "*"}
        if name not in self._files:
            text = "No such image.\n"
            return web.Response(status=404, text=text, headers=headers)
        extension = name.partition(".")[2]
        headers["Content-Type"] = MEDIA_TYPES.get(extension, "application/octet-stream")
        return web.FileResponse(self.folder / IMAGES_FOLDER / name, headers=headers)


def _differing_names(
    requested: Mapping[str, Any], recorded: Mapping[str, Any]
) -> list[str]:
    return [
        name
        for name in dict.fromkeys([*requested, *recorded])
        if requested.get(name, _MISSING) != recorded.get(name, _MISSING)
    ]


def _sort_key(path: Path) -> tuple[float, str]:
    number = recording_number(path)
    return (float("inf") if number is None else number), path.name


_MISSING = object()


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Return the leaves of a canonical payload by paths: `images[0].image_url`."""
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
    """Return one difference; of two texts, the part around the first difference."""
    old, new = recorded.get(name, _MISSING), requested.get(name, _MISSING)
    if isinstance(old, str) and isinstance(new, str):
        pairs = zip(old, new, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        begin = max(0, common - MAX_VALUE_LENGTH // 2)
        old, new = (f"…{each[begin:]}" if begin else each for each in (old, new))
    return (
        f"{name or 'the request'}: recorded {_format_value(old)}, "
        f"requested {_format_value(new)}"
    )


def _format_value(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    if isinstance(value, Mapping) and set(value) == {"sha256"}:
        return f"a file {str(value['sha256'])[:8]}…"
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
