"""Requests to one address that must be rejected: their key, their query, on demand."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from contracts.planning.case import (
    TARGET_KEY,
    WRONG_KEY,
    Case,
    ExpectedError,
    Origin,
)
from contracts.planning.paths import QUERY, required_query
from contracts.planning.values.field_values import all_of_parts
from specs import Operation, State

MAX_TRIGGERED = 40  # errors of one operation that are requested by a header

Address = tuple[str, Mapping[str, Any]]
"""A path, and the request body of an operation that has one."""


def key_cases(operation: Operation, address: Address) -> Iterator[Case]:
    """Requests without a key, and with a wrong one."""
    claim, error = f"{operation.id}/auth", "unauthenticated"
    yield rejected_case(operation, f"{claim}/none", claim, error, address, auth=None)
    wrong = f"{operation.id}/errors/{error}"
    yield rejected_case(
        operation,
        f"{claim}/wrong-key",
        wrong,
        error,
        address,
        auth=f"Bearer {WRONG_KEY}",
    )


def triggered_error_cases(
    operation: Operation, address: Address, cases: Iterable[Case]
) -> Iterator[Case]:
    """
    Each error that no other case gets, by the header that only our mock knows.

    Of more than `MAX_TRIGGERED` errors, those that share a status with many are left
    out: the creation of a task tests them.
    """
    found = {each.expected_error.error for each in cases if each.expected_error}
    counts: Counter[int] = Counter()
    ranked = []
    for name, error in operation.errors.items():
        if name not in found:
            ranked.append((counts[error.status], name))
            counts[error.status] += 1
    for _, name in sorted(ranked, key=itemgetter(0))[:MAX_TRIGGERED]:
        claim = f"{operation.id}/errors/{name}"
        case = rejected_case(operation, f"{claim}/on-demand", claim, name, address)
        yield replace(case, origin=Origin.ERROR, headers={"X-Mock-Error": name})


def query_cases(operation: Operation, address: Address) -> Iterator[Case]:
    """Requests without a required parameter, and just beyond each limit of one."""
    body = operation.parameters.get(QUERY)
    if body is None:
        return
    needed = required_query(operation)
    for name, schema in body.properties.items():
        parts = [each for each in all_of_parts(schema) if "x-rule" not in each]
        changes = [change for part in parts for change in _beyond_limits(part)]
        if name in needed:
            changes.append(("required", None))
        for keyword, value in changes:
            given = {**needed, name: value}
            query = {key: each for key, each in given.items() if each is not None}
            if body.judge.is_invalid(query):
                claim = f"{operation.id}/{QUERY}/{name}/{keyword}"
                path = f"{address[0].partition('?')[0]}?{urlencode(query)}"
                yield rejected_case(
                    operation, claim, claim, "invalid_request", (path, address[1])
                )


def _beyond_limits(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if schema.get("type") == "integer":
        yield "type", "imageparity"
    if "minimum" in schema:
        yield "minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "maximum", schema["maximum"] + 1
    if "enum" in schema:
        yield "enum", "imageparity"


def rejected_case(
    operation: Operation,
    id_: str,
    claim: str,
    error: str,
    address: Address,
    *,
    auth: str | None = TARGET_KEY,
) -> Case:
    """The case of a request that must get one of the errors of the operation."""
    origin = Origin.TASK if operation.models is None else Origin.MODELS
    path, payload = address
    media_type = next(iter(operation.bodies), None)
    return Case(
        id=id_,
        operation=operation.id,
        origin=Origin.AUTH if "/auth/" in id_ else origin,
        expectation=State.INVALID,
        media_type=media_type,
        payload=payload if media_type else {},
        claims=(claim,),
        expected_error=ExpectedError(claim, error),
        auth=auth,
        path=path,
    )
