"""Every operation of every provider, mounted where its document says."""

import hashlib
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web

from mockserver import admin
from mockserver.delivery import IMAGES
from mockserver.errors import Rejected, dumps, response_to
from mockserver.handlers import answer
from mockserver.journal import Journal
from mockserver.pictures import FORMATS, Gallery
from mockserver.service import Service, Settings
from mockserver.state import journal_at
from mockserver.tokens import Expired, Forged, Signer
from specs import Provider


@dataclass(frozen=True, slots=True)
class House:
    """All services of one server, and how an address leads to one of them."""

    services: dict[str, Service]
    journal: Journal

    def resolve(self, host: str, path: str) -> tuple[Service, str] | None:
        """The service meant by a host and a path, and the path without the prefix."""
        first, _, rest = path.removeprefix("/").partition("/")
        if first in self.services:
            return self.services[first], f"/{rest}"
        subdomain = host.partition(":")[0].removesuffix(".localhost")
        if subdomain in self.services:
            return self.services[subdomain], path
        if len(self.services) == 1:
            return next(iter(self.services.values())), path
        return None


HOUSE: web.AppKey[House] = web.AppKey("house", House)


def create_app(
    providers: Sequence[Provider], settings: Settings | None = None
) -> web.Application:
    """
    An application that answers as these providers' documents say.

    `settings.secret` signs picture addresses; without one it is drawn from the seed,
    or at random when there is no seed.
    """
    settings = settings or Settings()
    frozen = settings.frozen
    clock = time.time if frozen is None else lambda: frozen
    secret = settings.secret or (
        hashlib.sha256(f"imageparity {settings.seed}".encode()).digest()
        if settings.seed
        else secrets.token_bytes(32)
    )
    journal, gallery = journal_at(settings.state), Gallery()
    executor = ThreadPoolExecutor(2, thread_name_prefix="pictures")
    services = {
        provider.id: Service(
            provider=provider,
            settings=settings,
            clock=clock,
            journal=journal,
            gallery=gallery,
            signer=Signer(secret, clock),
            executor=executor,
        )
        for provider in providers
    }
    app = web.Application()
    app[HOUSE] = House(services, journal)
    admin.add_routes(app, services, journal)
    app.router.add_get(f"{IMAGES}/{{name}}", _picture)
    app.router.add_route("*", "/{path:.*}", _dispatch)

    async def close(_: web.Application) -> None:
        executor.shutdown(wait=False, cancel_futures=True)
        await journal.close()

    app.on_cleanup.append(close)
    return app


async def _dispatch(request: web.Request) -> web.StreamResponse:
    found = request.app[HOUSE].resolve(request.host, request.path)
    if found is None:
        known = ", ".join(
            f"/{name}{each.provider.base_path}"
            for name, each in request.app[HOUSE].services.items()
        )
        message = f"No provider at '{request.path[:200]}'; base paths are: {known}"
        body = {"error": {"message": message, "type": "not_found"}}
        return web.json_response(body, status=404, dumps=dumps)
    service, path = found
    operations = service.provider.operations.values()
    rest = path.removeprefix(service.provider.base_path)
    here = [each for each in operations if rest == each.path and path != rest]
    for operation in here:
        if operation.method == request.method:
            return await answer(request, operation, service)
    if request.method == "GET" and rest == "/models" and path != rest:
        return _models(service)
    return _nowhere(request, service, [each.method for each in here])


def _nowhere(
    request: web.Request, service: Service, allowed: list[str]
) -> web.Response:
    """404 or 405 in the provider's envelope."""
    operation = next(iter(service.provider.operations.values()))
    what = f"{request.method} {request.path[:200]}"
    if allowed:
        rejected = Rejected(
            "method_not_allowed",
            f"{what}: allowed is {', '.join(allowed)}",
            status=405,
            headers={"Allow": ", ".join(allowed)},
        )
    else:
        rejected = Rejected("not_found", f"{what}: no such address", status=404)
    return response_to(rejected, operation)


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
    """A picture by its address, for as long as the address lives."""
    token = request.match_info["name"].rpartition(".")[0]
    service = next(iter(request.app[HOUSE].services.values()))
    headers = {"Access-Control-Allow-Origin": "*"}
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
