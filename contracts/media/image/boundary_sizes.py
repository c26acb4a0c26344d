"""Image sizes at the limits of a schema: edges, ratio, number of pixels."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

MAX_LONG_EDGE = 8192  # of a size at a ratio: longer images have limits of their own


def boundary_sizes(limits: Mapping[str, Any]) -> Iterator[tuple[int, int, str]]:
    """
    Yield width, height and label of sizes at each limit and just beyond it.

    `limits` are those of the keyword `x-image-size`. A size beyond one limit is within
    the others if possible.
    """
    step = limits.get("multipleOf", 1)
    edge = limits.get("maxEdge", 4096)
    ratio = limits.get("maxRatio", 3)
    usual = 1024
    if step > 1:
        yield usual + step // 2, usual, "edge-off-the-grid"
        yield usual, usual + 1, "height-off-the-grid"
    yield usual + step, usual, "edge-on-the-grid"
    if "maxEdge" in limits:
        low = -(-edge // ratio // step) * step
        yield edge, max(low, usual + 256), "at-maxEdge"
        yield edge + step, max(low + step, usual + 256), "above-maxEdge"
    if "maxRatio" in limits:
        short = min(usual, MAX_LONG_EDGE // ratio // step * step)
        yield short * ratio, short, "at-maxRatio"
        yield short * ratio + step, short, "above-maxRatio"
        yield short, short * ratio, "at-maxRatio-tall"
        yield short, short * ratio + step, "above-maxRatio-tall"
    if "minPixels" in limits:
        yield from _sizes_near_pixels(limits["minPixels"], step, edge, "minPixels", -1)
    if "maxPixels" in limits:
        yield from _sizes_near_pixels(limits["maxPixels"], step, edge, "maxPixels", 1)


def _sizes_near_pixels(
    pixels: int, step: int, edge: int, label: str, direction: int
) -> Iterator[tuple[int, int, str]]:
    """The sizes nearest to a pixel limit; `direction` is 1 for a maximum, else -1."""
    root = math.isqrt(pixels) // step * step
    grid = range(
        max(step, root * 2 // 3 // step * step), min(edge, root * 3 // 2) + 1, step
    )
    sizes = [(width, height) for width in grid for height in grid if width >= height]

    def excess(size: tuple[int, int]) -> int:
        return (size[0] * size[1] - pixels) * direction

    within = [size for size in sizes if excess(size) <= 0]
    beyond = [size for size in sizes if excess(size) > 0]
    if within:
        yield *max(within, key=excess), f"at-{label}"
    if beyond:
        side = "above" if direction > 0 else "below"
        yield *min(beyond, key=excess), f"{side}-{label}"
