"""Server-sent events, from the document's own event examples."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.errors import filled
from mockserver.media.image.drawing.encode import Plan
from mockserver.media.payloads import Form, place
from mockserver.pipeline.context import Service
from mockserver.pipeline.projection import echoes
from mockserver.simulation.faults import Outgoing
from specs import EVENT_STREAM, Body

PARTIAL, COMPLETED = "partial_image", "completed"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type, and its data as JSON in parts."""

    type: str
    data: list[bytes]

    def written(self) -> bytes:
        return b"".join(
            (b"event: ", self.type.encode(), b"\ndata: ", *self.data, b"\n\n")
        )


async def events(
    body: Body,
    request: Mapping[str, Any],
    plans: Sequence[Plan],
    service: Service,
    usage: Mapping[str, Any],
    previews: int,
) -> AsyncIterator[Event]:
    """The events of one answer: previews, coarse to fine, then the finished picture."""
    for plan in plans:
        details = {
            **echoes(request, size=f"{plan.width}x{plan.height}", format=plan.format),
            "created_at": int(service.clock()),
            "usage": usage,
        }
        for index in range(previews):
            preview = plan.preview(previews - index)
            picture = await service.draw(preview, as_text=True)
            more = {**details, "partial_image_index": index}
            yield _event(body.examples[PARTIAL], more, picture)
        picture = await service.draw(plan, as_text=True)
        yield _event(body.examples[COMPLETED], details, picture)


def _event(example: Any, details: Mapping[str, Any], picture: bytes) -> Event:
    """An event like the example, with a picture that is base64 already."""
    found = filled(example, {**details, "b64_json": place(0)})
    return Event(found["type"], Form(found).filled([picture]))


async def streamed(
    happening: AsyncIterator[Event], headers: Mapping[str, str]
) -> Outgoing:
    """
    An answer that sends events as they happen.

    The first is awaited here: a refusal must still find the headers unsent. Drawing
    stops when the client leaves: the write after that raises, and ends the generator.
    """
    first = await anext(happening)

    async def parts() -> AsyncIterator[bytes]:
        yield first.written()
        async for each in happening:
            yield each.written()

    return Outgoing(
        200,
        {
            "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
            "Cache-Control": "no-cache",
            **headers,
        },
        parts(),
    )
