"""Find the operation of a request, or respond with an error; record downloads."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from mockserver.errors import Rejected, documented_error_response
from mockserver.pipeline.endpoints.download import FACTS, serve_image
from mockserver.pipeline.endpoints.models import METHODS as MODELS_METHODS
from mockserver.pipeline.endpoints.models import handle_models, is_models_path
from mockserver.pipeline.endpoints.suggestions import unknown_endpoint, unknown_provider
from mockserver.pipeline.handler import handle_request
from mockserver.pipeline.journal_entry import record_download, record_unrouted
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.server_context import SERVER_CONTEXT, error_response


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Handle a request for an operation, or respond with an error."""
    started_at = time.monotonic()
    server_context = request.app[SERVER_CONTEXT]
    resolved = server_context.resolve(request.host, request.path)
    if resolved is None:
        root = root_url(request, server_context.settings)
        message = unknown_provider(request, server_context.provider_contexts, root)
        rejected = Rejected("not_found", message, status=404)
        response = error_response(
            rejected, server_context, path=request.path, host=request.host
        )
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


async def serve_download(request: web.Request) -> web.StreamResponse:
    """Serve an image of a signed URL, and record the request in the journal."""
    return await _recorded(serve_image, request)


async def serve_replayed(request: web.Request) -> web.StreamResponse:
    """Serve an image of a recording, and record the request in the journal."""
    cassettes = request.app[SERVER_CONTEXT].cassettes
    if cassettes is None:
        raise RuntimeError("there are no recordings")
    return await _recorded(cassettes.serve_image, request)


async def _recorded(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    request: web.Request,
) -> web.StreamResponse:
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
