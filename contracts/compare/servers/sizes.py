"""
The spellings of a size: how the document of a provider says what an intent asks for.

A size in pixels is `1024x1024` or `1024*1024` in one field, or stands in two; where no
field takes pixels, it is a ratio and a resolution, as in `1:1` and `1K`. Which of them
a document has is found in its fields and their schemas.
"""

from collections.abc import Iterator, Mapping
from math import log2, sqrt
from typing import Any

from contracts.planning.request_model import RequestModel
from specs import State, requested_ratio, requested_resolution, size_of

SIZE, RATIO, RESOLUTION = "size", "aspect_ratio", "resolution"
SIZE_FIELDS = (SIZE, RATIO, RESOLUTION)
EDGES = ("width", "height")
STEP = 16  # pixels; edges that are no multiple of it are rejected by some
USUAL_EDGE = 1024  # pixels
NEAREST_RATIO = 0.02  # how far a ratio may be from the one that is asked for
NEAREST_EDGE = 0.5  # the same for the edge of a resolution, as a logarithm of base 2
SAME_EDGE = 0.01
_SAMPLES: Mapping[str, tuple[str, ...]] = {
    "x": ("1024x1024", "512x512", "2048x2048"),
    "*": ("1024*1024", "512*512", "2048*2048"),
    ":": ("1:1", "16:9", "3:2"),
}
Fields = dict[str, Any]
"""Values by the provider's own names of fields."""


def canonical_size(value: Any) -> Any:
    """`1024x1024` for `1024*1024`, `2K` for `2k`; other values as they are."""
    pixels = size_of(value)
    if pixels is not None:
        return f"{pixels[0]}x{pixels[1]}"
    is_tier = isinstance(value, str) and requested_resolution({SIZE: value})
    return value.upper() if is_tier else value


def spell(model: RequestModel, name: str, value: Any) -> Fields | None:
    """
    The fields of a request body that ask for a value of `size` or its parts.

    None if the document has no spelling of it, or if it needs none: another value goes
    to the field of that name as it is.
    """
    if name == RESOLUTION:
        edge = requested_resolution({name: value})
        spelled = next(_resolutions(model, edge, SAME_EDGE), None)
        return spelled or (_tier(model, value) if edge else None)
    pixels, ratio = size_of(value), requested_ratio({name: value})
    if pixels is not None:
        return next(_pixels(model, pixels), None)
    own = model.wire_name(RATIO)
    if ratio is None or name != RATIO or own is None:
        return next(_ratios(model, ratio), None) if ratio is not None else None
    return {own: _nearest_ratio(model, own, ratio) or value}


def _pixels(model: RequestModel, size: tuple[int, int]) -> Iterator[Fields]:
    own, separator = model.wire_name(SIZE), _separator(model)
    if own is not None and separator:
        yield {own: f"{size[0]}{separator}{size[1]}"}
    yield from _edges(model, size)
    yield from _ratios(model, size[0] / size[1], edge=sqrt(size[0] * size[1]))


def _ratios(
    model: RequestModel, ratio: float, edge: float | None = None
) -> Iterator[Fields]:
    """Yield spellings of a ratio; those in pixels come last, and not for an edge."""
    for name in (RATIO, SIZE):
        own = model.wire_name(name)
        text = own and _nearest_ratio(model, own, ratio)
        if own and text:
            yield {own: text, **next(_resolutions(model, edge), {})}
    if edge is not None:
        return
    own, separator = model.wire_name(SIZE), _separator(model)
    size = own and _size_of_ratio(model, own, ratio)
    if own and separator and size:
        yield {own: f"{size[0]}{separator}{size[1]}"}
    yield from _edges(model, _usual_size(ratio))


def _edges(model: RequestModel, size: tuple[int, int]) -> Iterator[Fields]:
    names = [model.wire_name(each) for each in EDGES]
    if all(names):
        yield {str(name): edge for name, edge in zip(names, size, strict=True)}


def _resolutions(
    model: RequestModel, edge: float | None, gap: float = NEAREST_EDGE
) -> Iterator[Fields]:
    """Yield the field of the resolution, with the listed value nearest to an edge."""
    own = model.wire_name(RESOLUTION)
    if own is None or not edge:
        return
    edges = {
        each: requested_resolution({RESOLUTION: each}) for each in _listed(model, own)
    }
    gaps = {abs(log2(size / edge)): text for text, size in edges.items() if size}
    if gaps and min(gaps) <= gap:
        yield {own: gaps[min(gaps)]}


def _tier(model: RequestModel, value: Any) -> Fields | None:
    """A resolution in the field of the size, as in `2K`; None if it takes none."""
    own = model.wire_name(SIZE)
    is_tier = own is not None and _takes(model, own, (str(value),), State.VALID)
    return {str(own): value} if is_tier and not _takes_any(model, own or "") else None


def _separator(model: RequestModel) -> str | None:
    """The character between the pixels in `size`; None if it takes no pixels."""
    own = model.wire_name(SIZE)
    for state in (State.VALID, State.UNSPECIFIED):
        for separator in ("x", "*"):
            if own and _takes(model, own, _SAMPLES[separator], state):
                return separator
    listed = [each for each in _listed(model, own or "") if size_of(each)]
    return ("*" if "*" in listed[0] else "x") if listed else None


def _nearest_ratio(model: RequestModel, own: str, ratio: float) -> str | None:
    """The listed text of a ratio, or one of the usual if a field takes any."""
    texts = [each for each in _listed(model, own) if requested_ratio({RATIO: each})]
    takes_ratios = _takes(model, own, _SAMPLES[":"], State.VALID)
    if not texts and takes_ratios and not _takes_any(model, own):
        texts = list(_SAMPLES[":"])
    gaps = {
        abs((requested_ratio({RATIO: each}) or 0) / ratio - 1): each for each in texts
    }
    gap = min(gaps, default=1.0)
    return gaps[gap] if gap <= NEAREST_RATIO else None


def _size_of_ratio(
    model: RequestModel, own: str, ratio: float
) -> tuple[int, int] | None:
    """A listed size with a ratio, else a usual one; None if the document forbids it."""
    listed = [size for each in _listed(model, own) if (size := size_of(each))]
    for width, height in listed:
        if abs(width / height / ratio - 1) <= NEAREST_RATIO:
            return width, height
    return None if listed else _usual_size(ratio)


def _usual_size(ratio: float) -> tuple[int, int]:
    """A size of about a megapixel whose edges are multiples of `STEP`."""
    height = STEP * round(USUAL_EDGE / sqrt(ratio) / STEP)
    candidates = [
        (STEP * round(ratio * each / STEP), each)
        for each in range(height - 8 * STEP, height + 8 * STEP + 1, STEP)
        if each > 0
    ]
    return min(
        candidates,
        key=lambda each: (
            round(abs(each[0] / each[1] / ratio - 1), 3),
            abs(each[1] - height),
        ),
    )


def _listed(model: RequestModel, own: str) -> list[str]:
    """The texts that the schemas of a field list."""
    if own not in model.body.properties:
        return []
    schemas = [each for each in model.schemas(own) if isinstance(each, Mapping)]
    values = [value for each in schemas for value in each.get("enum", ())]
    return [each for each in dict.fromkeys(values) if isinstance(each, str)]


def _takes_any(model: RequestModel, own: str) -> bool:
    """True if the document allows any text, which says nothing of its meaning."""
    return _takes(model, own, ("imageparity",), State.VALID)


def _takes(
    model: RequestModel, own: str, samples: tuple[str, ...], state: State
) -> bool:
    """True if the document says so of one of some values of a field."""
    payloads = ({**model.minimal_request, own: each} for each in samples)
    return any(model.state(each) is state for each in payloads)
