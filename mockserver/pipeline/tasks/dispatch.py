"""Respond to a request for an operation on tasks, by the role of the operation."""

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.request.interpretation import CacheKey
from mockserver.pipeline.request.interpreter import check_valid, checked_query
from mockserver.pipeline.tasks.create import create_task
from mockserver.pipeline.tasks.events import stream_tasks
from mockserver.pipeline.tasks.listing import list_tasks
from mockserver.pipeline.tasks.lookup import role_of
from mockserver.pipeline.tasks.read import cancel_task, read_content, read_task
from mockserver.simulation.transfer import PendingResponse
from specs import Role


async def respond_to_task(
    exchange: Exchange, parsed_body: ParsedBody | None, cache_key: CacheKey | None
) -> web.Response | PendingResponse:
    """The response of the role. Raises `Rejected` for an error response."""
    role = role_of(exchange).role
    query = await checked_query(exchange)
    if role is Role.CREATE:
        if parsed_body is None:
            raise Rejected("invalid_request", "The request has no body.")
        return await create_task(exchange, parsed_body, cache_key)
    if parsed_body is not None:
        await check_valid(exchange, parsed_body)
    if role is Role.LIST:
        return await list_tasks(exchange, query)
    if role is Role.EVENTS:
        return await stream_tasks(exchange)
    respond = {
        Role.READ: read_task,
        Role.CANCEL: cancel_task,
        Role.CONTENT: read_content,
    }[role]
    return await respond(exchange, parsed_body)
