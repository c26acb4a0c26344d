"""Rejected requests, and the documented error responses to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict

from mockserver.json_text import dumps, fill_placeholders, printable
from specs import ErrorExample, Operation, Violation

INCIDENT_HEADER = "X-Mock-Incident"  # the id under which a bug of the mock is logged


@dataclass(eq=False)
class Rejected(Exception):
    """
    A request that gets an error response.

    `name` is a key of the operation's documented errors. `status` overrides the
    documented status, for errors of HTTP itself that no document describes.
    """

    name: str
    message: str
    param: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()

    @classmethod
    def for_violations(cls, violations: tuple[Violation, ...]) -> "Rejected":
        """The error of the first violation."""
        first = violations[0]
        return cls(
            first.evidence.error, str(first), param=first.param, violations=violations
        )


def documented_error_response(rejected: Rejected, operation: Operation) -> web.Response:
    """The documented error response of an operation, filled with the details."""
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
    """The documented error of that name, or `invalid_request` if it is unknown."""
    return operation.errors.get(name) or operation.errors["invalid_request"]
