"""The short way in: from the address of an operation to its answer."""

from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from mockserver.pipeline.handler import handle_request
from mockserver.pipeline.server_context import ServerContext

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def fast_path_handler(context: ServerContext, fallback: Handler) -> Handler:
    """
    A handler for a server, in place of an application's own, which is `otherwise`.

    That one looks through its routes and middlewares for every request, which costs a
    seventh of answering; where an operation of a document is asked for by its whole
    address there is nothing to look for.
    """

    def enter(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        found = context.routes.get((request.method, request.path))
        if found is None or "Expect" in request.headers:
            return fallback(request)
        operation, service = found
        return handle_request(cast("web.Request", request), operation, service)

    return enter
