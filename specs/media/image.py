"""The image medium: its operations, keywords, and sizes."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

EDIT = "createImageEdit"
OPERATIONS = ("createImage", EDIT)

Breach = tuple[str, tuple[str, ...], str]
Keyword = Callable[[Any, Any], Iterator[Breach]]

MAX_LABEL_LENGTH = 80
SIZE_PATTERN = re.compile(r"([1-9][0-9]{0,17})[x*]([1-9][0-9]{0,17})", re.ASCII)
_NUMBER = r"([0-9]{1,4}(?:\.[0-9]{1,3})?)"
RATIO_PATTERN = re.compile(f"{_NUMBER}:{_NUMBER}", re.ASCII)
RESOLUTION_PATTERN = re.compile(f"{_NUMBER}([kK]?)", re.ASCII)
_WIDE = ((16, 9), (3, 2), (4, 3), (5, 4), (2, 1), (3, 1), (4, 1), (8, 1), (21, 9))
USUAL_RATIOS = ((1, 1), *_WIDE, *((high, wide) for wide, high in _WIDE))
RATIO_TEXT_GAP = 0.01  # how far a size may be from the ratio that names it
DEFAULT_SIZE = (1024, 1024)
"""Width and height in pixels for the size `auto` where a dialect has no other."""


def size_of(text: Any) -> tuple[int, int] | None:
    """The numbers inside "WIDTHxHEIGHT" or "WIDTH*HEIGHT", in pixels, or None."""
    match = SIZE_PATTERN.fullmatch(text) if isinstance(text, str) else None
    return (int(match[1]), int(match[2])) if match else None


def requested_size(request: Mapping[str, Any]) -> tuple[int, int] | None:
    """
    The width and height, in pixels, that a request in canonical names asks for.

    They are in `size`, or in `width` and `height`. None if the server chooses.
    """
    size = size_of(request.get("size"))
    edges = (request.get("width"), request.get("height"))
    if size is None and all(type(each) is int and each > 0 for each in edges):
        return int(edges[0] or 0), int(edges[1] or 0)
    return size


def requested_ratio(request: Mapping[str, Any]) -> float | None:
    """
    The width by the height that a request asks for, without a size in pixels, or None.

    It is in `aspect_ratio`, or in `size`, as in `16:9`.
    """
    for name in ("aspect_ratio", "size"):
        text = request.get(name)
        match = RATIO_PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match and float(match[1]) and float(match[2]):
            return float(match[1]) / float(match[2])
    return None


def ratio_text(width: int, height: int) -> str:
    """The ratio of a size as a text: `16:9`, or `1.62:1` where it is no usual one."""
    ratio = width / height
    near = min(USUAL_RATIOS, key=lambda each: abs(each[0] / each[1] / ratio - 1))
    if abs(near[0] / near[1] / ratio - 1) <= RATIO_TEXT_GAP:
        return f"{near[0]:g}:{near[1]:g}"
    return f"{ratio:.2f}:1" if ratio > 1 else f"1:{1 / ratio:.2f}"


def requested_resolution(request: Mapping[str, Any]) -> int | None:
    """The edge of a square, in pixels, of a resolution such as `2K` or `512`."""
    for name in ("resolution", "size"):
        text = request.get(name)
        match = RESOLUTION_PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match and (edge := round(float(match[1]) * (1024 if match[2] else 1))):
            return edge
    return None


def image_size_breaches(limits: Mapping[str, Any], value: Any) -> Iterator[Breach]:
    """Check `x-image-size`: limits of the numbers in the text of a size."""
    numbers = size_of(value)
    if numbers is None:
        return
    width, height = numbers
    longest, shortest, pixels = max(numbers), min(numbers), width * height
    step = limits.get("multipleOf", 1)
    if width % step or height % step:
        yield "multipleOf", (), f"width and height must be multiples of {step}"
    if longest > limits.get("maxEdge", longest):
        yield "maxEdge", (), f"no edge may exceed {limits['maxEdge']} pixels"
    if pixels < limits.get("minPixels", pixels):
        yield "minPixels", (), f"needs at least {limits['minPixels']} pixels"
    if pixels > limits.get("maxPixels", pixels):
        yield "maxPixels", (), f"may have at most {limits['maxPixels']} pixels"
    if longest > shortest * limits.get("maxRatio", longest):
        yield (
            "maxRatio",
            (),
            f"long to short edge may be {limits['maxRatio']}:1 at most",
        )


def upload_breaches(limits: Mapping[str, Any], value: Any) -> Iterator[Breach]:
    """Check `x-upload`: facts about an uploaded file (`specs.media.upload.Upload`)."""
    if not isinstance(value, dict):
        return
    label = value.get("content_type", "").lower()
    if label and label not in limits.get("mediaTypes", [label]):
        yield "mediaTypes", (), f"unsupported media type '{label[:MAX_LABEL_LENGTH]}'"
    formats = limits.get("formats")
    if formats and value.get("format") not in formats:
        yield "formats", (), f"must be an image in one of: {', '.join(formats)}"
        return
    if value.get("bytes", 0) > limits.get("maxBytes", float("inf")):
        yield "maxBytes", (), f"may have at most {limits['maxBytes']} bytes"
    if limits.get("alpha") and not value.get("alpha"):
        yield "alpha", (), "needs an alpha channel"
    if limits.get("transparent") and not value.get("alpha"):
        yield "transparent", (), "needs transparent pixels"
    width, height = value.get("width"), value.get("height")
    if limits.get("square") and width != height:
        yield "square", (), "must be square"
    if width and height:
        yield from _upload_size_breaches(limits, width, height)


def _upload_size_breaches(
    limits: Mapping[str, Any], width: int, height: int
) -> Iterator[Breach]:
    shortest, longest = sorted((width, height))
    if shortest < limits.get("minEdge", 0):
        yield "minEdge", (), f"needs at least {limits['minEdge']} pixels on each edge"
    if longest > limits.get("maxEdge", longest):
        yield "maxEdge", (), f"no edge may exceed {limits['maxEdge']} pixels"
    if width * height > limits.get("maxPixels", width * height):
        yield "maxPixels", (), f"may have at most {limits['maxPixels']} pixels"
    if longest > shortest * limits.get("maxRatio", longest):
        ratio = limits["maxRatio"]
        yield "maxRatio", (), f"long to short edge may be {ratio}:1 at most"


def same_dimensions_breaches(fields: list[str], payload: Any) -> Iterator[Breach]:
    """Check `x-same-dimensions: [a, b]`: b has the width and height of the first a."""
    if not isinstance(payload, dict):
        return
    first, second = (_first_image(payload.get(name)) for name in fields)
    if first and second and _dimensions(first) != _dimensions(second):
        width, height = _dimensions(first)
        sentence = f"must be {width}x{height} pixels, like '{fields[0]}'"
        yield fields[1], (fields[1],), sentence


def _first_image(value: Any) -> dict[str, Any] | None:
    """The facts of one upload, or of the first of several; None without a size."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, dict) and first.get("width") else None


def _dimensions(image: Mapping[str, Any]) -> tuple[int, int]:
    return image["width"], image["height"]


KEYWORDS: dict[str, Keyword] = {
    "x-image-size": image_size_breaches,
    "x-upload": upload_breaches,
    "x-same-dimensions": same_dimensions_breaches,
}


MEANINGS: dict[str, str] = {
    "x-image-size": "limits of width and height in a text WIDTHxHEIGHT (or with `*`); "
    "another text is not limited by it",
    "x-upload": "limits of an uploaded file, read from its bytes",
    "x-same-dimensions": "two fields whose images have the same width and height",
}

# The meaning of the limits of each keyword: a misspelt one would constrain nothing.
LIMITS: dict[str, dict[str, str]] = {
    "x-image-size": {
        "multipleOf": "width and height are multiples of it",
        "maxEdge": "the most pixels of the longer edge",
        "minPixels": "the fewest pixels, width times height",
        "maxPixels": "the most pixels, width times height",
        "maxRatio": "the longer edge by the shorter one, at most",
    },
    "x-upload": {
        "formats": "the formats that are accepted: png, jpeg, webp, gif",
        "mediaTypes": "the media types that a part of a form may be labelled with",
        "maxBytes": "the most bytes of a file",
        "alpha": "true if an alpha channel is needed",
        "transparent": "true if some pixels have to be transparent",
        "square": "true if width and height have to be equal",
        "minEdge": "the fewest pixels of the shorter edge",
        "maxEdge": "the most pixels of the longer edge",
        "maxPixels": "the most pixels, width times height",
        "maxRatio": "the longer edge by the shorter one, at most",
    },
}
