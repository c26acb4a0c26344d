"""Values of the fields of image requests."""

import math
from collections.abc import Mapping
from typing import Any

from contracts.media.base import LabelledValues
from contracts.media.files import Sample, is_count_in, is_small_value
from contracts.media.image.boundary_sizes import boundary_sizes
from specs import size_of

SMALL_IMAGE_EDGE = 1536  # pixels
LAYERS = {"markup", "mask"}  # images with transparent pixels, as large as the first
COSTLY_COUNTS = range(4, 11)  # of images


class ImageSamples:
    """The `Samples` of images."""

    plain_fields = frozenset({"model", "prompt", "image"})
    text_fields = frozenset({"prompt"})
    file_fields = frozenset({"image", "markup", "mask"})
    uncombined_fields = frozenset(
        {"prompt", "model", "image", "markup", "mask", "user", "safety_identifier"}
        | {"complexity", "frame_count", "frame_duration_ms", "svg"}
    )

    def file(self, name: str, variant: int = 0) -> Sample:
        return Sample(alpha=name in LAYERS, variant=variant)

    def file_values(self, name: str, schema: Mapping[str, Any]) -> LabelledValues:
        limits = schema.get("x-upload")
        alpha = name in LAYERS
        # First, since few values are tested of what the pages leave open.
        yield Sample(format=None), "file-no-picture"
        for format_ in ("png", "jpeg", "webp", "gif"):
            has_alpha = alpha and format_ in {"png", "webp"}
            yield Sample(format=format_, alpha=has_alpha), f"file-{format_}"
        yield Sample(alpha=not alpha), f"file-{'opaque' if alpha else 'alpha'}"
        yield Sample(width=96, alpha=alpha), "file-wide"
        if limits:
            yield from _sizes_beyond(limits, alpha=alpha)
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


def _sizes_beyond(limits: Mapping[str, Any], *, alpha: bool) -> LabelledValues:
    """Files that are just smaller, larger or longer than an upload may be."""
    edge = Sample().height
    if small := limits.get("minEdge", 1) - 1:
        yield Sample(width=small, height=small, alpha=alpha), "below-minEdge"
    if "maxEdge" in limits:
        yield (
            Sample(width=limits["maxEdge"] + 1, height=edge, alpha=alpha),
            "above-maxEdge",
        )
    if "maxPixels" in limits:
        side = math.isqrt(limits["maxPixels"]) + 1
        yield Sample(width=side, height=side, alpha=alpha), "above-maxPixels"
    if "maxRatio" in limits:
        short = max(edge, limits.get("minEdge", 1))
        long = int(short * limits["maxRatio"]) + 1
        yield Sample(width=long, height=short, alpha=alpha), "above-maxRatio"
