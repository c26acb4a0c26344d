"""What is made of a request that was drawn, whoever drew it."""

from collections.abc import Mapping
from typing import Any

from contracts.media.image.samples import Sample, weight
from contracts.planning.case import Case, Fault
from contracts.planning.probes import standing
from contracts.planning.request_model import Desk
from specs import Basis, State, size_of

MAX_EDGE = 1536


def classified(
    desk: Desk, origin: str, name: str, payload: Mapping[str, Any]
) -> Case | None:
    """The case of a drawn request; None when it cannot be sent or is left open."""
    if not _is_sendable(payload):
        return None
    verdict = desk.judge(payload)
    if verdict.state is State.UNSPECIFIED:
        return None
    fault = None
    if verdict.documented:
        first = verdict.documented[0]
        errors = {each.evidence.error for each in verdict.violations}
        # Of several faults a server may name whichever it sees first.
        error = first.evidence.error if len(errors) == 1 else "invalid_request"
        fault = Fault(f"{desk.name}/{first.claim}", error)
    is_single = len(verdict.violations) == 1
    return Case(
        id=f"{desk.name}/{origin}/{name}",
        operation=desk.operation.id,
        origin=origin,
        expectation=verdict.state,
        media_type=desk.body.media_type,
        payload=payload,
        claims=(fault.claim,) if fault and is_single else (),
        basis=Basis.DOCUMENTED if fault else _standing_of(desk, payload),
        fault=fault,
    )


def is_modest(value: Any) -> bool:
    """Whether a value asks for, or is, nothing large."""
    size = size_of(value)
    if size is not None:
        return max(size) <= MAX_EDGE
    if isinstance(value, Sample):
        return value.weight == 0
    return weight(value) < 4000


def _standing_of(desk: Desk, payload: Mapping[str, Any]) -> Basis:
    changed = [name for name, value in payload.items() if desk.base.get(name) != value]
    return standing(desk, changed, payload)


def _is_sendable(payload: Mapping[str, Any]) -> bool:
    """Whether it can be written as UTF-8 at all."""
    try:
        repr(payload).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
