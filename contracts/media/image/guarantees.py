"""The guarantees about images, each with the check of one response."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from contracts.media.description import (
    describe_bytes,
    describe_output,
    describe_outputs,
    describe_value,
)
from contracts.media.files import Sample
from contracts.media.guarantee import (
    Breach,
    Breaches,
    Comparison,
    Guarantee,
    JudgedResponse,
)
from contracts.media.image.observation import ANIMATED
from contracts.media.image.sizes import ratio_as_asked, size_as_asked, size_as_listed
from specs import Basis, size_of

SIZE_TOLERANCE = 1.05
CHANGE_THRESHOLD = 24.0  # of 255, on average
GIF_TIME_STEP = 10  # milliseconds
MIN_COMPRESSION_GAP = 50  # levels; smaller gaps need not change the file


def _decodes(response: JudgedResponse) -> Breaches:
    for at, image in enumerate(response.results):
        if image is not None and image.problem:
            shown = f": {describe_bytes(image.data)}" if image.data else ""
            yield Breach(f"image {at} {image.problem}{shown}")
        elif image is not None and image.frames > 1 and not _wants_frames(response):
            yield Breach(f"image {at} is animated, not one image")


def _wants_frames(response: JudgedResponse) -> bool:
    return response.request.get("output_format") == ANIMATED


def _frames_as_asked(response: JudgedResponse) -> Breaches:
    """An animation moves, and has the frames and times of the request."""
    if not _wants_frames(response):
        return
    wanted = response.request.get("frame_count")
    duration = response.request.get("frame_duration_ms")
    for at, image in enumerate(response.decoded):
        shown = f"image {at} is {describe_output(image)}"
        if image.format != ANIMATED:
            continue  # format-as-asked says so
        if image.frames == 1 or (isinstance(wanted, int) and image.frames != wanted):
            frames = "one frame" if image.frames == 1 else f"{image.frames} frames"
            message = f"{shown}: {frames}; requested: {wanted or 'an animation'}"
            yield Breach(message, "frame_count", str(wanted), str(image.frames))
        elif isinstance(duration, int):
            for came in sorted(set(image.durations)):
                if abs(came - duration) >= GIF_TIME_STEP:
                    message = f"{shown}: a frame of {came} ms; requested: {duration} ms"
                    yield Breach(message, "frame_duration_ms", str(duration), str(came))


def _svg_stands_alone(response: JudgedResponse) -> Breaches:
    for at, image in enumerate(response.decoded):
        if image.references:
            first = describe_value(image.references[0])
            yield Breach(f"image {at} is an SVG that refers to {first}")


def _format_as_asked(response: JudgedResponse) -> Breaches:
    wanted = response.request.get("output_format")
    if wanted is None:
        return
    for at, image in enumerate(response.decoded):
        if image.format != wanted:
            message = f"image {at} is {describe_output(image)}; requested: {wanted}"
            yield Breach(message, "output_format", str(wanted), image.format)
    for at, item in enumerate(response.items):
        url = item.get("url")
        if isinstance(url, str) and url.startswith("data:"):
            label = url[5 : url.find(";")]
            if label != f"image/{wanted}":
                label = label[:40]
                result = response.results[at] if at < len(response.results) else None
                message = (
                    f"image {at} is {describe_output(result)} labelled {label}; "
                    f"requested: {wanted}"
                )
                yield Breach(message, "output_format", str(wanted), label)


def _alpha_as_asked(response: JudgedResponse) -> Breaches:
    if response.request.get("background") != "transparent":
        return
    for at, image in enumerate(response.decoded):
        if image.opaque and image.has_pixels:
            message = f"image {at} ({describe_output(image)}) has no transparent pixel"
            yield Breach(message, "background", "transparent", "opaque")


def _opaque_as_asked(response: JudgedResponse) -> Breaches:
    if response.request.get("background") != "opaque":
        return
    for at, image in enumerate(response.decoded):
        if not image.opaque and image.has_pixels:
            message = f"image {at} ({describe_output(image)}) has transparent pixels"
            yield Breach(message, "background", "opaque", "transparent")


def _compression_as_asked(response: JudgedResponse) -> Breaches:
    """The same request at two levels gives two files, the stronger not larger."""
    name = "output_compression"
    level = response.request.get(name)
    if not isinstance(level, int) or not response.decoded or response.is_stream:
        return
    key = "compression " + response.request_key(without=name)
    data = response.decoded[0].data
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
    for at, result in enumerate(response.decoded):
        if not result.has_pixels:
            continue
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
    if response.is_stream or not response.decoded:
        return
    key = f"{name} {response.request_key(without=name)}"
    before = response.history.first_variant(key, variant, response.decoded[0].data)
    if before != variant:
        image = describe_output(response.decoded[0])
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
            shown = describe_output(image)
            yield Breach(f"image {at} is the same as image {before}: {shown}")


def _pictures_differ(response: JudgedResponse) -> Breaches:
    if response.is_stream or not response.decoded:
        return
    key = response.request_key(without="prompt")
    digest = hashlib.sha256(response.decoded[0].data).hexdigest()
    prompt = response.request.get("prompt")
    before = response.history.by_prompt.setdefault(key, (prompt, digest))
    if before[0] != prompt and before[1] == digest:
        one, two = str(before[0])[:60], str(prompt)[:60]
        image = describe_output(response.decoded[0])
        message = f"{one!r} and {two!r} give the same image ({image})"
        yield Breach(message, "prompt", two, one)


def _count_equals_n(response: JudgedResponse) -> Breaches:
    wanted = response.request.get("n", 1)
    if response.is_stream or response.is_refused:
        return  # one-completed-event counts those of a stream
    data = response.entries
    if data is not None and len(data) != wanted:
        yield _wrong_count(response, data, str(wanted))


def _count_at_most_n(response: JudgedResponse) -> Breaches:
    wanted = response.request.get("n", 1)
    if response.is_stream or response.is_refused:
        return
    data = response.entries
    if data is not None and not 1 <= len(data) <= wanted:
        yield _wrong_count(response, data, f"at most {wanted}")


def _has_image(response: JudgedResponse) -> Breaches:
    if not response.results and not response.is_refused:
        yield Breach("the response has no image, and does not say that it is refused")


def _wrong_count(response: JudgedResponse, data: Sequence[Any], wanted: str) -> Breach:
    came = (
        describe_outputs(response.results, "image") if response.results else "no image"
    )
    name = response.layout.items.rpartition("/")[2]
    message = f"{name} is {describe_value(data)}: {came}; requested: {wanted}"
    return Breach(message, "n", wanted, str(len(data)))


def _delivery_as_documented(response: JudgedResponse) -> Breaches:
    entry = response.dialect.delivery_for(response.request)
    if response.is_stream or entry.basis is Basis.ASSUMED:
        return  # no page documents the delivery for such requests
    wanted = entry.give
    for at, item in enumerate(response.items):
        if response.layout.is_failed(item):
            continue
        url, text = item.get("url"), item.get("b64_json")
        is_data = isinstance(url, str) and url.startswith("data:")
        forms = {
            "b64_json": bool(text),
            "data_uri": is_data,
            "url": bool(url) and not is_data,
        }
        present = [name for name, is_present in forms.items() if is_present]
        if present != [wanted]:
            actual = " and ".join(present) or "nothing"
            message = f"image {at} is delivered as {actual}, not as {wanted}"
            yield Breach(message, "response_format", wanted, actual)


def _echoes_agree(response: JudgedResponse) -> Breaches:
    for body in response.bodies:
        yield from _echo_breaches(body, response)


def _echo_breaches(body: Mapping[str, Any], response: JudgedResponse) -> Breaches:
    for name in ECHOED_FIELDS:
        wanted, echoed = response.request.get(name), body.get(name)
        if echoed is not None and wanted not in (None, "auto", echoed):
            shown = describe_value(echoed)
            message = f"{name} in the response is {shown}; requested: {wanted}"
            yield Breach(message, name, str(wanted), str(echoed))
    image = next(iter(response.decoded), None)
    if image is None:
        return
    echoed = body.get("output_format")
    if echoed is not None and echoed != image.format:
        yield Breach(
            f"output_format in the response is {describe_value(echoed)}; the image is "
            f"{describe_output(image)}"
        )
    echoed = body.get("size")
    if size_of(echoed) is not None and echoed != image.size:
        yield Breach(
            f"size in the response is {describe_value(echoed)}; the image is "
            f"{describe_output(image)}"
        )


ECHOED_FIELDS = ("quality", "background")
"""Request fields that some responses repeat, and that no image shows."""

IMAGE_GUARANTEES = (
    Guarantee("count-equals-n", _count_equals_n, "n", aspect="pictures"),
    Guarantee("count-at-most-n", _count_at_most_n, "n", aspect="pictures"),
    Guarantee("has-image", _has_image),
    Guarantee("decodes", _decodes),
    Guarantee("no-image-twice", _no_image_twice, aspect="several pictures"),
    Guarantee("size-as-asked", size_as_asked, "size", aspect="size"),
    Guarantee("ratio-as-asked", ratio_as_asked, "aspect_ratio"),
    Guarantee("size-as-listed", size_as_listed, "resolution"),
    Guarantee("format-as-asked", _format_as_asked, "output_format", aspect="format"),
    Guarantee("frames-as-asked", _frames_as_asked, "frame_count"),
    Guarantee("svg-stands-alone", _svg_stands_alone),
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
    Guarantee(
        "delivery-as-documented",
        _delivery_as_documented,
        "response_format",
        row="delivery",
        aspect="delivery",
    ),
    Guarantee("echoes-agree", _echoes_agree, echoed_fields=ECHOED_FIELDS),
)
