"""What is made of a request that was drawn, whoever drew it."""

from collections.abc import Mapping
from typing import Any

from contracts.planning.case import Case, ExpectedError, Origin
from contracts.planning.probes import basis_of
from contracts.planning.request_model import RequestModel
from specs import Basis, State


def classify_generated(
    request_model: RequestModel, origin: Origin, name: str, payload: Mapping[str, Any]
) -> Case | None:
    """The case of a drawn request; None when it cannot be sent or is left open."""
    if not _is_sendable(payload):
        return None
    verdict = request_model.judge(payload)
    if verdict.state is State.UNSPECIFIED:
        return None
    fault = None
    if verdict.documented_violations:
        first = verdict.documented_violations[0]
        errors = {each.evidence.error for each in verdict.violations}
        # Of several faults a server may name whichever it sees first.
        error = first.evidence.error if len(errors) == 1 else "invalid_request"
        fault = ExpectedError(f"{request_model.name}/{first.claim}", error)
    is_single = len(verdict.violations) == 1
    return Case(
        id=f"{request_model.name}/{origin}/{name}",
        operation=request_model.operation.id,
        origin=origin,
        expectation=verdict.state,
        media_type=request_model.body.media_type,
        payload=payload,
        claims=(fault.claim,) if fault and is_single else (),
        basis=Basis.DOCUMENTED if fault else _basis_of_changes(request_model, payload),
        expected_error=fault,
    )


def _basis_of_changes(request_model: RequestModel, payload: Mapping[str, Any]) -> Basis:
    changed = [
        name
        for name, value in payload.items()
        if request_model.minimal_request.get(name) != value
    ]
    return basis_of(request_model, changed, payload)


def _is_sendable(payload: Mapping[str, Any]) -> bool:
    """Whether it can be written as UTF-8 at all."""
    try:
        repr(payload).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
