"""The templates of the page, with their filters."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from contracts.reporters.page import heatmap
from contracts.reporters.page.claims import TONES
from contracts.reporters.page.features import Feature
from contracts.reporters.page.rules import plain_sentence
from contracts.text import clip, in_words, pluralize, printable, safe_url

MAX_EXCERPT_LENGTH = 4_000
MAX_RANKED = 8  # providers of the ranking that are shown at first


@cache
def page_template(name: str = "template.html") -> Template:
    """A template: that of the page of a report, if no other is named."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_make_printable,
        loader=FunctionLoader(_read_asset),
    )
    environment.filters.update(
        by_part=_rows_by_part,
        clipped=clip,
        coded=_format_code,
        grouped="{:,}".format,
        in_words=in_words,
        image_uri=_is_image_uri,
        plain=plain_sentence,
        plural=pluralize,
        section_label=heatmap.section_label,
        tone=TONES.__getitem__,
        web_url=safe_url,
    )
    environment.globals.update(
        EXCERPT=MAX_EXCERPT_LENGTH,
        RANKED=MAX_RANKED,
        style=_read_asset("page.css"),
        script=_read_asset("page.js"),
    )
    return environment.get_template(name)


def _rows_by_part(rows: Sequence[Feature]) -> list[list[Feature]]:
    """
    The rows of each part together, in order of first appearance.

    Transport comes last: every provider has its own base URL and keys.
    """
    found: dict[str, list[Feature]] = {}
    for row in rows:
        found.setdefault(row.part, []).append(row)
    return sorted(found.values(), key=lambda rows: rows[0].section == "transport")


def _format_code(text: str) -> Markup:
    """HTML of a text in which names between backticks are code."""
    code = Markup("<code>{}</code>")
    parts = escape(printable(text)).split("`")
    return Markup("").join(
        code.format(part) if at % 2 else part for at, part in enumerate(parts)
    )


def _is_image_uri(uri: str) -> bool:
    """True for a data URI of an image and no other kind of URI."""
    return re.fullmatch(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", uri) is not None


def _read_asset(name: str) -> str:
    return (
        files("contracts.reporters.page").joinpath("templates", name).read_text("utf-8")
    )


def _make_printable(value: Any) -> Any:
    """Make a text printable before jinja2 escapes it."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value) if is_text else value
