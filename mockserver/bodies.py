"""From the bytes of a request to the instance that its schema describes."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multipart import MultipartError, PushMultipartParser, parse_options_header

from mockserver.errors import Rejected
from mockserver.pictures import look_at
from specs import Body, Operation

MAX_BODY = 64 * 1024 * 1024
MAX_PARTS = 64
MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Received:
    """
    A request's payload, as the judge sees it, and the files beside it.

    In the payload a file is the object of its facts; `files` holds its bytes by their
    sha256. `payload` is None when there was no JSON object and no form.
    """

    body: Body
    payload: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


async def read_bytes(request: web.Request, limit: int = MAX_BODY) -> bytes:
    """
    The whole body. Raises `Rejected`: 413 as soon as it is larger than allowed, 400
    when it is not coded as its headers say.
    """
    chunks: list[bytes] = []
    size = 0
    declared = request.content_length or 0
    try:
        if declared <= limit:
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    break
                chunks.append(chunk)
            else:
                return b"".join(chunks)
    except web.RequestPayloadError:
        raise Rejected(
            "invalid_request",
            "The body is not coded as its headers say.",
            headers={"Connection": "close"},
        ) from None
    raise Rejected(
        "invalid_request",
        f"The body has more than {limit} bytes.",
        status=413,
        headers={"Connection": "close"},
    )


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
    try:
        payload = json.loads(
            data.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite
        )
    except RecursionError:
        raise _unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise _unreadable(str(error)) from None
    if not isinstance(payload, dict):
        raise _unreadable("it is not an object")
    if _depth(payload) > MAX_DEPTH:
        raise _unreadable(f"it is nested deeper than {MAX_DEPTH} levels")
    if _HALF.search(data) and not _is_unicode(payload):
        raise _unreadable("it holds half of a surrogate pair")
    return Received(body, payload)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def _is_unicode(payload: Any) -> bool:
    try:
        json.dumps(payload, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(why: str) -> Rejected:
    return Rejected("invalid_request", f"The body cannot be read as JSON: {why}.")


def _depth(value: Any) -> int:
    """How deeply a value is nested, counted without recursion."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            part
            for each in level
            if isinstance(each, (dict, list))
            for part in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _from_form(data: bytes, content_type: str, body: Body) -> Received:
    _, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    values: dict[str, list[Any]] = {}
    several: set[str] = set()
    files: dict[str, bytes] = {}
    try:
        for segment, content in _segments(data, boundary):
            name = segment.name.removesuffix("[]")
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
                text = content.decode(segment.charset or "utf-8")
                value = _coerced(text, body.properties.get(name))
            values.setdefault(name, []).append(value)
    except (MultipartError, UnicodeError, LookupError) as error:
        message = f"The body cannot be read as multipart/form-data: {error}."
        raise Rejected("invalid_request", message) from None
    payload = {
        name: each if name in several or len(each) > 1 else each[0]
        for name, each in values.items()
    }
    return Received(body, payload, files)


def _segments(data: bytes, boundary: str) -> Any:
    """The parts of a form and their contents. Raises `MultipartError`."""
    content = bytearray()
    current: Any = None
    with PushMultipartParser(boundary, max_segment_count=MAX_PARTS) as parser:
        for event in (*parser.parse(data), *parser.parse(b"")):
            if event is None:
                yield current, bytes(content)
                content.clear()
            elif isinstance(event, (bytes, bytearray)):
                content += event
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
    "multipart/form-data": _from_form,
}
