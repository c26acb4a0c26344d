"""From the bytes of a request to the instance that its schema describes."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from multipart import MultipartError, PushMultipartParser, parse_options_header

from mockserver.errors import Rejected
from mockserver.media.image.drawing.encode import look_at
from mockserver.settings import MAX_WORDS
from specs import Body, Operation
from specs.validation.strict_json import (
    Pairs,
    check_characters,
    counted,
    decoder,
    marks,
)

FORM = "multipart/form-data"
PICTURES = ("image", "images", "mask")
MAX_PARTS = 64
MAX_PART_HEAD = 2048
MAX_PART_HEADERS = 8
MAX_PART_NAME = 128
MAX_PREAMBLE = 1024
MAX_DEPTH = 64
MAX_VALUES = 2000
MAX_MARKS = 100 * MAX_VALUES
MAX_DIGITS = 100


@dataclass(frozen=True, slots=True)
class Received:
    """
    A request's payload, as the judge sees it, and the files beside it.

    In the payload a file is the object of its facts; `files` holds its bytes by their
    sha256. `doubled` are the names of members that were given more than once, of
    which the last counts; `values` is how many values there are in all.
    """

    body: Body
    payload: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    doubled: Sequence[str] = ()
    values: int = 0


def most_bytes(operation: Operation, most: int) -> int:
    """How large a body may be: less where none of its members can hold a picture."""
    bodies = operation.bodies
    if FORM in bodies or any(
        name in body.properties for body in bodies.values() for name in PICTURES
    ):
        return most
    return min(most, MAX_WORDS)


def payload_from(data: bytes, content_type: str, operation: Operation) -> Received:
    """
    The payload of a body of one of the operation's media types.

    Raises `Rejected`: 415 for another media type, 400 for what cannot be read.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    body = operation.bodies.get(media_type)
    if body is None:
        known = " or ".join(operation.bodies)
        raise Rejected(
            "invalid_request",
            f"Content-Type must be {known}, not '{media_type}'.",
            status=415,
        )
    return READERS[media_type](data, content_type, body)


def _from_json(data: bytes, content_type: str, body: Body) -> Received:
    # Of `[],[],[]` a megabyte is thirty of lists: it is counted before it is read.
    if len(data) > MAX_MARKS and marks(data) > MAX_MARKS:
        raise _unreadable(f"it holds more than {MAX_VALUES:,} values")
    doubled: list[str] = []
    try:
        text = str(data, "utf-8")
        try:
            payload = _DECODER.decode(text)
        except _Doubled:
            payload = decoder(MAX_DIGITS, partial(_last, doubled)).decode(text)
    except RecursionError:
        raise _unreadable("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _unreadable("it is not UTF-8") from None
    except ValueError as error:
        raise _unreadable(str(error)) from None
    if not isinstance(payload, dict):
        raise _unreadable("it is not an object")
    try:
        values = counted(payload, depth=MAX_DEPTH, most=MAX_VALUES)
        check_characters(data, payload)
    except ValueError as error:
        raise _unreadable(str(error)) from None
    return Received(body, payload, doubled=doubled, values=values)


class _Doubled(Exception):
    """A name stands in an object more than once."""


def _once(pairs: Pairs) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Doubled
    return found


def _last(doubled: list[str], pairs: Pairs) -> dict[str, Any]:
    """The last of each name counts, as with most providers; the others are noted."""
    names = Counter(name for name, _ in pairs)
    doubled += [name[:MAX_PART_NAME] for name, times in names.items() if times > 1]
    return dict(pairs)


_DECODER = decoder(MAX_DIGITS, _once)


def _unreadable(why: str) -> Rejected:
    return Rejected("invalid_request", f"The body cannot be read as JSON: {why}.")


def _from_form(data: bytes, content_type: str, body: Body) -> Received:
    values: dict[str, list[Any]] = {}
    several: set[str] = set()
    files: dict[str, bytes] = {}
    try:
        _, options = parse_options_header(content_type)
        for segment, content in _segments(data, options.get("boundary", "")):
            name = segment.name.removesuffix("[]")
            if len(name) > MAX_PART_NAME:
                raise _no_form(f"a name has more than {MAX_PART_NAME} characters")
            if segment.name.endswith("[]"):
                several.add(name)
            if segment.filename is not None:
                facts = look_at(
                    content,
                    filename=segment.filename,
                    content_type=segment.content_type or "",
                )
                files[facts.sha256] = content
                value: Any = facts.facts()
            else:
                charset = (segment.charset or "utf-8").lower()
                if charset not in CHARSETS:
                    raise _no_form(f"a text is not coded as {' or '.join(CHARSETS)}")
                value = _coerced(content.decode(charset), body.properties.get(name))
            values.setdefault(name, []).append(value)
    except UnicodeDecodeError:
        raise _no_form("a text is not coded as it says") from None
    except (MultipartError, UnicodeError) as error:
        raise _no_form(str(error)) from None
    payload = {
        name: each if name in several or len(each) > 1 else each[0]
        for name, each in values.items()
    }
    return Received(body, payload, files, values=len(values))


CHARSETS = ("utf-8", "utf8", "us-ascii")


def _no_form(why: str) -> Rejected:
    return Rejected("invalid_request", f"The body cannot be read as {FORM}: {why}.")


def _segments(data: bytes, boundary: str) -> Any:
    """The parts of a form and their contents. Raises `MultipartError`, `Rejected`."""
    pieces: list[bytes | bytearray] = []
    current: Any = None
    with PushMultipartParser(
        boundary,
        max_segment_count=MAX_PARTS,
        max_header_count=MAX_PART_HEADERS,
        max_header_size=MAX_PART_HEAD,
    ) as parser:
        delimiter = b"--" + parser.boundary
        if data.find(delimiter, 0, MAX_PREAMBLE + len(delimiter)) < 0:
            raise _no_form("it does not begin with its boundary")
        for event in (*parser.parse(data), *parser.parse(b"")):
            if event is None:
                yield current, b"".join(pieces)
                pieces.clear()
            elif isinstance(event, (bytes, bytearray)):
                pieces.append(event)
            else:
                current = event


_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


def _coerced(text: str, member: Any) -> Any:
    """A form's text as the type that its member asks for, where it can be read so."""
    types = member.get("type", "string") if isinstance(member, dict) else "string"
    if "integer" in types and _INTEGER.fullmatch(text):
        return int(text)
    if "boolean" in types and text in _BOOLEANS:
        return _BOOLEANS[text]
    return text


Reader = Callable[[bytes, str, Body], Received]
READERS: dict[str, Reader] = {
    "application/json": _from_json,
    FORM: _from_form,
}
