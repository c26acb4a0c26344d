"""The checks of streams of server-sent events."""

from contracts.judging.answer import Answer
from contracts.judging.interaction import STREAM_STAYS_OPEN, ServerSentEvent
from contracts.media.description import describe_value
from contracts.media.guarantee import Breach, Breaches
from contracts.text import pluralize
from specs import COMPLETED, DONE, END, FAILED_IMAGE, PARTIAL_IMAGE


def streams_when_asked(response: Answer) -> Breaches:
    wanted = response.request.get("stream") is True
    if wanted and not response.is_stream:
        content_type = response.interaction.content_type or "without a content type"
        message = f"requested: a stream; the response is {content_type}"
        yield Breach(message, "stream", "true", "false")
    if response.is_stream and not wanted:
        count = pluralize(len(response.interaction.events), "event")
        message = f"the response is a stream with {count}; requested: none"
        yield Breach(message, "stream", "false")


def _events_of_role(response: Answer, role: str) -> list[tuple[int, ServerSentEvent]]:
    """The events with the type of a role, each with its index in the stream."""
    layout = response.interaction.layout
    return [
        (at, each)
        for at, each in enumerate(response.interaction.events)
        if isinstance(each.data, dict) and layout.has_role(each.data, role)
    ]


def partials_at_most_asked(response: Answer) -> Breaches:
    if not response.is_stream:
        return
    limit = response.request.get("partial_images", 0) * response.request.get("n", 1)
    partials = _events_of_role(response, PARTIAL_IMAGE)
    if len(partials) > limit:
        yield Breach(f"{len(partials)} partial images; at most {limit} requested")
    indexes = [each.data.get("partial_image_index") for _, each in partials]
    if response.request.get("n", 1) == 1 and indexes != list(range(len(indexes))):
        yield Breach(f"partial images are numbered {indexes}, not 0, 1, 2 …")
    completed = _events_of_role(response, COMPLETED)
    if partials and completed and partials[-1][0] > completed[-1][0]:
        yield Breach(
            f"event {partials[-1][0]} is a partial image; the last completed event is "
            f"event {completed[-1][0]}"
        )


def one_completed_event(response: Answer) -> Breaches:
    if not response.is_stream or response.is_refused:
        return
    wanted = response.request.get("n", 1)
    completed = _events_of_role(response, COMPLETED)
    failed = _events_of_role(response, FAILED_IMAGE)
    if len(completed) + len(failed) != wanted:
        count = pluralize(len(completed), "completed event")
        yield Breach(f"the stream has {count}, not {wanted}")
    last = len(response.interaction.events) - 1
    allowed = len(failed) + len(_events_of_role(response, END))
    allowed += _ends_with_done(response)
    if completed and completed[-1][0] + allowed < last:
        type_ = response.interaction.event_names[last]
        yield Breach(
            f"event {last} ({type_}) comes after the last completed one, which is "
            f"event {completed[-1][0]}"
        )


def _ends_with_done(response: Answer) -> bool:
    """True if the stream ends with `[DONE]`: the check `event` reports a wrong one."""
    events = response.interaction.events
    return bool(events) and bool(events[-1].data == DONE)


def event_name_is_type(response: Answer) -> Breaches:
    """
    Require the line `event:` with the type that is in the data.

    Without that line, clients that listen for the type get nothing: by the standard of
    server-sent events, the event then has the name `message`.
    """
    if not response.is_stream:
        return
    grammar = response.interaction.layout.grammar
    for at, event in enumerate(response.interaction.events):
        type_ = grammar.name_of(event.data)
        if type_ is None or event.name == type_:
            continue
        shown = describe_value(type_)
        if event.name is None:
            yield Breach(
                f"event {at} has no line `event:`; type in its data is {shown}"
            )
        else:
            name = describe_value(event.name)
            yield Breach(f"event {at} has the name {name}; type in its data is {shown}")


def stream_ends_once(response: Answer) -> Breaches:
    """Require one event with the role of the end, after all others."""
    if not response.is_stream:
        return
    ends = [at for at, _ in _events_of_role(response, END)]
    events = len(response.interaction.events) - _ends_with_done(response)
    if len(ends) != 1:
        count = pluralize(len(ends), "event that says")
        yield Breach(f"the stream has {count} that it ends, not 1")
    elif ends[0] != events - 1:
        name = response.interaction.event_names[events - 1]
        yield Breach(
            f"event {ends[0]} says that the stream ends; event {events - 1} "
            f"({name}) follows"
        )


def stream_ends(response: Answer) -> Breaches:
    if response.interaction.problem == STREAM_STAYS_OPEN:
        yield Breach(STREAM_STAYS_OPEN)
