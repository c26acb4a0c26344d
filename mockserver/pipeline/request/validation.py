"""Validate a payload; collect a bounded number of violations, off the event loop."""

from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.request.body_parsing import ParsedBody
from specs import Basis, State, Verdict, Violation

MAX_VALUES_ON_LOOP = 200  # larger payloads are explained off the event loop
MAX_VIOLATIONS = 32


async def validate(
    provider_context: ProviderContext, parsed_body: ParsedBody
) -> Verdict:
    """The verdict on a payload, with violations if the request is rejected."""
    state = parsed_body.body.judge.state(parsed_body.payload)
    if has_many_values(parsed_body) and state is not State.VALID:
        return await provider_context.run_in_executor(
            explain_verdict, parsed_body, state
        )
    if state is State.INVALID or (
        state is State.UNSPECIFIED
        and (
            provider_context.settings.strict
            or parsed_body.body.judge.violates_enforced(parsed_body.payload)
        )
    ):
        return explain_verdict(parsed_body, state)
    return Verdict(state)


def has_many_values(parsed_body: ParsedBody) -> bool:
    """True if collecting the violations of the payload can take long."""
    return parsed_body.value_count > MAX_VALUES_ON_LOOP


def explain_verdict(parsed_body: ParsedBody, state: State) -> Verdict:
    """
    A verdict with the first `MAX_VIOLATIONS` violations.

    One more may be added, so that at least one of them is documented if the payload is
    invalid, or enforced if the mock rejects an unspecified payload for it.
    """
    found: list[Violation] = []
    judge, payload = parsed_body.body.judge, parsed_body.payload
    is_explained = not judge.violates_enforced(payload)
    for violation in judge.violations(payload):
        is_reason = (
            violation.evidence.basis is Basis.DOCUMENTED
            if state is State.INVALID
            else violation.evidence.enforced
        )
        if len(found) < MAX_VIOLATIONS or (is_reason and not is_explained):
            found.append(violation)
        is_explained = is_explained or is_reason
        if is_explained and len(found) >= MAX_VIOLATIONS:
            break
    return Verdict(state, tuple(found))
