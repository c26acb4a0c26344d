"""Draw a plan as SVG: the shapes of its scene, and its text as text."""

from collections.abc import Iterator
from dataclasses import replace
from html import escape

from mockserver.media.image.drawing.edit import compose
from mockserver.media.image.drawing.scene import (
    CAPTION_LEVEL,
    MOUNTAIN_LEVELS,
    PANEL_LEVEL,
    SKY_LEVELS,
    SUN_LEVEL,
    TEXT_LEVEL,
    palette_of,
    scene_shapes,
    text_layout,
)
from mockserver.media.image.drawing.text import line_height
from mockserver.media.image.plan import Plan
from mockserver.media.image.provenance import provenance_note

MOSAIC_EDGE = 24  # cells along the longer edge of an edited image


def draw_svg(plan: Plan) -> bytes:
    """Return an SVG document of the plan's size, without references."""
    size = f'width="{plan.width}" height="{plan.height}"'
    body = "\n".join(
        [
            f"<metadata>{escape(provenance_note(plan), quote=False)}</metadata>",
            *(_mosaic(plan) if plan.inputs else _scene(plan)),
            *_text(plan),
        ]
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {plan.width} {plan.height}">\n{body}\n</svg>\n'
    ).encode()


def _scene(plan: Plan) -> Iterator[str]:
    shapes = scene_shapes(plan, (plan.width, plan.height))
    if not plan.transparent:
        top, horizon = (_colour(plan, each) for each in SKY_LEVELS)
        yield (
            '<linearGradient id="sky" x2="0" y2="1">'
            f'<stop stop-color="{top}"/><stop offset="1" stop-color="{horizon}"/>'
            "</linearGradient>"
        )
        yield '<rect width="100%" height="100%" fill="url(#sky)"/>'
    x, y, radius = shapes.sun
    yield (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" '
        f'fill="{_colour(plan, SUN_LEVEL)}"/>'
    )
    for ridge, level in zip(shapes.ridges, MOUNTAIN_LEVELS, strict=True):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in ridge)
        yield f'<polygon points="{points}" fill="{_colour(plan, level)}"/>'


def _mosaic(plan: Plan) -> Iterator[str]:
    """Yield the edited image as a grid of rectangles."""
    longest = max(plan.width, plan.height)
    columns = max(1, plan.width * MOSAIC_EDGE // longest)
    rows = max(1, plan.height * MOSAIC_EDGE // longest)
    small = replace(plan, width=columns, height=rows, text="", caption="")
    image = compose(small).convert("RGBA")
    yield '<g shape-rendering="crispEdges">'
    wide, high = plan.width / columns, plan.height / rows
    for row in range(rows):
        for column in range(columns):
            red, green, blue, alpha = image.getpixel((column, row))
            if alpha:
                yield (
                    f'<rect x="{column * wide:.2f}" y="{row * high:.2f}" '
                    f'width="{wide:.2f}" height="{high:.2f}" '
                    f'fill="#{red:02x}{green:02x}{blue:02x}"/>'
                )
    yield "</g>"


def _text(plan: Plan) -> Iterator[str]:
    layout = text_layout(plan, (plan.width, plan.height))
    left, top, right, bottom = layout.panel
    yield (
        f'<rect x="{left}" y="{top}" width="{max(0, right - left)}" '
        f'height="{max(0, bottom - top)}" fill="{_colour(plan, PANEL_LEVEL)}"/>'
    )
    x, y = layout.origin
    for at, line in enumerate(layout.lines):
        baseline = y + line_height(layout.font_size) * at + layout.font_size
        yield _line(plan, (x, baseline), layout.font_size, line, TEXT_LEVEL)
    if layout.caption:
        font_size, line, (x, y) = layout.caption
        yield _line(plan, (x, y + font_size), font_size, line, CAPTION_LEVEL)


def _line(
    plan: Plan, position: tuple[int, int], font_size: int, line: str, level: int
) -> str:
    x, y = position
    return (
        f'<text x="{x}" y="{y}" font-family="sans-serif" font-size="{font_size}" '
        f'fill="{_colour(plan, level)}">{escape(line, quote=False)}</text>'
    )


def _colour(plan: Plan, level: int) -> str:
    return f"#{palette_of(plan)[3 * level : 3 * level + 3].hex()}"
