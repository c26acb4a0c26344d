"""Every operation of every provider, mounted where its document says."""

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import HttpVersion11, web

from mockserver.control import api as admin
from mockserver.errors import Rejected, documented_error_response, dumps
from mockserver.media.image.plan import FORMATS
from mockserver.media.links import IMAGES_PATH, ExpiredLink, InvalidLink
from mockserver.pipeline.handler import handle_request
from mockserver.pipeline.journal_entry import record_unrouted
from mockserver.pipeline.provider_context import ProviderContext, Settings
from mockserver.pipeline.server_context import (
    SERVER_CONTEXT,
    ServerContext,
    error_response,
)
from specs import Provider

__all__ = ["SERVER_CONTEXT", "ServerContext", "create_app"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def create_app(
    providers: Sequence[Provider], settings: Settings | None = None
) -> web.Application:
    """
    An application that answers as these providers' documents say.

    `settings.secret` signs picture addresses; without one it is drawn from the seed,
    or at random when there is no seed.
    """
    app = web.Application(middlewares=[_error_middleware])
    house = app[SERVER_CONTEXT] = ServerContext(providers, settings or Settings())
    admin.add_routes(app, house)
    app.router.add_get(f"{IMAGES_PATH}/{{name}}", _serve_image)
    if house.cassettes is not None:
        from mockserver.recordings.cassette_file import REPLAY_PATH

        app.router.add_get(f"{REPLAY_PATH}/{{name}}", house.cassettes.serve_image)
    anything = r"/{path:[\s\S]*}"
    app.router.add_route("*", anything, _dispatch, expect_handler=_handle_expect)

    async def hush(_: web.Application) -> None:
        await house.store.journal.close()  # ends the streams of those who watch it

    async def close(_: web.Application) -> None:
        await house.close()

    app.on_shutdown.append(hush)
    app.on_cleanup.append(close)
    return app


@web.middleware
async def _error_middleware(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """What the router has to say is said in an envelope as well."""
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
    """What is expected before a body is sent: nothing but that we go on."""
    if request.version < HttpVersion11:
        return None
    if request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # it is no part of an answer
        return None
    status = HTTPStatus.EXPECTATION_FAILED
    return _error_response(
        request, Rejected("invalid_request", status.phrase, status=status)
    )


async def _dispatch(request: web.Request) -> web.StreamResponse:
    house = request.app[SERVER_CONTEXT]
    found = house.resolve(request.host, request.path)
    if found is None:
        known = ", ".join(
            f"/{name}{each.provider.base_path}"
            for name, each in house.provider_contexts.items()
        )
        message = f"No provider at '{request.path[:200]}'; base paths are: {known}"
        return _error_response(request, Rejected("not_found", message, status=404))
    service, path = found
    operations = service.provider.operations.values()
    rest = path.removeprefix(service.provider.base_path)
    here = [each for each in operations if rest == each.path and path != rest]
    for operation in here:
        if operation.method == request.method:
            return await handle_request(request, operation, service)
    started = time.monotonic()
    if request.method == "GET" and rest == "/models" and path != rest:
        response, rejected = _models_response(service), None
    else:
        rejected = _routing_error(request, [each.method for each in here])
        response = documented_error_response(rejected, next(iter(operations)))
    record_unrouted(request, service, response, rejected, time.monotonic() - started)
    return response


def _routing_error(request: web.Request, allowed: list[str]) -> Rejected:
    """404 or 405 in the provider's envelope."""
    what = f"{request.method} {request.path[:200]}"
    if allowed:
        return Rejected(
            "method_not_allowed",
            f"{what}: allowed is {', '.join(allowed)}",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )
    return Rejected("not_found", f"{what}: no such address", status=404)


def _models_response(provider_context: ProviderContext) -> web.Response:
    """The models that the document names: clients ask for them before anything else."""
    named: dict[str, None] = {provider_context.provider.dialect.model: None}
    for operation in provider_context.provider.operations.values():
        for body in operation.bodies.values():
            member = body.properties.get("model", {})
            for part in (member, *member.get("allOf", [])):
                named.update(dict.fromkeys(filter(None, part.get("enum", []))))
    models = [
        {
            "id": each,
            "object": "model",
            "created": 0,
            "owned_by": provider_context.provider.id,
        }
        for each in named
    ]
    return web.json_response({"object": "list", "data": models}, dumps=dumps)


async def _serve_image(request: web.Request) -> web.Response:
    """
    A picture by its address, for as long as the address lives.

    That an expired one gives 403 and an unknown one 404, both as plain text, is
    assumed: no page says what becomes of an address.
    """
    token = request.match_info["name"].rpartition(".")[0]
    service = request.app[SERVER_CONTEXT].any_provider_context()
    headers = {"Access-Control-Allow-Origin": "*"}
    await service.store.sync_clock()
    try:
        plan = service.signer.plan(token)
    except ExpiredLink:
        return web.Response(
            status=403, text="This address has expired.\n", headers=headers
        )
    except InvalidLink:
        return web.Response(status=404, text="No such picture.\n", headers=headers)
    return web.Response(
        body=await service.render(plan),
        content_type=FORMATS[plan.format],
        headers=headers,
    )
