"""A video of a response, and the still images that belong to it."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from mockserver.media.image.plan import BadImage
from mockserver.media.image.uploads import (
    LARGE_PIXELS,
    MAX_URL_UPLOAD_BYTES,
    is_large,
    thumbnail_within,
    verify,
)
from mockserver.media.video.plan import VideoPlan
from mockserver.media.video.render import frame_image, render

PNG = "image/png"
STILL = "still"  # in the facts of an output: seconds and media type of an image


@dataclass(frozen=True, slots=True)
class VideoOutput(VideoPlan):
    """
    A video of a response.

    `resolution` and `aspect_ratio` are as responses state them. `has_last_frame` is
    true if the request asks for its last frame as an image.
    """

    resolution: str = ""
    aspect_ratio: str = ""
    has_last_frame: bool = False

    medium: ClassVar[str] = "video"

    @property
    def uploads(self) -> Sequence[bytes]:
        return [each for each in (self.first, self.last) if each is not None]

    @property
    def needs_helper(self) -> bool:
        return True  # each of its coded pictures is joined at once

    @property
    def details(self) -> Mapping[str, Any]:
        whole = float(self.duration).is_integer()
        return {
            "width": self.width,
            "height": self.height,
            "size": f"{self.width}x{self.height}",
            "duration": int(self.duration) if whole else self.duration,
            "frame_rate": self.frame_rate,
            "resolution": self.resolution,
            "ratio": self.aspect_ratio,
            "sound": self.sound,
            "seed": int(self.identity[:8], 16),
        }

    def render(self) -> bytes:
        return render(self)

    def render_quickly(self) -> bytes | None:
        return None

    def unreadable_upload(self) -> str | None:
        for field, data in (("image", self.first), ("last_image", self.last)):
            try:
                if data is not None:
                    verify(data)
            except BadImage:
                return field
        return None

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {name: getattr(self, name) for name in _FIELD_NAMES}
        for name in ("first", "last"):
            facts[name] = facts[name] and base64.b64encode(facts[name]).decode()
        return facts

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        images = {
            name: facts[name] and base64.b64decode(facts[name])
            for name in ("first", "last")
        }
        return cls(**{**facts, **images})

    def with_small_uploads(self) -> Self:
        count = len(self.uploads)
        if not count:
            return self
        share = MAX_URL_UPLOAD_BYTES // count
        return replace(
            self,
            first=self.first and thumbnail_within(self.first, share),
            last=self.last and thumbnail_within(self.last, share),
        )

    def stills(self) -> "Mapping[str, VideoStill]":
        stills = {"cover_url": VideoStill(self, 0.0)}
        if self.has_last_frame:
            stills["last_frame_url"] = VideoStill(self, self.duration)
        return stills

    def poster(self, media_type: str | None = None) -> "VideoStill":
        return VideoStill(self, 0.0, media_type or PNG)


@dataclass(frozen=True, slots=True)
class VideoStill:
    """A frame of a video, as an image."""

    video: VideoOutput
    seconds: float
    media_type: str = PNG

    medium: ClassVar[str] = "video"

    @property
    def extension(self) -> str:
        return self.media_type.removeprefix("image/")

    @property
    def identity(self) -> str:
        text = f"{self.video.identity} {self.seconds} {self.media_type}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def request(self) -> str:
        return self.video.request

    @property
    def uploads(self) -> Sequence[bytes]:
        return self.video.uploads

    @property
    def needs_helper(self) -> bool:
        pixels = self.video.width * self.video.height
        return pixels > LARGE_PIXELS or any(map(is_large, self.uploads))

    @property
    def details(self) -> Mapping[str, Any]:
        return {"width": self.video.width, "height": self.video.height}

    def render(self) -> bytes:
        return frame_image(self.video, self.seconds, self.extension)

    def render_quickly(self) -> bytes | None:
        return None

    def unreadable_upload(self) -> str | None:
        return self.video.unreadable_upload()

    def facts(self) -> dict[str, Any]:
        return {**self.video.facts(), STILL: [self.seconds, self.media_type]}

    def with_small_uploads(self) -> Self:
        return replace(self, video=self.video.with_small_uploads())

    def stills(self) -> "Mapping[str, VideoStill]":
        return {}

    def poster(self, media_type: str | None = None) -> Self:
        return replace(self, media_type=media_type or self.media_type)


_FIELD_NAMES = tuple(each.name for each in fields(VideoOutput))
