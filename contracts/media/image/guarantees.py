"""The guarantees about images, each with the check of one response."""

import hashlib
import io
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from contracts.media.description import describe_bytes, describe_image
from contracts.media.guarantee import (
    Breach,
    Breaches,
    Comparison,
    Guarantee,
    JudgedResponse,
)
from contracts.media.image.samples import Sample
from specs import size_of

SIZE_TOLERANCE = 1.05
CHANGE_THRESHOLD = 24.0  # of 255, on average
MIN_COMPRESSION_GAP = 50  # levels; smaller gaps need not change the file


def _decodes(response: JudgedResponse) -> Breaches:
    for at, image in enumerate(response.results):
        if image is not None and image.problem:
            shown = f": {describe_bytes(image.data)}" if image.data else ""
            yield Breach(f"image {at} {image.problem}{shown}")


def _size_as_asked(response: JudgedResponse) -> Breaches:
    wanted = response.request.get("size")
    if size_of(wanted) is None:
        return
    for at, image in enumerate(response.pictures):
        if image.size != wanted:
            message = f"image {at} is {describe_image(image)}; requested: {wanted}"
            yield Breach(message, "size", str(wanted), image.size)


def _format_as_asked(response: JudgedResponse) -> Breaches:
    wanted = response.request.get("output_format")
    if wanted is None:
        return
    for at, image in enumerate(response.pictures):
        if image.format != wanted:
            message = f"image {at} is {describe_image(image)}; requested: {wanted}"
            yield Breach(message, "output_format", str(wanted), image.format)
    for at, item in enumerate(response.items):
        url = item.get("url")
        if isinstance(url, str) and url.startswith("data:"):
            label = url[5 : url.find(";")]
            if label != f"image/{wanted}":
                label = label[:40]
                result = response.results[at] if at < len(response.results) else None
                message = (
                    f"image {at} is {describe_image(result)} labelled {label}; "
                    f"requested: {wanted}"
                )
                yield Breach(message, "output_format", str(wanted), label)


def _alpha_as_asked(response: JudgedResponse) -> Breaches:
    if response.request.get("background") != "transparent":
        return
    for at, image in enumerate(response.pictures):
        if image.opaque:
            message = f"image {at} ({describe_image(image)}) has no transparent pixel"
            yield Breach(message, "background", "transparent", "opaque")


def _opaque_as_asked(response: JudgedResponse) -> Breaches:
    if response.request.get("background") != "opaque":
        return
    for at, image in enumerate(response.pictures):
        if not image.opaque:
            message = f"image {at} ({describe_image(image)}) has transparent pixels"
            yield Breach(message, "background", "opaque", "transparent")


def _compression_as_asked(response: JudgedResponse) -> Breaches:
    """The same request at two levels gives two files, the stronger not larger."""
    name = "output_compression"
    level = response.request.get(name)
    if not isinstance(level, int) or not response.pictures or response.is_stream:
        return
    key = "compression " + response.request_key(without=name)
    data = response.pictures[0].data
    same = int(response.history.first_variant(key, str(level), data))
    if abs(same - level) >= MIN_COMPRESSION_GAP:
        message = f"{name} {level} and {same} give the same file of {len(data):,} bytes"
        yield Breach(message, name, str(level), str(same))
    size = len(data)
    first, before = response.history.by_request_key.setdefault(key, (str(level), size))
    other = int(first)
    if abs(other - level) < MIN_COMPRESSION_GAP:
        return
    strong, weak = (size, before) if level < other else (before, size)
    if strong > weak * SIZE_TOLERANCE:
        message = (
            f"the stronger compression gives {strong:,} bytes, the weaker "
            f"{weak:,} bytes ({name} {level} and {other})"
        )
        yield Breach(message, name, str(level))


def _mask_matters(response: JudgedResponse) -> Breaches:
    """
    A mask changes the image, and mostly where it is transparent.

    Skipped for a mask that is only referenced, by a URL or a file id: nothing was
    uploaded under it.
    """
    image, mask = response.request.get("image"), response.request.get("mask")
    if isinstance(mask, Mapping) and not _is_inline(mask):
        return
    yield from _variants_differ(response, "mask", "without" if mask is None else "with")
    if not isinstance(image, Sample) or not isinstance(mask, Sample):
        return
    for at, result in enumerate(response.pictures):
        kept, redrawn = _mean_changes(result.data, image.data, mask.data)
        if kept > CHANGE_THRESHOLD and kept > 2 * redrawn:
            message = (
                f"image {at} changed by {kept:.0f} of 255 where the mask is opaque, "
                f"and by {redrawn:.0f} where it is transparent"
            )
            yield Breach(message, "mask")


def _is_inline(reference: Mapping[str, Any]) -> bool:
    return str(reference.get("image_url", "")).startswith("data:")


def _mean_changes(after: bytes, before: bytes, mask: bytes) -> tuple[float, float]:
    """The mean change, 0 to 255, where the mask is opaque and where it is not."""
    from PIL import Image, ImageChops, ImageStat

    size = (64, 64)
    with Image.open(io.BytesIO(mask)) as opened:
        opaque = opened.convert("RGBA").getchannel("A").resize(size)
    opaque = opaque.point(lambda alpha: 255 if alpha > 127 else 0)
    pair = []
    for data in (after, before):
        with Image.open(io.BytesIO(data)) as opened:
            pair.append(opened.convert("RGB").resize(size))
    difference = ImageChops.difference(*pair)
    regions = (opaque, ImageChops.invert(opaque))
    means = [
        fmean(ImageStat.Stat(difference, each).mean) if each.getbbox() else 0.0
        for each in regions
    ]
    return means[0], means[1]


def _every_image_matters(response: JudgedResponse) -> Breaches:
    """One input image and several give different results."""
    count = _item_count(response.request.get("image"))
    yield from _variants_differ(response, "image", str(count))


def _item_count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


def _variants_differ(response: JudgedResponse, name: str, variant: str) -> Breaches:
    """Compare with the responses to requests that differ in one field only."""
    if response.is_stream or not response.pictures:
        return
    key = f"{name} {response.request_key(without=name)}"
    before = response.history.first_variant(key, variant, response.pictures[0].data)
    if before != variant:
        image = describe_image(response.pictures[0])
        message = f"{name}: '{before}' and '{variant}' give the same image ({image})"
        yield Breach(message, name, variant, before)


def _no_image_twice(response: JudgedResponse) -> Breaches:
    """Require different pixels in all images of one response, if not too many came."""
    if len(response.results) > response.request.get("n", 1):
        return
    first: dict[str, int] = {}
    for at, image in enumerate(response.results):
        if image is None or image.problem:
            continue
        before = first.setdefault(image.pixels, at)
        if before != at:
            shown = describe_image(image)
            yield Breach(f"image {at} is the same as image {before}: {shown}")


def _pictures_differ(response: JudgedResponse) -> Breaches:
    if response.is_stream or not response.pictures:
        return
    key = response.request_key(without="prompt")
    digest = hashlib.sha256(response.pictures[0].data).hexdigest()
    prompt = response.request.get("prompt")
    before = response.history.by_prompt.setdefault(key, (prompt, digest))
    if before[0] != prompt and before[1] == digest:
        one, two = str(before[0])[:60], str(prompt)[:60]
        image = describe_image(response.pictures[0])
        message = f"{one!r} and {two!r} give the same image ({image})"
        yield Breach(message, "prompt", two, one)


IMAGE_GUARANTEES = (
    Guarantee("decodes", _decodes),
    Guarantee("no-image-twice", _no_image_twice, aspect="several pictures"),
    Guarantee("size-as-asked", _size_as_asked, "size", aspect="size"),
    Guarantee("format-as-asked", _format_as_asked, "output_format", aspect="format"),
    Guarantee("alpha-as-asked", _alpha_as_asked, "background", aspect="transparency"),
    Guarantee("opaque-as-asked", _opaque_as_asked, "background", aspect="transparency"),
    Guarantee(
        "compression-as-asked",
        _compression_as_asked,
        "output_compression",
        comparison=Comparison(
            must_differ=lambda one, other: abs(one - other) >= MIN_COMPRESSION_GAP,
            is_eligible=lambda value: isinstance(value, int),
        ),
    ),
    Guarantee(
        "mask-matters",
        _mask_matters,
        "mask",
        comparison=Comparison(lambda one, other: (one is None) is not (other is None)),
    ),
    Guarantee(
        "every-image-matters",
        _every_image_matters,
        "image",
        comparison=Comparison(
            lambda one, other: _item_count(one) != _item_count(other)
        ),
    ),
    Guarantee(
        "pictures-differ",
        _pictures_differ,
        "prompt",
        comparison=Comparison(lambda one, other: one != other),
    ),
)
