"""An image of a response: its plan, and how it is drawn."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from mockserver.media.image.drawing.encode import render_if_quick, render_image
from mockserver.media.image.plan import COMMON_FIELDS, MEDIA_TYPES, Plan
from mockserver.media.image.uploads import (
    LARGE_PIXELS,
    MAX_URL_UPLOAD_BYTES,
    first_unreadable,
    is_large,
    thumbnail_within,
)

MAX_INPUTS_IN_URL = 4


@dataclass(frozen=True, slots=True)
class ImageOutput(Plan):
    """An image of a response."""

    medium: ClassVar[str] = "image"
    __hash__ = Plan.__hash__  # `dataclass` would make another one

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.format]

    @property
    def extension(self) -> str:
        return self.format

    @property
    def uploads(self) -> tuple[bytes, ...]:
        """The images to edit, mask and markup; an image given by URL is empty."""
        if not self.inputs:
            return ()
        more = (each for each in (self.mask, self.markup) if each is not None)
        return (*self.inputs, *more)

    @property
    def needs_helper(self) -> bool:
        is_drawn_by_pillow = self.inputs or self.realistic or self.format == "gif"
        if is_drawn_by_pillow and self.pixels > LARGE_PIXELS:
            return True
        return any(map(is_large, self.uploads))

    @property
    def details(self) -> Mapping[str, Any]:
        return {
            "index": self.index,
            "width": self.width,
            "height": self.height,
            "size": f"{self.width}x{self.height}",
        }

    @property
    def background(self) -> str:
        """`transparent` or `opaque`, as requests name it."""
        return "transparent" if self.transparent else "opaque"

    def render(self) -> bytes:
        return render_image(self)

    def render_quickly(self) -> bytes | None:
        return render_if_quick(self)

    def unreadable_upload(self) -> str | None:
        return first_unreadable(self.inputs, mask=self.mask, markup=self.markup)

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {name: getattr(self, name) for name in COMMON_FIELDS}
        facts["inputs"] = [_encode_base64url(each) for each in self.inputs]
        facts["mask"] = self.mask and _encode_base64url(self.mask)
        facts.update(self.rare_facts())
        if self.markup:
            facts["markup"] = _encode_base64url(self.markup)
        return facts

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        inputs = tuple(base64.urlsafe_b64decode(each) for each in facts["inputs"])
        layers = {
            name: base64.urlsafe_b64decode(facts[name])
            for name in ("mask", "markup")
            if facts.get(name)
        }
        return cls(**{**facts, "inputs": inputs, **layers})

    def with_small_uploads(self) -> Self:
        if not self.inputs:
            return self
        inputs = self.inputs[:MAX_INPUTS_IN_URL]
        layers = (self.mask is not None) + (self.markup is not None)
        share = MAX_URL_UPLOAD_BYTES // (len(inputs) + layers)
        return replace(
            self,
            inputs=tuple(
                thumbnail_within(each, share) if each else each for each in inputs
            ),
            mask=thumbnail_within(self.mask, share) if self.mask else None,
            markup=thumbnail_within(self.markup, share) if self.markup else None,
        )

    def stills(self) -> Mapping[str, Self]:
        return {}

    def poster(self, media_type: str | None = None) -> Self:
        if media_type is None:
            return self
        return replace(self, format=media_type.removeprefix("image/"))


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
