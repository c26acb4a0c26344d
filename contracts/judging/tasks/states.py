"""The states of a task, its id and its progress in all responses about it."""

from itertools import pairwise

from contracts.judging.tasks.breach import Breaches, TaskBreach
from contracts.judging.tasks.conversation import Conversation
from contracts.media.description import describe_value
from specs import Phase, Role


def id_is_present(talk: Conversation) -> Breaches:
    """Check that the response to the creation has the id of the task."""
    created = talk.created
    if created and created.interaction.is_success and talk.id is None:
        place = talk.kind.id.place
        found = describe_value(place.value(created.body))
        message = f"the task has no id: {place.at} is {found}, not a text"
        yield TaskBreach("id", message, created)


def id_is_stable(talk: Conversation) -> Breaches:
    for step in talk.reads:
        value = talk.kind.id.place.value(step.body)
        if value is not None and value != talk.id:
            message = (
                f"the id changes: {describe_value(talk.id)} when it was created, "
                f"{describe_value(value)} in a read"
            )
            yield TaskBreach("id", message, step)
            return


def states_are_known(talk: Conversation) -> Breaches:
    kind = talk.kind
    for step in talk.told:
        if kind.state_of(step.body) is not None:
            continue
        value = kind.state.value(step.body)
        if value is None and step is talk.created:
            continue  # a creation need not say the state
        message = (
            f"the state {kind.state.at} is {describe_value(value)}, which is not one "
            f"of: {', '.join(kind.states)}"
        )
        yield TaskBreach("states", message, step)
        return


def moves_are_legal(talk: Conversation) -> Breaches:
    """Check that states change in the described order, and that a final state stays."""
    states = talk.states
    for (_, old), (step, new) in pairwise(states):
        if old.name == new.name or talk.is_cancelled_before(step):
            continue
        moves = talk.kind.moves
        if old.is_final:
            message = f"a finished task goes on: it is {new.name} after {old.name}"
            yield TaskBreach("moves", message, step)
            return
        if moves is not None and new.name not in moves.after(old.name):
            message = f"the task goes from {old.name} to {new.name}"
            yield TaskBreach("moves", message, step)
            return


def progress_grows(talk: Conversation) -> Breaches:
    place, last = talk.kind.progress, None
    if place is None:
        return
    for step in talk.told:
        value = place.value(step.body)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not place.minimum <= value <= place.maximum:
            message = (
                f"the progress is {value}, not {place.minimum:g} to {place.maximum:g}"
            )
            yield TaskBreach("progress", message, step)
            return
        if last is not None and value < last:
            message = f"the progress falls from {last} to {value}"
            yield TaskBreach("progress", message, step)
            return
        last = value


def failure_says_why(talk: Conversation) -> Breaches:
    place = talk.kind.error
    if place is None:
        return
    for step, state in talk.states:
        is_failed = state.phase is Phase.FAILED and step.role is Role.READ
        if is_failed and place.value(step.body) in (None, "", {}):
            message = f"the task is {state.name}, and {place.at} does not say why"
            yield TaskBreach("error", message, step)
            return
