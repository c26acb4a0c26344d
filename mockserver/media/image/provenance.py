"""Write the request hash and the seed of an image into its file, and read them."""

import io
import re
from dataclasses import dataclass
from typing import Any, Protocol

from mockserver.media.image.decoding import READABLE_FORMATS, decode_errors
from mockserver.media.image.plan import BadImage


class Identified(Protocol):
    """The plan of an image, or of another file that holds a note."""

    @property
    def request(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def index(self) -> int: ...
    @property
    def identity(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Provenance:
    """
    The metadata in an image of this mock.

    `request` is the hash of the request, `seed` the server's, `index` the position in
    the response from 0, and `identity` the hash of the plan. `width` and `height` are
    in pixels; `format` is one of `MEDIA_TYPES`.
    """

    request: str
    seed: int
    index: int
    identity: str
    format: str
    width: int
    height: int


def provenance_note(plan: Identified) -> str:
    """Return the text that is written into the metadata of a file."""
    return (
        f"imageparity request={plan.request} seed={plan.seed} index={plan.index} "
        f"identity={plan.identity}"
    )


_PROVENANCE_NOTE = re.compile(
    r"imageparity request=(?P<request>\w*) seed=(?P<seed>-?\d{1,99}) "
    r"index=(?P<index>\d{1,9}) identity=(?P<identity>[0-9a-f]{32})",
    re.ASCII,
)
XMP_TEMPLATE = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:identifier>{}</dc:identifier>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def parse_note(text: str) -> dict[str, Any] | None:
    """Return the facts of a note by the names in `Provenance`; None if it is none."""
    match = _PROVENANCE_NOTE.search(text)
    if match is None:
        return None
    numbers = {name: int(match[name]) for name in ("seed", "index")}
    return {**match.groupdict(), **numbers}


def read_provenance(data: bytes) -> Provenance | None:
    """
    Read the metadata of an image; None if it does not come from this mock.

    Raises `BadImage` if the bytes are no image.
    """
    from PIL import Image

    if data.startswith(b"<svg"):
        return _read_svg(data)
    try:
        with Image.open(io.BytesIO(data), formats=READABLE_FORMATS) as image:
            notes = [image.info.get(each, "") for each in ("Comment", "comment", "xmp")]
            width, height, format_ = image.width, image.height, str(image.format)
    except decode_errors() as error:
        raise BadImage(str(error)) from None
    facts = next(filter(None, (parse_note(_text(each)) for each in notes)), None)
    if facts is None:
        return None
    return Provenance(**facts, format=format_.lower(), width=width, height=height)


def _read_svg(data: bytes) -> Provenance | None:
    start = data[:1000].decode("utf-8", "replace")
    size = _SVG_SIZE.match(start)
    facts = parse_note(start)
    if facts is None or size is None:
        return None
    return Provenance(**facts, format="svg", width=int(size[1]), height=int(size[2]))


_SVG_SIZE = re.compile(r'<svg [^>]*?width="(\d{1,9})" height="(\d{1,9})"')


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
