"""Plan the images of a response from a request, and count its tokens."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from mockserver.errors import UNREADABLE_IMAGE, Rejected
from mockserver.media.image.headers import read_image_header
from mockserver.media.image.output import ImageOutput
from mockserver.media.image.plan import (
    MAX_EDGE,
    MAX_PIXELS,
    MAX_TEXT_LENGTH,
    MEDIA_TYPES,
    BadImage,
)
from mockserver.media.image.references import image_in_base64, inline_image
from specs import (
    Dialect,
    UsageTable,
    requested_ratio,
    requested_resolution,
    requested_size,
)

MAX_IMAGES = 64
MAX_INPUT_PIXELS = 8 * MAX_PIXELS
MAX_OUTPUT_PIXELS = 10 * MAX_PIXELS
MAX_PARTIAL_IMAGES = 3
MAX_FRAMES = 16
MAX_MODEL_NAME = 80
SIZE_STEP = 8  # pixels, of edges that follow from an aspect ratio
MEDIUM_OUTPUT_TOKENS = 1056  # of a 1024x1024 image where no page documents them
NO_USAGE_TABLE = UsageTable({}, source="")
_REFERENCE_KEYS = ("image_url", "url")
UNFETCHED_IMAGE = b""  # replaces an image given by URL, which is never fetched


def plans(
    request: Mapping[str, Any],
    files: Mapping[str, bytes],
    dialect: Dialect,
    *,
    hash_: str,
    seed: int,
    realistic: bool = False,
) -> list[ImageOutput]:
    """
    Return one plan for each requested image.

    `request` is the payload in canonical names with defaults, `files` the uploaded
    bytes by sha256, and `hash_` the hash of the request. `realistic` images are as
    large as real ones. Values that the document leaves unspecified are accepted if
    they can be drawn. Raises `Rejected` otherwise.
    """
    width, height = _requested_size(request, dialect)
    format_ = _requested_format(request, dialect)
    count = _integer(request, "n", default=1, minimum=1, maximum=_max_images(dialect))
    inputs = tuple(islice(_input_images("image", request, files), MAX_IMAGES))
    mask = next(_input_images("mask", request, files), None)
    markup = next(_input_images("markup", request, files), None)
    frames, frame_ms = _requested_frames(request, format_)
    _check_pixel_limits(
        [*inputs, *filter(None, (mask, markup))], count * width * height * frames
    )
    model = str(request.get("model", ""))[:MAX_MODEL_NAME]
    return [
        ImageOutput(
            text=_shorten(str(request.get("prompt", ""))),
            width=width,
            height=height,
            format=format_,
            transparent=request.get("background") == "transparent"
            and format_ != "jpeg",
            compression=_nearest(
                request, "output_compression", default=100, minimum=0, maximum=100
            ),
            seed=seed,
            caption=f"{model} {width}x{height} {at + 1}/{count}",
            inputs=inputs,
            mask=mask or None,
            request=hash_,
            index=at,
            realistic=realistic,
            markup=markup or None,
            frames=frames,
            frame_ms=frame_ms,
        )
        for at in range(count)
    ]


def _check_pixel_limits(inputs: Sequence[bytes], output_pixels: int) -> None:
    """Raises `Rejected` if so many pixels would slow down other requests."""
    headers = filter(None, map(read_image_header, inputs))
    input_pixels = sum(each.width * each.height for each in headers)
    for name, pixels, limit in (
        ("image", input_pixels, MAX_INPUT_PIXELS),
        ("n", output_pixels, MAX_OUTPUT_PIXELS),
    ):
        if pixels > limit:
            message = f"{name}: this mock accepts at most {limit} pixels in total."
            raise Rejected("invalid_request", message, param=name)


def _max_images(dialect: Dialect) -> int:
    own = dialect.mock.max_images
    return MAX_IMAGES if own is None else own


def _requested_size(request: Mapping[str, Any], dialect: Dialect) -> tuple[int, int]:
    """The size in pixels; by resolution and aspect ratio where there is no other."""
    size = requested_size(request) or dialect.image.listed_size(request)
    if size is None:
        ratio, edge = requested_ratio(request), requested_resolution(request)
        if ratio or edge:
            size = _size_by(ratio or 1.0, edge or _edge(dialect.mock.auto_size))
        elif not _has_edges(request.get("size", "auto")):
            size = dialect.mock.auto_size
    if size is None or size[0] * size[1] > MAX_PIXELS or max(size) > MAX_EDGE:
        message = (
            f"size: this mock draws WIDTHxHEIGHT of at most {MAX_PIXELS} pixels, "
            f"with width and height at most {MAX_EDGE}."
        )
        raise Rejected("invalid_request", message, param="size")
    return size


def _has_edges(size: Any) -> bool:
    """True for a text that may be a size in pixels; others leave it to the server."""
    return not isinstance(size, str) or "x" in size or "*" in size


def _size_by(ratio: float, edge: int) -> tuple[int, int]:
    """Width and height with a ratio, and about as many pixels as a square has."""
    root = math.sqrt(ratio)
    width, height = (
        max(SIZE_STEP, round(each / SIZE_STEP) * SIZE_STEP)
        for each in (edge * root, edge / root)
    )
    return width, height


def _edge(size: tuple[int, int]) -> int:
    """The edge of the square with as many pixels."""
    return math.isqrt(size[0] * size[1])


def _requested_format(request: Mapping[str, Any], dialect: Dialect) -> str:
    format_ = request.get("output_format", dialect.mock.auto_format)
    if not isinstance(format_, str) or format_ not in MEDIA_TYPES:
        message = f"output_format: this mock draws {', '.join(MEDIA_TYPES)}."
        raise Rejected("invalid_request", message, param="output_format")
    return format_


def _requested_frames(request: Mapping[str, Any], format_: str) -> tuple[int, int]:
    """The number of frames, and the time of each in milliseconds as GIF counts it."""
    if format_ != "gif":
        return 1, 0
    frames = _integer(request, "frame_count", default=9, minimum=1, maximum=MAX_FRAMES)
    duration = _integer(
        request, "frame_duration_ms", default=200, minimum=10, maximum=655350
    )
    return frames, (duration + 5) // 10 * 10


def _integer(
    request: Mapping[str, Any], name: str, *, default: int, minimum: int, maximum: int
) -> int:
    value = request.get(name, default)
    is_whole = isinstance(value, (int, float)) and int(value) == value
    if isinstance(value, bool) or not is_whole or not minimum <= value <= maximum:
        message = f"{name}: this mock accepts integers from {minimum} to {maximum}."
        raise Rejected("invalid_request", message, param=name)
    return int(value)


def _nearest(
    request: Mapping[str, Any], name: str, *, default: int, minimum: int, maximum: int
) -> int:
    """
    The integer within the limits that is nearest to a number.

    Where a document sets the limits, another number was rejected before.
    """
    value = request.get(name, default)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        request = {name: min(maximum, max(minimum, round(value)))}
    return _integer(request, name, default=default, minimum=minimum, maximum=maximum)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else f"{text[: MAX_TEXT_LENGTH - 3]}..."


def _input_images(
    name: str, request: Mapping[str, Any], files: Mapping[str, bytes]
) -> Iterator[bytes]:
    """
    Yield the image bytes in a field: uploads, data URIs, URLs, or lists of them.

    An image given by URL is `UNFETCHED_IMAGE`. Raises `Rejected` for an empty file, an
    empty reference, and a data URI without an image.
    """
    given = request.get(name)
    values = given if isinstance(given, list) else [given]
    for position, value in enumerate(values if name in request else ()):
        try:
            data = _input_image(value, files)
        except BadImage as error:
            param = f"{name}[{position}]" if isinstance(given, list) else name
            raise Rejected(UNREADABLE_IMAGE, f"{error}.", param=param) from None
        if data is not None:
            yield data


def _input_image(value: Any, files: Mapping[str, bytes]) -> bytes | None:
    """The bytes of one image; None for a value that is none. Raises `BadImage`."""
    if isinstance(value, dict) and files:
        if not files[value["sha256"]]:
            raise BadImage("the file is empty (0 bytes)")
        return files[value["sha256"]]
    if isinstance(value, dict):
        names = [each for each in _REFERENCE_KEYS if each in value]
        if names:
            return _input_image(value[names[0]], files)
        value = next((e for e in value.values() if isinstance(e, str) and e), "")
    if value is None:
        value = ""
    if not isinstance(value, str):
        return None
    data = inline_image(value)
    if data is None:
        data = image_in_base64(value)
    return UNFETCHED_IMAGE if data is None else data


def usage(
    request: Mapping[str, Any],
    delivered: Sequence[ImageOutput],
    dialect: Dialect,
    previews: int,
) -> dict[str, Any]:
    """
    Return a `usage` object whose counts add up.

    `delivered` are the plans of the final images, `previews` the number of partial
    ones. Counts of output tokens are the documented ones where the dialect has them.
    """
    characters = len(str(request.get("prompt", "")))
    text_tokens = max(1, (characters + 3) // 4)
    image_tokens = 1024 * len(delivered[0].inputs) if delivered else 0
    table = dialect.usage or NO_USAGE_TABLE
    rates = table.rates(request)
    medium = rates.get("medium", MEDIUM_OUTPUT_TOKENS)
    rate = rates.get(str(request.get("quality")), medium)
    each_tokens = dialect.image.tokens_of(request)
    output = sum(
        each_tokens or max(1, rate * plan.pixels // (1024 * 1024)) for plan in delivered
    )
    output += table.partial_image_tokens * previews
    return {
        "input_tokens": text_tokens + image_tokens,
        "output_tokens": output,
        "total_tokens": text_tokens + image_tokens + output,
        "input_tokens_details": {
            "text_tokens": text_tokens,
            "image_tokens": image_tokens,
        },
        "output_tokens_details": {"image_tokens": output, "text_tokens": 0},
    }


def preview_count(request: Mapping[str, Any]) -> int:
    """Number of previews of each image in a stream. Raises `Rejected` for no number."""
    return _nearest(
        request, "partial_images", default=0, minimum=0, maximum=MAX_PARTIAL_IMAGES
    )
