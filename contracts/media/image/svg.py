"""Read an SVG image: its size, and what it refers to. Nothing is loaded or drawn."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}svg"
MAX_BYTES = 20_000_000
_DECLARATION = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+)(px)?\s*")
_CSS_REFERENCE = re.compile(r"""url\(\s*['"]?\s*([^'")\s]+)|@import\s+['"]([^'"]+)""")
_REFERENCE_NAMES = {"href", "src"}


class BadSvg(ValueError):
    """Bytes that are no SVG image; the message continues "an image that"."""


@dataclass(frozen=True, slots=True)
class SvgFacts:
    """
    Width and height in pixels, 0 if the image does not tell them.

    `references` are the addresses of files outside the image, in document order.
    """

    width: int
    height: int
    references: tuple[str, ...]


def is_svg(data: bytes) -> bool:
    """True for XML or HTML: bytes that no decoder of pixels knows."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def read_svg(data: bytes) -> SvgFacts:
    """
    Read an SVG image.

    A document type is refused: it can define entities that expand without limit or
    read files. Raises `BadSvg`.
    """
    if len(data) > MAX_BYTES:
        raise BadSvg(f"has over {MAX_BYTES} bytes")
    if _DECLARATION.search(data):
        raise BadSvg("is XML with a document type, which is not read")
    try:
        root = ET.fromstring(data)  # noqa: S314  without a document type
    except ET.ParseError as error:
        raise BadSvg(f"does not decode: it is not XML: {error}") from None
    except (ValueError, LookupError) as error:  # an unknown encoding
        raise BadSvg(f"does not decode: {error}") from None
    if root.tag != SVG:
        raise BadSvg(f"does not decode: its root is <{root.tag[:80]}>, not <svg>")
    width, height = _size(root)
    references = dict.fromkeys(each for each in _references(root) if _is_outside(each))
    return SvgFacts(width, height, tuple(references))


def _size(root: ET.Element) -> tuple[int, int]:
    """The size by `width` and `height`, else that of the `viewBox`."""
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    box = box if len(box) == 4 else ["", "", "", ""]
    return _pixels(root.get("width"), box[2]), _pixels(root.get("height"), box[3])


def _pixels(own: str | None, from_box: str) -> int:
    match = _LENGTH.fullmatch(own or "") or _LENGTH.fullmatch(from_box)
    return round(float(match[1])) if match else 0


def _references(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.rpartition("}")[2] in _REFERENCE_NAMES:
                yield value.strip()
            yield from _css_references(value)
        if element.tag.rpartition("}")[2] == "style":
            yield from _css_references(element.text or "")


def _css_references(text: str) -> Iterator[str]:
    for match in _CSS_REFERENCE.finditer(text):
        yield match[1] or match[2]


def _is_outside(reference: str) -> bool:
    return not reference.startswith(("#", "data:"))
