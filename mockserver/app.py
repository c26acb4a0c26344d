"""Every operation of every provider, mounted where its document says."""

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import HttpVersion11, web

from mockserver.control import api as admin
from mockserver.errors import Rejected, dumps, response_to
from mockserver.media.image.drawing.encode import FORMATS
from mockserver.media.links import IMAGES, Expired, Forged
from mockserver.pipeline.context import Service, Settings
from mockserver.pipeline.handler import answer, noted
from mockserver.pipeline.house import HOUSE, House, refusal
from specs import Provider

__all__ = ["HOUSE", "House", "create_app"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def create_app(
    providers: Sequence[Provider], settings: Settings | None = None
) -> web.Application:
    """
    An application that answers as these providers' documents say.

    `settings.secret` signs picture addresses; without one it is drawn from the seed,
    or at random when there is no seed.
    """
    app = web.Application(middlewares=[_in_envelope])
    house = app[HOUSE] = House(providers, settings or Settings())
    admin.add_routes(app, house)
    app.router.add_get(f"{IMAGES}/{{name}}", _picture)
    if house.cassettes is not None:
        from mockserver.recordings.cassettes import REPLAYED

        app.router.add_get(f"{REPLAYED}/{{name}}", house.cassettes.show)
    anything = r"/{path:[\s\S]*}"
    app.router.add_route("*", anything, _dispatch, expect_handler=_expected)

    async def hush(_: web.Application) -> None:
        await house.memory.journal.close()  # ends the streams of those who watch it

    async def close(_: web.Application) -> None:
        await house.close()

    app.on_shutdown.append(hush)
    app.on_cleanup.append(close)
    return app


@web.middleware
async def _in_envelope(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """What the router has to say is said in an envelope as well."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        rejected = Rejected("invalid_request", error.reason, status=error.status)
        return _refusal(request, rejected)


def _refusal(request: web.Request, rejected: Rejected) -> web.Response:
    return refusal(rejected, request.app[HOUSE], path=request.path, host=request.host)


async def _expected(request: web.Request) -> web.Response | None:
    """What is expected before a body is sent: nothing but that we go on."""
    if request.version < HttpVersion11:
        return None
    if request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # it is no part of an answer
        return None
    status = HTTPStatus.EXPECTATION_FAILED
    return _refusal(request, Rejected("invalid_request", status.phrase, status=status))


async def _dispatch(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    found = house.resolve(request.host, request.path)
    if found is None:
        known = ", ".join(
            f"/{name}{each.provider.base_path}" for name, each in house.services.items()
        )
        message = f"No provider at '{request.path[:200]}'; base paths are: {known}"
        return _refusal(request, Rejected("not_found", message, status=404))
    service, path = found
    operations = service.provider.operations.values()
    rest = path.removeprefix(service.provider.base_path)
    here = [each for each in operations if rest == each.path and path != rest]
    for operation in here:
        if operation.method == request.method:
            return await answer(request, operation, service)
    started = time.monotonic()
    if request.method == "GET" and rest == "/models" and path != rest:
        response, rejected = _models(service), None
    else:
        rejected = _nowhere(request, [each.method for each in here])
        response = response_to(rejected, next(iter(operations)))
    noted(request, service, response, rejected, time.monotonic() - started)
    return response


def _nowhere(request: web.Request, allowed: list[str]) -> Rejected:
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


def _models(service: Service) -> web.Response:
    """The models that the document names: clients ask for them before anything else."""
    named: dict[str, None] = {service.provider.dialect.model: None}
    for operation in service.provider.operations.values():
        for body in operation.bodies.values():
            member = body.properties.get("model", {})
            for part in (member, *member.get("allOf", [])):
                named.update(dict.fromkeys(filter(None, part.get("enum", []))))
    models = [
        {"id": each, "object": "model", "created": 0, "owned_by": service.provider.id}
        for each in named
    ]
    return web.json_response({"object": "list", "data": models}, dumps=dumps)


async def _picture(request: web.Request) -> web.Response:
    """
    A picture by its address, for as long as the address lives.

    That an expired one gives 403 and an unknown one 404, both as plain text, is
    assumed: no page says what becomes of an address.
    """
    token = request.match_info["name"].rpartition(".")[0]
    service = request.app[HOUSE].any()
    headers = {"Access-Control-Allow-Origin": "*"}
    await service.memory.refresh()
    try:
        plan = service.signer.plan(token)
    except Expired:
        return web.Response(
            status=403, text="This address has expired.\n", headers=headers
        )
    except Forged:
        return web.Response(status=404, text="No such picture.\n", headers=headers)
    return web.Response(
        body=await service.draw(plan),
        content_type=FORMATS[plan.format],
        headers=headers,
    )
