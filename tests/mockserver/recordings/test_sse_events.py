"""Server-sent events end at an empty line, whatever its line ends are."""

import pytest

from mockserver.recordings.sse_events import event_ends, split_events


@pytest.mark.parametrize(
    "end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n", b"\r\r\n", b"\n\r"]
)
def test_an_event_ends_at_an_empty_line(end):
    first, second = b"event: a\ndata: 1" + end, b"data: 2" + end

    assert split_events(first + second) == [first, second]
    assert event_ends(first + second) == [len(first), len(first + second)]


@pytest.mark.parametrize("data", [b"", b"data: 1", b"data: 1\n", b"data: 1\r\n"])
def test_an_event_without_an_empty_line_has_no_end(data):
    assert event_ends(data) == []
    assert split_events(b"data: 0\n\n" + data) == [
        b"data: 0\n\n",
        *filter(None, [data]),
    ]
