"""The boundaries of server-sent events in bytes."""

import re

# One of \r\n, \n and \r. A pattern `{2}` of it would be searched four times slower.
_LINE_END = rb"(?:\r\n?+|\n)"
_EVENT_END = re.compile(_LINE_END + _LINE_END)


def event_ends(data: bytes) -> list[int]:
    """The offsets at which events end, each after its empty line."""
    return [each.end() for each in _EVENT_END.finditer(data)]


def split_events(data: bytes) -> list[bytes]:
    """Split data after each event; an event without an end is the last entry."""
    ends = event_ends(data)
    events = [
        data[begin:end] for begin, end in zip([0, *ends], [*ends, None], strict=True)
    ]
    return events if events[-1] else events[:-1]
