"""Values of the fields of video requests."""

from collections.abc import Mapping
from typing import Any

from contracts.media.base import LabelledValues
from contracts.media.files import Sample, is_count_in, is_small_value

COSTLY_COUNTS = range(4, 61)  # of videos, or of seconds of one


class VideoSamples:
    """The `Samples` of videos."""

    plain_fields = frozenset({"model", "prompt"})
    text_fields = frozenset({"prompt", "negative_prompt"})
    file_fields = frozenset({"image", "last_image"})
    uncombined_fields = plain_fields | text_fields | file_fields

    def file(self, name: str, variant: int = 0) -> Sample:
        """A picture: the first or the last frame."""
        return Sample(variant=variant, width=512, height=512)

    def file_values(self, name: str, schema: Mapping[str, Any]) -> LabelledValues:
        for format_ in ("png", "jpeg", "webp", "gif"):
            yield Sample(format=format_, width=512, height=512), f"file-{format_}"
        yield Sample(format=None), "file-no-picture"
        limits = schema.get("x-upload") or {}
        if "maxBytes" in limits:
            most = limits["maxBytes"]
            yield Sample(weight=most), f"at-maxBytes-{most}"
            yield Sample(weight=most + 1), f"above-maxBytes-{most}"

    def boundary_values(self, schema: Mapping[str, Any]) -> LabelledValues:
        """None: no keyword is about videos alone."""
        yield from ()

    def is_small(self, value: Any) -> bool:
        return is_small_value(value)

    def is_costly(self, value: Any) -> bool:
        return is_count_in(value, COSTLY_COUNTS)
