"""A payload as it is meant: canonical names, nulls gone, defaults filled in."""

from collections.abc import Mapping
from typing import Any

from specs.documents.loader import Body, Dialect, Operation


def canonical_request(
    dialect: Dialect,
    operation: Operation,
    body: Body,
    payload: Mapping[str, Any],
    *,
    include_assumed: bool = False,
) -> dict[str, Any]:
    """
    What a payload asks for, under OpenAI's names.

    Documented defaults stand in for what is absent or null; with `assumed`, those
    that the documents do not carry as well.
    """
    defaults = {**(body.assumed_defaults if include_assumed else {}), **body.defaults}
    given = {name: value for name, value in payload.items() if value is not None}
    canonical = dialect.with_canonical_names(operation.id, given)
    for name, value in dialect.with_canonical_names(operation.id, defaults).items():
        if value is not None:
            canonical.setdefault(name, value)
    return canonical
