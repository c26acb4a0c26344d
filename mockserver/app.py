"""The aiohttp application: routes of providers, images and the control API."""

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import HttpVersion11, web

from mockserver.control import api as admin
from mockserver.control.root_page import accepts_html, root_page
from mockserver.errors import Rejected, documented_error_response
from mockserver.media.links import IMAGES_PATH
from mockserver.pipeline.endpoints.download import DOWNLOAD, FACTS, serve_image
from mockserver.pipeline.endpoints.models import METHODS as MODELS_METHODS
from mockserver.pipeline.endpoints.models import handle_models, is_models_path
from mockserver.pipeline.endpoints.suggestions import unknown_endpoint, unknown_provider
from mockserver.pipeline.handler import handle_request
from mockserver.pipeline.journal_entry import record_download, record_unrouted
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.server_context import (
    SERVER_CONTEXT,
    ServerContext,
    error_response,
)
from mockserver.settings import Settings
from specs import Provider

__all__ = ["SERVER_CONTEXT", "ServerContext", "create_app"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def create_app(
    providers: Sequence[Provider], settings: Settings | None = None
) -> web.Application:
    """An application that mocks the documented operations of the providers."""
    app = web.Application(middlewares=[_error_middleware])
    context = app[SERVER_CONTEXT] = ServerContext(providers, settings or Settings())
    admin.add_routes(app, context)
    for path in (DOWNLOAD.path, f"{IMAGES_PATH}/{{name}}"):
        app.router.add_get(path, _recorded(serve_image))
    if context.cassettes is not None:
        from mockserver.recordings.cassette_file import REPLAY_PATH

        serve_replayed = _recorded(context.cassettes.serve_image)
        app.router.add_get(f"{REPLAY_PATH}/{{name}}", serve_replayed)
    app.router.add_get("/", _root)
    any_path = r"/{path:[\s\S]*}"
    app.router.add_route("*", any_path, _dispatch, expect_handler=_handle_expect)

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
    return await _dispatch(request)


async def _dispatch(request: web.Request) -> web.StreamResponse:
    """Handle a request for an operation, or respond with an error."""
    started_at = time.monotonic()
    server_context = request.app[SERVER_CONTEXT]
    resolved = server_context.resolve(request.host, request.path)
    if resolved is None:
        root = root_url(request, server_context.settings)
        message = unknown_provider(request, server_context.provider_contexts, root)
        rejected = Rejected("not_found", message, status=404)
        response = _error_response(request, rejected)
        record_unrouted(
            request, server_context.store, "", response, rejected, started_at
        )
        return response
    provider_context, path = resolved
    provider = provider_context.provider
    rest = path.removeprefix(provider.base_path)
    is_below_base = path.startswith(provider.base_path)
    allowed: list[str] = []
    for operation, parameters in provider.matching(path):
        methods = MODELS_METHODS if operation.models else (operation.method,)
        if request.method in methods:
            return await handle_request(
                request, operation, provider_context, parameters
            )
        allowed += methods
    if not allowed and is_below_base and is_models_path(rest):
        if request.method in MODELS_METHODS:
            return await handle_models(request, rest, provider_context)
        allowed += MODELS_METHODS
    rejected = _routing_error(request, provider_context, allowed)
    response = documented_error_response(rejected, provider.any_operation)
    record_unrouted(
        request,
        provider_context.store,
        provider.id,
        response,
        rejected,
        started_at,
        provider.key_schemes,
    )
    return response


def _routing_error(
    request: web.Request, provider_context: ProviderContext, allowed: list[str]
) -> Rejected:
    """405 if other methods are allowed, else 404."""
    if allowed:
        target = f"{request.method} {request.path[:200]}"
        return Rejected(
            "method_not_allowed",
            f"{target}: allowed methods: {', '.join(allowed)}",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )
    root = root_url(request, provider_context.settings)
    message = unknown_endpoint(request, provider_context.provider, root)
    return Rejected("not_found", message, status=404)


def _recorded(handler: Handler) -> Handler:
    """A handler of images whose requests are recorded in the journal."""

    async def handle(request: web.Request) -> web.StreamResponse:
        started_at = time.monotonic()
        context = request.app[SERVER_CONTEXT]
        provider = request.match_info.get("provider", "")
        response = await handler(request)
        record_download(
            request,
            context.store,
            provider if provider in context.provider_contexts else "",
            response,
            request.get(FACTS),
            started_at,
        )
        return response

    return handle
