"""The facts of a video that a request asks for, by the rules of a dialect."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specs.documents.condition import ALWAYS, Condition
from specs.media.image import size_of
from specs.validation.evidence import Basis

DEFAULTS: Mapping[str, Any] = {
    "duration": 5,
    "aspect_ratio": "16:9",
    "resolution": "720p",
    "frame_rate": 24,
    "sound": False,
}
"""What the mock takes where neither a request nor a dialect says it."""

SOURCE_DURATION = "source_duration"  # the field with the seconds of a video before

_RATIO = re.compile(r"([1-9][0-9]{0,3}):([1-9][0-9]{0,3})", re.ASCII)
_LINES = re.compile(r"([1-9][0-9]{2,3})p", re.ASCII | re.IGNORECASE)
_SHORT_EDGES = {"2k": 1440, "4k": 2160}


@dataclass(frozen=True, slots=True)
class SizeTable:
    """Sizes by resolution and aspect ratio, for the requests that meet `when`."""

    table: Mapping[str, Mapping[str, str]]
    source: str
    when: Condition = ALWAYS
    basis: Basis = Basis.DOCUMENTED


@dataclass(frozen=True, slots=True)
class VideoRule:
    """The value of one fact, such as the resolution, for requests that meet `when`."""

    value: Any
    source: str
    when: Condition = ALWAYS
    basis: Basis = Basis.DOCUMENTED


@dataclass(frozen=True, slots=True)
class VideoTokens:
    """
    The tokens of a video: one for each `pixels` pixels of all its frames.

    `extra_frames` are counted beside those that are seen.
    """

    pixels: int
    source: str
    extra_frames: int = 0
    basis: Basis = Basis.DOCUMENTED

    def count(self, facts: "VideoFacts") -> int:
        frames = round(facts.duration * facts.frame_rate) + self.extra_frames
        return facts.width * facts.height * frames // self.pixels


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Width and height in pixels, duration in seconds, and the rest of a video."""

    width: int
    height: int
    duration: float
    frame_rate: int
    resolution: str
    aspect_ratio: str
    sound: bool


@dataclass(frozen=True, slots=True)
class VideoRules:
    """
    The rules by which the requests of a provider describe a video.

    * `defaults`: by canonical field, for requests without it.
    * `sizes`, `resolution_of`, `frame_rate_of`, `sound_of`: of each the first entry
      that applies counts.
    * `values`: by canonical field, a provider's words for values, such as `on`.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    sizes: tuple[SizeTable, ...] = ()
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resolution_of: tuple[VideoRule, ...] = ()
    frame_rate_of: tuple[VideoRule, ...] = ()
    sound_of: tuple[VideoRule, ...] = ()
    tokens: VideoTokens | None = None

    def facts(
        self, request: Mapping[str, Any], image_size: tuple[int, int] | None = None
    ) -> VideoFacts:
        """
        The video of a request in canonical names. Its duration is added to that of the
        video that it continues, if the request has `SOURCE_DURATION`.

        `image_size` is the size of its first image, which decides an aspect ratio that
        the request leaves open. A value that is not understood counts as not given.
        """
        rate = self._frame_rate(request)
        given = self._value(request, "size")
        size = size_of(given)
        resolution = str(self._resolution(request, given)).lower()
        ratio = self._ratio(request, size, image_size)
        if size is None:
            size = self._table_size(request, resolution, ratio)
        width, height = size or _computed_size(resolution, ratio)
        return VideoFacts(
            width=width,
            height=height,
            duration=self._duration(request, rate)
            + (_number(request.get(SOURCE_DURATION)) or 0),
            frame_rate=rate,
            resolution=resolution,
            aspect_ratio=ratio,
            sound=self._sound(request),
        )

    def _value(self, request: Mapping[str, Any], name: str) -> Any:
        given = request.get(name)
        default = self.defaults.get(name, DEFAULTS.get(name))
        if given is None:
            return default
        words = self.values.get(name)
        if words is None:
            return given
        return words.get(_word(given), given)

    def _frame_rate(self, request: Mapping[str, Any]) -> int:
        found = _number(request.get("frame_rate")) or _first(
            self.frame_rate_of, request
        )
        return int(found or self._value({}, "frame_rate"))

    def _sound(self, request: Mapping[str, Any]) -> bool:
        found = None
        if request.get("sound") is None:
            found = _first(self.sound_of, request)
        return bool(self._value(request, "sound") if found is None else found)

    def _resolution(self, request: Mapping[str, Any], size: Any) -> Any:
        given = request.get("resolution")
        if given is None and isinstance(size, str) and _short_edge(size.lower()):
            return size
        if isinstance(given, str) and _short_edge(given.lower()):
            return given
        return _first(self.resolution_of, request) or self._value({}, "resolution")

    def _ratio(
        self,
        request: Mapping[str, Any],
        size: tuple[int, int] | None,
        image_size: tuple[int, int] | None,
    ) -> str:
        if size is not None:
            divisor = math.gcd(*size)
            return f"{size[0] // divisor}:{size[1] // divisor}"
        given = request.get("aspect_ratio")
        if isinstance(given, str) and _RATIO.fullmatch(given):
            return given
        default = str(self._value({}, "aspect_ratio"))
        if image_size is not None:
            return self._nearest_ratio(image_size)
        return default if _RATIO.fullmatch(default) else str(DEFAULTS["aspect_ratio"])

    def _nearest_ratio(self, size: tuple[int, int]) -> str:
        known = {
            ratio: None
            for entry in self.sizes
            for sizes in entry.table.values()
            for ratio in sizes
        } or {"16:9": None, "1:1": None, "9:16": None}
        wanted = size[0] / size[1]
        return min(known, key=lambda each: abs(math.log(_quotient(each) / wanted)))

    def _table_size(
        self, request: Mapping[str, Any], resolution: str, ratio: str
    ) -> tuple[int, int] | None:
        for entry in self.sizes:
            if entry.when.applies_to(request):
                rows = {name.lower(): row for name, row in entry.table.items()}
                size = size_of(rows.get(resolution, {}).get(ratio))
                if size is not None:
                    return size
        return None

    def _duration(self, request: Mapping[str, Any], rate: int) -> float:
        frames = _number(request.get("frames"))
        if frames is not None and frames > 0:
            return frames / rate
        given = _number(self._value(request, "duration"))
        if given is not None and given > 0:
            return given
        return float(_number(self._value({}, "duration")) or DEFAULTS["duration"])


def _first(rules: tuple[VideoRule, ...], request: Mapping[str, Any]) -> Any:
    return next((each.value for each in rules if each.when.applies_to(request)), None)


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> float | None:
    """A number, or the number that a text is; None for other values."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _quotient(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return int(width) / int(height)


def _short_edge(resolution: str) -> int | None:
    lines = _LINES.fullmatch(resolution)
    return int(lines[1]) if lines else _SHORT_EDGES.get(resolution)


def _computed_size(resolution: str, ratio: str) -> tuple[int, int]:
    """A size whose shorter edge is that of the resolution; both edges are even."""
    short = _short_edge(resolution) or 720
    quotient = _quotient(ratio)
    if quotient >= 1:
        return 2 * round(short * quotient / 2), short
    return short, 2 * round(short / quotient / 2)
