"""What a document says of a payload: why it says no, without end to nobody's harm."""

from mockserver.pipeline.body_parsing import Received
from mockserver.pipeline.context import Service
from specs import Basis, State, Verdict, Violation

MANY_VALUES = 200
MOST_VIOLATIONS = 32


async def judged(service: Service, received: Received) -> Verdict:
    """
    The verdict; with its reasons where the answer is made of them.

    A payload of many values is looked at beside the event loop.
    """
    state = received.body.judge.state(received.payload)
    if is_long(received) and state is not State.VALID:
        return await service.off_loop(explained, received, state)
    if state is State.INVALID or (
        state is State.UNSPECIFIED and service.settings.strict
    ):
        return explained(received, state)
    return Verdict(state)


def is_long(received: Received) -> bool:
    """Whether it takes long to say what is wrong with a payload."""
    return received.values > MANY_VALUES


def explained(received: Received, state: State) -> Verdict:
    """A verdict with the first of its reasons; one that makes it so is among them."""
    found: list[Violation] = []
    is_shown = state is not State.INVALID
    for each in received.body.judge.violations(received.payload):
        makes_it_so = each.evidence.basis is Basis.DOCUMENTED
        if len(found) < MOST_VIOLATIONS or (makes_it_so and not is_shown):
            found.append(each)
        is_shown = is_shown or makes_it_so
        if is_shown and len(found) >= MOST_VIOLATIONS:
            break
    return Verdict(state, tuple(found))
