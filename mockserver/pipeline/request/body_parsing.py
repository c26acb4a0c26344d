"""Parse a request body into the value that its JSON Schema describes."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from multipart import MultipartError, PushMultipartParser, parse_options_header

from mockserver.errors import Rejected
from mockserver.media.image.uploads import upload_facts
from mockserver.media.registry import MEDIA, medium_of
from mockserver.settings import MAX_TEXT_BODY
from specs import FORM, JSON, Body, Dialect, Operation
from specs.validation.strict_json import (
    Pairs,
    check_characters,
    count_values,
    decoder,
    estimate_values,
)

FILE_FIELDS = frozenset().union(*(each.file_fields for each in MEDIA.values()))
MAX_PARTS = 64
MAX_PART_HEADER_BYTES = 2048
MAX_PART_HEADERS = 8
MAX_PART_NAME_LENGTH = 128
MAX_PREAMBLE_BYTES = 1024
MAX_DEPTH = 64
MAX_VALUES = 2000
MAX_ESTIMATED_VALUES = 100 * MAX_VALUES
MAX_DIGITS = 100
MAX_BODY_ON_LOOP = 256 * 1024  # bytes; a larger JSON body is read off the event loop
MAX_HASHED_TEXT = 64 * 1024  # characters; longer texts are hashed by themselves
_SORTED_JSON = json.JSONEncoder(sort_keys=True)


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """
    The payload of a request, and its uploaded files.

    In the payload a file is an object that describes it; `files` maps the sha256 of
    each file to its bytes. `duplicate_names` are the names of repeated JSON fields, of
    which the last value counts. `value_count` is the number of all nested values.
    `is_large` is true for JSON with images, which takes long to hash and to interpret.
    """

    body: Body
    payload: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    duplicate_names: Sequence[str] = ()
    value_count: int = 0
    is_large: bool = False

    def hash(self) -> str:
        """
        The hash of the payload, 16 hexadecimal digits.

        It depends on names, values and the bytes of uploads, not on order, spaces or
        headers. It is written into every output of the response and into the journal.
        """
        payload = _with_hashed_texts(self.payload) if self.is_large else self.payload
        text = _SORTED_JSON.encode(payload)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_hashed_texts(value: Any) -> Any:
    """A JSON value with the sha256 of each long text in its place."""
    if isinstance(value, dict):
        return {name: _with_hashed_texts(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_hashed_texts(each) for each in value]
    if isinstance(value, str) and len(value) > MAX_HASHED_TEXT:
        return {"sha256": hashlib.sha256(value.encode()).hexdigest()}
    return value


def max_body_bytes(operation: Operation, dialect: Dialect, limit: int) -> int:
    """`limit` if a body can contain files, else at most `MAX_TEXT_BODY`."""
    bodies, names = operation.bodies, _file_names(operation, dialect)
    if FORM in bodies or any(
        name in body.properties for body in bodies.values() for name in names
    ):
        return limit
    return min(limit, MAX_TEXT_BODY)


def _file_names(operation: Operation, dialect: Dialect) -> set[str]:
    """The fields of a body that hold files, or parts with files."""
    canonical_names = medium_of(operation).file_fields
    nested = dialect.places_of(operation.id)
    names = set(canonical_names)
    for name in canonical_names:
        names.update(dialect.wire_names(operation.id, name))
        names.update(pointer.split("/")[1] for pointer in nested.get(name, ()))
    return names


def parse_body(data: bytes, content_type: str, operation: Operation) -> ParsedBody:
    """
    Parse a body of one of the operation's media types.

    Raises `Rejected`: 415 for another media type, 400 for an unreadable body.
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
    return BODY_PARSERS[media_type](data, content_type, body)


def _parse_json(data: bytes, content_type: str, body: Body) -> ParsedBody:
    # 1 MB of `[],[],[]` needs 30 MB as lists: estimate before decoding.
    if (
        len(data) > MAX_ESTIMATED_VALUES
        and estimate_values(data) > MAX_ESTIMATED_VALUES
    ):
        raise _json_error(f"it has more than {MAX_VALUES:,} values")
    duplicate_names: list[str] = []
    try:
        text = str(data, "utf-8")
        try:
            payload = _DECODER.decode(text)
        except _DuplicateName:
            payload = decoder(MAX_DIGITS, partial(_keep_last, duplicate_names)).decode(
                text
            )
    except RecursionError:
        raise _json_error("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _json_error("it is not UTF-8") from None
    except ValueError as error:
        raise _json_error(str(error)) from None
    if not isinstance(payload, dict):
        raise _json_error("it is not an object")
    try:
        values = count_values(payload, max_depth=MAX_DEPTH, max_values=MAX_VALUES)
        check_characters(data, payload)
    except ValueError as error:
        raise _json_error(str(error)) from None
    return ParsedBody(
        body,
        payload,
        duplicate_names=duplicate_names,
        value_count=values,
        is_large=len(data) > MAX_BODY_ON_LOOP,
    )


class _DuplicateName(Exception):
    """A JSON object has the same name more than once."""


def _reject_duplicates(pairs: Pairs) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _DuplicateName
    return fields


def _keep_last(duplicate_names: list[str], pairs: Pairs) -> dict[str, Any]:
    """Keep the last value of each name, as most providers do; collect the names."""
    names = Counter(name for name, _ in pairs)
    duplicate_names += [
        name[:MAX_PART_NAME_LENGTH] for name, times in names.items() if times > 1
    ]
    return dict(pairs)


_DECODER = decoder(MAX_DIGITS, _reject_duplicates)


def _json_error(reason: str) -> Rejected:
    return Rejected("invalid_request", f"The body cannot be read as JSON: {reason}.")


def _parse_form(data: bytes, content_type: str, body: Body) -> ParsedBody:
    values: dict[str, list[Any]] = {}
    array_names: set[str] = set()
    files: dict[str, bytes] = {}
    try:
        _, options = parse_options_header(content_type)
        for segment, content in _iter_parts(data, options.get("boundary", "")):
            name = segment.name.removesuffix("[]")
            if len(name) > MAX_PART_NAME_LENGTH:
                raise _form_error(
                    f"a name has more than {MAX_PART_NAME_LENGTH} characters"
                )
            if segment.name.endswith("[]"):
                array_names.add(name)
            if segment.filename is not None:
                facts = upload_facts(
                    content,
                    filename=segment.filename,
                    content_type=segment.content_type or "",
                    # Only of the first: decoding 60 large masks takes seconds.
                    looks_at_pixels=name not in values
                    and _needs_transparency(body.properties.get(name)),
                )
                files[facts.sha256] = content
                value: Any = facts.facts()
            else:
                charset = (segment.charset or "utf-8").lower()
                if charset not in CHARSETS:
                    raise _form_error(
                        f"the charset of a text is not one of {', '.join(CHARSETS)}"
                    )
                text = _decode_part(segment, content, charset)
                value = coerce_text(text, body.properties.get(name))
            values.setdefault(name, []).append(value)
    except UnicodeError:
        raise _form_error("its boundary is not ASCII") from None
    except MultipartError as error:
        reason, *causes = error.args
        is_text = not any(isinstance(each, UnicodeError) for each in causes)
        reason = reason if is_text else "a header of a part is not UTF-8"
        raise _form_error(str(reason)) from None
    payload = {
        name: items if name in array_names or len(items) > 1 else items[0]
        for name, items in values.items()
    }
    return ParsedBody(body, payload, files, value_count=len(values))


def _needs_transparency(schema: Any) -> bool:
    """True if a part of the schema of a file demands transparent pixels."""
    if isinstance(schema, list):
        return any(map(_needs_transparency, schema))
    if not isinstance(schema, dict):
        return False
    is_own = schema.get("x-upload", {}).get("transparent", False)
    return is_own or any(map(_needs_transparency, schema.values()))


def _decode_part(segment: Any, content: bytes, charset: str) -> str:
    """The text of a part. Raises `Rejected` for bytes that are none."""
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        name = segment.name[:MAX_PART_NAME_LENGTH]
        field = name.removesuffix("[]")
        is_file = (segment.content_type or "text/").partition("/")[0] != "text"
        problem = (
            "expected a file, but the part has no filename"
            if is_file or field in FILE_FIELDS
            else "the text does not have the charset of its header"
        )
        raise Rejected("invalid_request", f"{name}: {problem}.", param=field) from None


CHARSETS = ("utf-8", "utf8", "us-ascii")


def _form_error(reason: str) -> Rejected:
    return Rejected("invalid_request", f"The body cannot be read as {FORM}: {reason}.")


def _iter_parts(data: bytes, boundary: str) -> Any:
    """The parts of a form, with contents. Raises `MultipartError` or `Rejected`."""
    chunks: list[bytes | bytearray] = []
    current: Any = None
    with PushMultipartParser(
        boundary,
        max_segment_count=MAX_PARTS,
        max_header_count=MAX_PART_HEADERS,
        max_header_size=MAX_PART_HEADER_BYTES,
    ) as parser:
        delimiter = b"--" + parser.boundary
        if data.find(delimiter, 0, MAX_PREAMBLE_BYTES + len(delimiter)) < 0:
            raise _form_error("it does not begin with its boundary")
        for event in (*parser.parse(data), *parser.parse(b"")):
            if event is None:
                yield current, b"".join(chunks)
                chunks.clear()
            elif isinstance(event, (bytes, bytearray)):
                chunks.append(event)
            else:
                current = event


_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,30})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


def coerce_text(text: str, schema: Any) -> Any:
    """The integer, number or boolean that a text is by its schema, else the text."""
    types = schema.get("type", "string") if isinstance(schema, dict) else "string"
    if "integer" in types and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in types and _NUMBER.fullmatch(text):
        return float(text)
    if "boolean" in types and text in _BOOLEANS:
        return _BOOLEANS[text]
    return text


BodyParser = Callable[[bytes, str, Body], ParsedBody]
BODY_PARSERS: dict[str, BodyParser] = {
    JSON: _parse_json,
    FORM: _parse_form,
}
