"""The last event of a stream is seen while the stream is read."""

import pytest

from contracts.judging.guarantees.stream_end import StreamEnd
from contracts.planning.case import Case, Origin
from specs import State

PARTIAL = b'event: x.partial_image\ndata: {"type": "x.partial_image"}\n\n'
COMPLETED = b'event: x.completed\ndata: {"type":"x.completed","b64_json":"aaaa"}\n\n'


def stream_end(**payload):
    case = Case("c", "createImage", Origin.STREAM, State.VALID, payload=payload)
    return StreamEnd(case)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_the_end_is_reached_with_the_last_completed_event(size, line_end):
    end = stream_end(n=2)
    content = (PARTIAL + COMPLETED + PARTIAL + COMPLETED).replace(b"\n", line_end)
    chunks = [content[at : at + size] for at in range(0, len(content), size)]

    reached = [end.read(each) for each in chunks]

    assert reached == [False] * (len(chunks) - 1) + [True]
    assert end.is_reached
    assert not end.read(b": still there\n\n")


@pytest.mark.parametrize("count", [None, True, "2", 0, 1, 1.5])
def test_without_a_number_of_images_one_event_is_due(count):
    assert stream_end(n=count).read(COMPLETED)


def test_other_events_do_not_end_a_stream():
    end = stream_end()

    assert not end.read(PARTIAL + b': comment\n\ndata: {"type": "x.queued"}\n\n')
    assert end.read(b"data: [DONE]\n\n")
