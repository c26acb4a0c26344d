"""Values of the fields of image requests."""

from collections.abc import Mapping
from typing import Any

from contracts.media.base import LabelledValues
from contracts.media.files import Sample, is_count_in, is_small_value
from contracts.media.image.boundary_sizes import boundary_sizes
from specs import size_of

SMALL_IMAGE_EDGE = 1536  # pixels
COSTLY_COUNTS = range(4, 11)  # of images


class ImageSamples:
    """The `Samples` of images."""

    plain_fields = frozenset({"model", "prompt", "image"})
    text_fields = frozenset({"prompt"})
    file_fields = frozenset({"image", "mask"})
    uncombined_fields = frozenset({"prompt", "model", "image", "mask", "user"})

    def file(self, name: str, variant: int = 0) -> Sample:
        return Sample(alpha=name == "mask", variant=variant)

    def file_values(self, name: str, schema: Mapping[str, Any]) -> LabelledValues:
        limits = schema.get("x-upload")
        alpha = name == "mask"
        # First, since few values are tested of what the pages leave open.
        yield Sample(format=None), "file-no-picture"
        for format_ in ("png", "jpeg", "webp", "gif"):
            has_alpha = alpha and format_ in {"png", "webp"}
            yield Sample(format=format_, alpha=has_alpha), f"file-{format_}"
        yield Sample(alpha=not alpha), f"file-{'opaque' if alpha else 'alpha'}"
        yield Sample(width=96, alpha=alpha), "file-wide"
        if limits and "maxBytes" in limits:
            most = limits["maxBytes"]
            yield Sample(weight=most, alpha=alpha), f"at-maxBytes-{most}"
            yield Sample(weight=most + 1, alpha=alpha), f"above-maxBytes-{most}"

    def boundary_values(self, schema: Mapping[str, Any]) -> LabelledValues:
        limits = schema.get("x-image-size")
        if limits is not None:
            for width, height, label in boundary_sizes(limits):
                yield f"{width}x{height}", label

    def is_small(self, value: Any) -> bool:
        size = size_of(value)
        if size is not None:
            return max(size) <= SMALL_IMAGE_EDGE
        return is_small_value(value)

    def is_costly(self, value: Any) -> bool:
        return is_count_in(value, COSTLY_COUNTS)
