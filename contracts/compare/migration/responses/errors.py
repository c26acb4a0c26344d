"""Error responses that differ between the providers."""

from collections.abc import Iterator, Sequence
from typing import Any

from contracts.compare.migration.model import (
    BreakingChange,
    Counterexample,
    Migration,
    cite,
    is_documented,
)
from contracts.compare.migration.responses.fields import (
    response_fields,
    schema_or_empty,
)
from contracts.compare.migration.responses.findings import build_finding
from specs import JSON, Body, Operation


def error_findings(
    migration: Migration, operation: Operation
) -> Iterator[BreakingChange]:
    """Find new error statuses and fields that an error response no longer has."""
    other = migration.new_operations.get(operation.id)
    if other is None:
        return
    known = {each.status for each in operation.errors.values()}
    seen: set[int] = set()
    for error in other.errors.values():
        if error.status in known or error.status in seen:
            continue
        seen.add(error.status)
        yield build_finding(
            migration,
            "RES-STATUS",
            operation.id,
            str(error.status),
            f"status {error.status} may come ({error.name})",
            old=cite(
                migration.old, f"{error.status} is not listed", operation.evidence
            ),
            new=cite(migration.new, f"{error.name}: {error.status}", error.evidence),
            documented=is_documented(error.evidence),
            counterexample=Counterexample(operation.id, answer=error.body),
            value=f" ({error.name})",
        )
    yield from _error_body_findings(migration, operation, other)


def _error_body_findings(
    migration: Migration, operation: Operation, other: Operation
) -> Iterator[BreakingChange]:
    seen_paths: set[str] = set()
    for error in other.errors.values():
        bodies = [_error_body(each, error.status) for each in (operation, other)]
        if bodies[0] is None or bodies[1] is None:
            continue
        before, after = (response_fields(each, None) for each in bodies if each)
        for path, old_field in before.items():
            there = after.get(path)
            is_read = migration.client is None or path in migration.client.error
            is_leaf = "properties" not in schema_or_empty(old_field.schema)
            if (
                path in seen_paths
                or not old_field.is_guaranteed
                or (is_leaf and not is_read)
            ):
                continue
            if there is not None and there.is_guaranteed:
                continue
            seen_paths.add(path)
            body = _without_field(error.body, path.split("."))
            yield build_finding(
                migration,
                "RES-ERROR",
                operation.id,
                path,
                f"{path} may be missing",
                old=cite(migration.old, f"{path} comes", old_field.evidence),
                new=cite(
                    migration.new,
                    f"{path} {'may come' if there else 'is not listed'}",
                    bodies[1].evidence,
                ),
                documented=there is None and is_documented(bodies[1].evidence),
                counterexample=Counterexample(operation.id, answer=body),
            )


def _error_body(operation: Operation, status: int) -> Body | None:
    response = operation.response_for(status)
    return response.bodies.get(JSON) if response else None


def _without_field(body: Any, steps: Sequence[str]) -> Any:
    """Remove one field from the body of an error response."""
    if not isinstance(body, dict):
        return body
    first, *rest = steps
    if not rest:
        return {name: each for name, each in body.items() if name != first}
    return {
        name: _without_field(each, rest) if name == first else each
        for name, each in body.items()
    }
