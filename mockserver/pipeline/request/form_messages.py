"""Messages for forms, and the error of an upload that cannot be used."""

import re
from collections.abc import Iterator
from typing import Any

from mockserver.errors import Rejected
from mockserver.pipeline.request.body_parsing import ParsedBody
from specs import FORM, Operation, Violation

INVALID_REQUEST = "invalid_request"
NO_FILENAME = "expected a file, got text: the part has no filename"
_NUMBERED = re.compile(r"(.+)\[[0-9]+\]", re.ASCII)


def violation_rejection(
    parsed_body: ParsedBody, violations: tuple[Violation, ...]
) -> Rejected:
    """The error of the first violation, in the words of a form if it is one."""
    rejected = Rejected.for_violations(violations)
    if parsed_body.body.media_type == FORM:
        problem = _problem(violations[0], parsed_body)
        if problem is not None:
            rejected.message = f"{rejected.param}: {problem}"
    return rejected


def _problem(violation: Violation, parsed_body: ParsedBody) -> str | None:
    """The problem of the part of a form, or None for the usual message."""
    value, expected = violation.value, violation.expected
    if violation.keyword == "type" and isinstance(value, list):
        return f"expected one part, got {len(value)}"
    if violation.keyword == "type" and "object" in expected and isinstance(value, str):
        return NO_FILENAME
    if violation.keyword == "required":
        for name in parsed_body.payload:
            match = _NUMBERED.fullmatch(name)
            if match and match[1] == violation.param:
                return (
                    f"is required; the part {name[:80]} is not read: send several "
                    f"files as {match[1]}[]"
                )
    return None


def upload_error(operation: Operation) -> str:
    """The documented error for an upload that is not such an image as is described."""
    for body in operation.bodies.values():
        for error in _upload_errors(body.schema, INVALID_REQUEST):
            if error != INVALID_REQUEST:
                return error
    return INVALID_REQUEST


def _upload_errors(node: Any, error: str) -> Iterator[str]:
    """The errors of all parts of a schema that describe an upload."""
    if isinstance(node, list):
        for item in node:
            yield from _upload_errors(item, error)
    if not isinstance(node, dict):
        return
    error = node.get("x-error", error)
    if "formats" in node.get("x-upload", {}):
        yield error
    for item in node.values():
        yield from _upload_errors(item, error)
