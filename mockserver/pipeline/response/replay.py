"""Respond to a request with a recorded response."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from mockserver.errors import Rejected
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.simulation.transfer import PendingResponse

if TYPE_CHECKING:
    from mockserver.recordings.cassettes import Cassettes

REPLAY_HEADER = "X-Mock-Replay"


async def replay(
    exchange: Exchange, cassettes: "Cassettes", parsed_body: ParsedBody
) -> web.Response | PendingResponse:
    """The recorded response. Raises `Rejected` if the request was not recorded."""
    operation, provider = exchange.operation.id, exchange.provider_context.provider.id
    recorded = cassettes.find(operation, parsed_body.payload, provider=provider)
    if recorded is None:
        raise Rejected(
            "not_found",
            cassettes.explain_miss(operation, parsed_body.payload, provider=provider),
            status=404,
            headers={REPLAY_HEADER: "miss"},
        )
    exchange.is_replayed = True
    origin = root_url(exchange.request, exchange.provider_context.settings)
    headers = CIMultiDict(recorded.headers)
    headers.popall("Content-Length", None)
    headers[REPLAY_HEADER] = recorded.replay_header
    chunks = await exchange.provider_context.run_in_executor(
        recorded.timed_chunks, origin
    )
    if recorded.is_stream:
        return PendingResponse(recorded.status, headers, _timed_parts(chunks))
    body = b"".join(chunk for _, chunk in chunks)
    return web.Response(status=recorded.status, body=body, headers=headers)


async def _timed_parts(
    timed_chunks: Sequence[tuple[float, bytes]],
) -> AsyncIterator[bytes]:
    """The chunks, each after its delay in seconds."""
    for seconds, chunk in timed_chunks:
        await asyncio.sleep(seconds)
        yield chunk
