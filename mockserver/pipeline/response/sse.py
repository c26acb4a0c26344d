"""Server-sent events: the frames of a stream, and the response that sends them."""

from collections.abc import AsyncIterator, Mapping, Sequence

from mockserver.simulation.transfer import PendingResponse
from specs import EVENT_STREAM


def encode_event(type: str, data: Sequence[bytes]) -> bytes:
    """
    A frame of one event; the parts of `data` are joined and have no newline.

    Without a type it has no line `event:`.
    """
    name = (b"event: ", type.encode(), b"\n") if type else ()
    return b"".join((*name, b"data: ", *data, b"\n\n"))


async def stream_response(
    frames: AsyncIterator[bytes], headers: Mapping[str, str]
) -> PendingResponse:
    """
    A response that sends frames as they are produced.

    Awaits the first frame, so that an error before it can still change the status. If
    the client disconnects, the next write raises and ends the iteration.
    """
    first = await anext(frames)

    async def parts() -> AsyncIterator[bytes]:
        yield first
        async for frame in frames:
            yield frame

    return PendingResponse(
        200,
        {
            "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
            "Cache-Control": "no-cache",
            **headers,
        },
        parts(),
    )
