"""Server-sent events, from the document's own event examples."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.errors import fill_placeholders
from mockserver.media.image.plan import Plan
from mockserver.media.payloads import JsonTemplate, placeholder
from mockserver.pipeline.projection import echo_fields
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.simulation.faults import PendingResponse
from specs import EVENT_STREAM, Body

PARTIAL_EVENT, COMPLETED_EVENT = "partial_image", "completed"


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """One event: its type, and its data as JSON in parts."""

    type: str
    data: list[bytes]

    def encode(self) -> bytes:
        return b"".join(
            (b"event: ", self.type.encode(), b"\ndata: ", *self.data, b"\n\n")
        )


async def image_events(
    body: Body,
    request: Mapping[str, Any],
    plans: Sequence[Plan],
    provider_context: ProviderContext,
    usage: Mapping[str, Any],
    preview_count: int,
) -> AsyncIterator[OutgoingEvent]:
    """The events of one answer: previews, coarse to fine, then the finished picture."""
    for plan in plans:
        details = {
            **echo_fields(
                request, size=f"{plan.width}x{plan.height}", format=plan.format
            ),
            "created_at": int(provider_context.clock()),
            "usage": usage,
        }
        for index in range(preview_count):
            preview = plan.preview(preview_count - index)
            picture = await provider_context.render(preview, as_text=True)
            more = {**details, "partial_image_index": index}
            yield _build_event(body.examples[PARTIAL_EVENT], more, picture)
        picture = await provider_context.render(plan, as_text=True)
        yield _build_event(body.examples[COMPLETED_EVENT], details, picture)


def _build_event(
    example: Any, details: Mapping[str, Any], image: bytes
) -> OutgoingEvent:
    """An event like the example, with a picture that is base64 already."""
    found = fill_placeholders(example, {**details, "b64_json": placeholder(0)})
    return OutgoingEvent(found["type"], JsonTemplate(found).fill([image]))


async def stream_response(
    events: AsyncIterator[OutgoingEvent], headers: Mapping[str, str]
) -> PendingResponse:
    """
    An answer that sends events as they happen.

    The first is awaited here: a refusal must still find the headers unsent. Drawing
    stops when the client leaves: the write after that raises, and ends the generator.
    """
    first = await anext(events)

    async def parts() -> AsyncIterator[bytes]:
        yield first.encode()
        async for each in events:
            yield each.encode()

    return PendingResponse(
        200,
        {
            "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
            "Cache-Control": "no-cache",
            **headers,
        },
        parts(),
    )
