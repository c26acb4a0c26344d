"""What a document says of a payload: why it says no, without end to nobody's harm."""

from mockserver.pipeline.body_parsing import ParsedBody
from mockserver.pipeline.provider_context import ProviderContext
from specs import Basis, State, Verdict, Violation

MAX_VALUES_ON_LOOP = 200
MAX_VIOLATIONS = 32


async def validate(
    provider_context: ProviderContext, parsed_body: ParsedBody
) -> Verdict:
    """
    The verdict; with its reasons where the answer is made of them.

    A payload of many values is looked at beside the event loop.
    """
    state = parsed_body.body.judge.state(parsed_body.payload)
    if has_many_values(parsed_body) and state is not State.VALID:
        return await provider_context.run_in_executor(
            explain_verdict, parsed_body, state
        )
    if state is State.INVALID or (
        state is State.UNSPECIFIED and provider_context.settings.strict
    ):
        return explain_verdict(parsed_body, state)
    return Verdict(state)


def has_many_values(parsed_body: ParsedBody) -> bool:
    """Whether it takes long to say what is wrong with a payload."""
    return parsed_body.value_count > MAX_VALUES_ON_LOOP


def explain_verdict(parsed_body: ParsedBody, state: State) -> Verdict:
    """A verdict with the first of its reasons; one that makes it so is among them."""
    found: list[Violation] = []
    is_shown = state is not State.INVALID
    for each in parsed_body.body.judge.violations(parsed_body.payload):
        makes_it_so = each.evidence.basis is Basis.DOCUMENTED
        if len(found) < MAX_VIOLATIONS or (makes_it_so and not is_shown):
            found.append(each)
        is_shown = is_shown or makes_it_so
        if is_shown and len(found) >= MAX_VIOLATIONS:
            break
    return Verdict(state, tuple(found))
