"""Dispatch exact operation paths without aiohttp's router."""

from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from mockserver.pipeline.server_context import ServerContext

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def fast_path_handler(context: ServerContext, fallback: Handler) -> Handler:
    """
    Return a server's request handler; `fallback` handles all other paths.

    The handler of an application searches its routes and middlewares for every request,
    which takes a seventh of the time of a response. The path of an operation is
    looked up directly.
    """

    def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        route = context.routes.get((request.method, request.path))
        if route is None or "Expect" in request.headers:
            return fallback(request)
        handler, operation, provider_context = route
        return handler(cast("web.Request", request), operation, provider_context)

    return handle
