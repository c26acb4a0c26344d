"""The short way in: from the address of an operation to its answer."""

from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from mockserver.pipeline.handler import answer
from mockserver.pipeline.house import House

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def entrance(house: House, otherwise: Handler) -> Handler:
    """
    A handler for a server, in place of an application's own, which is `otherwise`.

    That one looks through its routes and middlewares for every request, which costs a
    seventh of answering; where an operation of a document is asked for by its whole
    address there is nothing to look for.
    """

    def enter(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        found = house.doors.get((request.method, request.path))
        if found is None or "Expect" in request.headers:
            return otherwise(request)
        operation, service = found
        return answer(cast("web.Request", request), operation, service)

    return enter
