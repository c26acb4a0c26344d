"""The aiohttp application: routes of providers, images and the control API."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from types import ModuleType
from typing import TYPE_CHECKING

from aiohttp import HttpVersion11, web

from mockserver.control import api as admin
from mockserver.control.root_page import accepts_html, root_page
from mockserver.errors import Rejected
from mockserver.media.paths import IMAGES_PATH
from mockserver.pipeline.provider_contexts import ProviderContexts
from mockserver.pipeline.server_context import (
    SERVER_CONTEXT,
    ServerContext,
    error_response,
)
from mockserver.settings import Settings

if TYPE_CHECKING:
    from specs import Provider, ProviderEntry

__all__ = ["DISPATCHER", "SERVER_CONTEXT", "ServerContext", "create_app"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Dispatcher:
    """
    Handles requests to providers, and for images.

    The modules that do so are imported when the first request comes, and the documents
    of a provider are loaded with its first request: both in a thread, since they take
    up to half a second.
    """

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._module: ModuleType | None = None

    async def prepare(self, *providers: str) -> ModuleType:
        """Import the modules, and load some providers."""
        contexts = self._context.provider_contexts
        if self._module is None or not all(map(contexts.is_loaded, providers)):
            self._module = await asyncio.to_thread(_prepare, contexts, providers)
            self._context.after_load()
        return self._module

    async def dispatch(self, request: web.Request) -> web.StreamResponse:
        selected = self._context.select(request.host, request.path)
        # The error for an unknown provider suggests the endpoints of all.
        names = self._context.provider_contexts if selected is None else selected[:1]
        module = await self.prepare(*names)
        response: web.StreamResponse = await module.dispatch(request)
        return response

    async def serve_image(self, request: web.Request) -> web.StreamResponse:
        provider = request.match_info.get("provider", "")
        is_known = provider in self._context.provider_contexts
        module = await self.prepare(*[provider] * is_known)
        response: web.StreamResponse = await module.serve_download(request)
        return response

    async def serve_replayed(self, request: web.Request) -> web.StreamResponse:
        module = await self.prepare()
        response: web.StreamResponse = await module.serve_replayed(request)
        return response


DISPATCHER: web.AppKey[Dispatcher] = web.AppKey("dispatcher", Dispatcher)


def _prepare(contexts: ProviderContexts, providers: Sequence[str]) -> ModuleType:
    from mockserver.pipeline import dispatch

    for name in providers:
        contexts[name]
    return dispatch


def create_app(
    providers: "Sequence[Provider | ProviderEntry]", settings: Settings | None = None
) -> web.Application:
    """
    An application that mocks the documented operations of the providers.

    An entry is a provider that is loaded with its first request.
    """
    app = web.Application(middlewares=[_error_middleware])
    context = app[SERVER_CONTEXT] = ServerContext(providers, settings or Settings())
    admin.add_routes(app, context)
    dispatcher = app[DISPATCHER] = Dispatcher(context)
    for path in (f"{IMAGES_PATH}/{{provider}}/{{name}}", f"{IMAGES_PATH}/{{name}}"):
        app.router.add_get(path, dispatcher.serve_image)
    if context.cassettes is not None:
        from mockserver.recordings.cassette_file import REPLAY_PATH

        app.router.add_get(f"{REPLAY_PATH}/{{name}}", dispatcher.serve_replayed)
    app.router.add_get("/", _root)
    any_path = r"/{path:[\s\S]*}"
    app.router.add_route(
        "*", any_path, dispatcher.dispatch, expect_handler=_handle_expect
    )

    async def close_journal(_: web.Application) -> None:
        await context.store.journal.close()  # ends open streams of journal events

    async def close_context(_: web.Application) -> None:
        await context.close()

    app.on_shutdown.append(close_journal)
    app.on_cleanup.append(close_context)
    return app


@web.middleware
async def _error_middleware(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Give errors of the router the format of the provider."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        rejected = Rejected("invalid_request", error.reason, status=error.status)
        return _error_response(request, rejected)


def _error_response(request: web.Request, rejected: Rejected) -> web.Response:
    return error_response(
        rejected, request.app[SERVER_CONTEXT], path=request.path, host=request.host
    )


async def _handle_expect(request: web.Request) -> web.Response | None:
    """Respond to the Expect header: 100 Continue, or 417 for other expectations."""
    if request.version < HttpVersion11:
        return None
    if request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # it is not part of the response
        return None
    status = HTTPStatus.EXPECTATION_FAILED
    return _error_response(
        request, Rejected("invalid_request", status.phrase, status=status)
    )


async def _root(request: web.Request) -> web.StreamResponse:
    """Send browsers to the inspector; other clients get the error of any path."""
    if accepts_html(request):
        return root_page(request, request.app[SERVER_CONTEXT].settings)
    return await request.app[DISPATCHER].dispatch(request)
