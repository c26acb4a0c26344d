"""The events that a server sends about a task while it is followed."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from contracts.judging.interaction import ServerSentEvent
from contracts.judging.tasks.breach import Breaches, TaskBreach
from contracts.judging.tasks.conversation import Conversation, Step
from specs import EVENT_STREAM, Role, TaskState

HEARTBEAT_TOLERANCE = 1.5  # times the documented interval


def events_are_sent(talk: Conversation) -> Breaches:
    """Check the names of events, the order of their states, and the last one."""
    for step in talk.steps_of(Role.EVENTS):
        message = _problem(talk, step)
        if message is not None:
            yield TaskBreach("events", message, step)


def _problem(talk: Conversation, step: Step) -> str | None:
    interaction, role = step.interaction, step.operation.task
    if interaction.status is None:
        return None
    if not interaction.is_success or interaction.content_type != EVENT_STREAM:
        kind = interaction.content_type or "no content type"
        return f"no stream of events, but status {interaction.status}, {kind}"
    for event in interaction.events:
        if role is not None and role.event and event.name != role.event:
            return f"the event is named {event.name}, not {role.event}"
    states = list(event_states(talk, interaction.events))
    moves = talk.kind.moves
    for old, new in pairwise(states):
        is_legal = moves is None or new.name in moves.after(old.name)
        if old.name != new.name and not is_legal:
            return f"the events go from {old.name} to {new.name}"
    has_ended = any(each.is_final for each in states)
    if talk.final is not None and not has_ended:
        name = talk.final[1].name
        return f"no event says that the task is {name}"
    return None


def event_states(
    talk: Conversation, events: list[ServerSentEvent]
) -> Iterator[TaskState]:
    """Yield the states of the task in events about it."""
    for event in events:
        body: Any = event.data
        if talk.kind.id.place.value(body) == talk.id:
            state = talk.kind.state_of(body)
            if state is not None:
                yield state


def heartbeats_are_sent(talk: Conversation) -> Breaches:
    for step in talk.steps_of(Role.EVENTS):
        role, silence = step.operation.task, step.longest_silence
        if role is None or not step.interaction.is_success:
            continue
        if silence > role.heartbeat * HEARTBEAT_TOLERANCE:
            message = (
                f"the stream is silent for {silence:.1f} s; "
                f"a comment or an event is due every {role.heartbeat:g} s"
            )
            yield TaskBreach("heartbeat", message, step)
