"""The aiohttp application: routes of providers, images and the control API."""

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import HttpVersion11, web

from mockserver.control import api as admin
from mockserver.control.root_page import accepts_html, root_page
from mockserver.errors import Rejected, documented_error_response
from mockserver.json_text import dumps
from mockserver.media.image.plan import FORMATS
from mockserver.media.links import IMAGES_PATH, ExpiredLink, InvalidLink
from mockserver.pipeline.handler import handle_request
from mockserver.pipeline.journal_entry import record_unrouted
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.server_context import (
    SERVER_CONTEXT,
    ServerContext,
    error_response,
)
from mockserver.settings import Settings
from specs import Provider

__all__ = ["SERVER_CONTEXT", "ServerContext", "create_app"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def create_app(
    providers: Sequence[Provider], settings: Settings | None = None
) -> web.Application:
    """An application that mocks the documented operations of the providers."""
    app = web.Application(middlewares=[_error_middleware])
    context = app[SERVER_CONTEXT] = ServerContext(providers, settings or Settings())
    admin.add_routes(app, context)
    app.router.add_get(f"{IMAGES_PATH}/{{name}}", _serve_image)
    if context.cassettes is not None:
        from mockserver.recordings.cassette_file import REPLAY_PATH

        app.router.add_get(f"{REPLAY_PATH}/{{name}}", context.cassettes.serve_image)
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
        return root_page(request, request.app[SERVER_CONTEXT].settings.token)
    return await _dispatch(request)


async def _dispatch(request: web.Request) -> web.StreamResponse:
    """Handle a request for an operation, or respond with an error."""
    server_context = request.app[SERVER_CONTEXT]
    resolved = server_context.resolve(request.host, request.path)
    if resolved is None:
        known = ", ".join(
            f"/{name}{each.provider.base_path}"
            for name, each in server_context.provider_contexts.items()
        )
        message = f"No provider at '{request.path[:200]}'; base paths are: {known}"
        return _error_response(request, Rejected("not_found", message, status=404))
    provider_context, path = resolved
    operations = provider_context.provider.operations.values()
    rest = path.removeprefix(provider_context.provider.base_path)
    matching = [each for each in operations if rest == each.path and path != rest]
    for operation in matching:
        if operation.method == request.method:
            return await handle_request(request, operation, provider_context)
    started_at = time.monotonic()
    if request.method == "GET" and rest == "/models" and path != rest:
        response, rejected = _models_response(provider_context), None
    else:
        allowed = [each.method for each in matching]
        rejected = _routing_error(request, provider_context.provider, allowed)
        response = documented_error_response(rejected, next(iter(operations)))
    record_unrouted(
        request, provider_context, response, rejected, time.monotonic() - started_at
    )
    return response


def _routing_error(
    request: web.Request, provider: Provider, allowed: list[str]
) -> Rejected:
    """405 if other methods are allowed, else 404."""
    target = f"{request.method} {request.path[:200]}"
    if allowed:
        return Rejected(
            "method_not_allowed",
            f"{target}: allowed methods: {', '.join(allowed)}",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )
    base_url = f"{request.scheme}://{request.host}/{provider.id}{provider.base_path}"
    message = f"{target}: unknown endpoint; the base URL is {base_url}"
    return Rejected("not_found", message, status=404)


def _models_response(provider_context: ProviderContext) -> web.Response:
    """The models that the document names, as `GET /models` lists them."""
    names: dict[str, None] = {provider_context.provider.dialect.model: None}
    for operation in provider_context.provider.operations.values():
        for body in operation.bodies.values():
            schema = body.properties.get("model", {})
            for part in (schema, *schema.get("allOf", [])):
                names.update(dict.fromkeys(filter(None, part.get("enum", []))))
    models = [
        {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": provider_context.provider.id,
        }
        for name in names
    ]
    return web.json_response({"object": "list", "data": models}, dumps=dumps)


async def _serve_image(request: web.Request) -> web.Response:
    """
    An image by its signed URL.

    The responses to an expired URL (403) and to an invalid one (404) are assumed: no
    provider documents them.
    """
    token = request.match_info["name"].rpartition(".")[0]
    context = request.app[SERVER_CONTEXT].any_provider_context()
    headers = {"Access-Control-Allow-Origin": "*"}
    await context.store.sync_clock()
    try:
        plan = context.signer.plan(token)
    except ExpiredLink:
        return web.Response(status=403, text="This URL has expired.\n", headers=headers)
    except InvalidLink:
        return web.Response(status=404, text="No such image.\n", headers=headers)
    return web.Response(
        body=await context.render(plan),
        content_type=FORMATS[plan.format],
        headers=headers,
    )
