"""A video of a response, decoded, and compared with the request for it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.media.video.probe import VideoFacts, probe
from specs import Dialect

DURATION_TOLERANCE = 0.5  # seconds
RATIO_TOLERANCE = 0.03  # of the quotient
EDGE_TOLERANCE = 0.1  # of the shorter edge that a resolution names
_RATIO = re.compile(r"[1-9][0-9]*:[1-9][0-9]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class DecodedVideo:
    """A video with its facts. `problem` is None if it decodes to the last frame."""

    data: bytes
    facts: VideoFacts

    @property
    def problem(self) -> str | None:
        return self.facts.problem

    @property
    def summary(self) -> str:
        facts = self.facts
        sound = "with sound" if facts.has_sound else "silent"
        return (
            f"{facts.container.upper()} {facts.width}x{facts.height}, "
            f"{facts.duration:g} s, {facts.frame_rate:g} fps, {sound}"
        )


def decode_video(data: bytes) -> DecodedVideo:
    """Decode a video. Blocks."""
    return DecodedVideo(data, probe(data))


def result_problems(
    video: DecodedVideo, request: Mapping[str, Any], dialect: Dialect
) -> Iterator[str]:
    """
    Yield what the video has other than the request asks for.

    Only what the request itself says is compared: `adaptive`, `-1` and fields that are
    left out leave it to the server.
    """
    facts, wanted = video.facts, dialect.video.facts(request)
    is_open = str(request.get("duration")) in {"None", "-1", "auto"}
    is_requested = not is_open or request.get("frames") is not None
    gap = abs(facts.duration - wanted.duration)
    if is_requested and gap > DURATION_TOLERANCE:
        yield f"is {facts.duration:g} s long; requested: {wanted.duration:g} s"
    ratio = request.get("aspect_ratio")
    if isinstance(ratio, str) and _RATIO.fullmatch(ratio) and facts.height:
        width, height = map(int, ratio.split(":"))
        quotient = facts.width / facts.height * height / width
        if abs(quotient - 1) > RATIO_TOLERANCE:
            yield f"is {facts.width}x{facts.height}; requested ratio: {ratio}"
    if request.get("resolution") is not None or request.get("size") is not None:
        short, shorter = (
            min(facts.width, facts.height),
            min(wanted.width, wanted.height),
        )
        if abs(short - shorter) > EDGE_TOLERANCE * shorter:
            yield (
                f"is {facts.width}x{facts.height}; requested: "
                f"{wanted.width}x{wanted.height}"
            )
    if request.get("sound") is not None and facts.has_sound != wanted.sound:
        words = {True: "with sound", False: "silent"}
        yield f"is {words[facts.has_sound]}; requested: {words[wanted.sound]}"
