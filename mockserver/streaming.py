"""Server-sent events, from the document's own event examples."""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from mockserver.errors import filled
from mockserver.faults import Outgoing
from mockserver.pictures import Plan
from mockserver.responses import echoes
from mockserver.service import Service
from specs import EVENT_STREAM, Body

PARTIAL, COMPLETED = "partial_image", "completed"


async def events(
    body: Body,
    request: Mapping[str, Any],
    plans: Sequence[Plan],
    service: Service,
    usage: Mapping[str, Any],
    previews: int,
) -> AsyncIterator[dict[str, Any]]:
    """The events of one answer: previews, coarse to fine, then the finished picture."""
    for plan in plans:
        details = {
            **echoes(request, size=f"{plan.width}x{plan.height}", format=plan.format),
            "created_at": int(service.clock()),
            "usage": usage,
        }
        for index in range(previews):
            picture = await service.draw(plan.preview(previews - index))
            yield filled(
                body.examples[PARTIAL],
                {**details, "b64_json": _text(picture), "partial_image_index": index},
            )
        picture = await service.draw(plan)
        yield filled(body.examples[COMPLETED], {**details, "b64_json": _text(picture)})


async def streamed(
    happening: AsyncIterator[dict[str, Any]], headers: Mapping[str, str]
) -> Outgoing:
    """
    An answer that sends events as they happen.

    The first is awaited here: a refusal must still find the headers unsent. Drawing
    stops when the client leaves: the write after that raises, and ends the generator.
    """
    first = await anext(happening)

    async def parts() -> AsyncIterator[bytes]:
        yield _event(first)
        async for each in happening:
            yield _event(each)

    return Outgoing(
        200,
        {
            "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
            "Cache-Control": "no-cache",
            **headers,
        },
        parts(),
    )


def _event(event: Mapping[str, Any]) -> bytes:
    data = json.dumps(event, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()
