"""Refusals: raised by name, answered with the body that the document gives."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from specs import ErrorExample, Operation, Violation

MAX_QUOTED_LENGTH = 1000
INCIDENT_HEADER = "X-Mock-Incident"


@dataclass(eq=False)
class Rejected(Exception):
    """
    The provider's "no".

    `name` is an entry of the operation's error catalogue. `status` overrides the
    entry's own, for refusals of HTTP itself that no document speaks of.
    """

    name: str
    message: str
    param: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()

    @classmethod
    def for_violations(cls, violations: tuple[Violation, ...]) -> "Rejected":
        """The refusal that the first of the violations leads to."""
        first = violations[0]
        return cls(
            first.evidence.error, str(first), param=first.param, violations=violations
        )


def documented_error_response(rejected: Rejected, operation: Operation) -> web.Response:
    """The documented answer to a refusal."""
    example = error_example(rejected.name, operation)
    body = fill_placeholders(
        example.body,
        {
            "message": printable(rejected.message),
            "param": rejected.param and printable(rejected.param),
            "value": printable(rejected.message),
        },
    )
    headers = CIMultiDict(example.headers)
    headers.update(rejected.headers)
    return web.json_response(
        body, status=rejected.status or example.status, headers=headers, dumps=dumps
    )


def error_example(name: str, operation: Operation) -> ErrorExample:
    return operation.errors.get(name) or operation.errors["invalid_request"]


def fill_placeholders(template: Any, details: Mapping[str, Any]) -> Any:
    """
    A copy of an example with its placeholders filled.

    A text that is one placeholder becomes the value itself, whatever its type.
    """
    if isinstance(template, dict):
        return {
            key: fill_placeholders(value, details) for key, value in template.items()
        }
    if isinstance(template, list):
        return [fill_placeholders(value, details) for value in template]
    if not isinstance(template, str) or "{" not in template:
        return template
    if template[:1] == "{" and template[-1:] == "}" and template[1:-1] in details:
        return details[template[1:-1]]
    for name, value in details.items():
        template = template.replace(f"{{{name}}}", "" if value is None else str(value))
    return template


def dumps(value: Any) -> str:
    """Strict JSON; lone surrogates stay escaped, so that it can always be sent."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def printable(text: str) -> str:
    """Text of a client, safe to repeat: printable, and no longer than it need be."""
    kept = "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for each in text[:MAX_QUOTED_LENGTH]
    )
    return kept if len(text) <= MAX_QUOTED_LENGTH else f"{kept}…"
