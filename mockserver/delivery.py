"""How a picture comes: inside the answer, or at an address. One table."""

import base64
from collections.abc import Awaitable, Callable

from aiohttp import web

from mockserver.pictures import FORMATS, Plan
from mockserver.service import Service
from mockserver.tokens import portable

IMAGES = "/_images"
NO_LIFETIME = 3600.0

Delivery = Callable[[Plan, Service, web.Request], Awaitable[dict[str, str]]]


async def _b64_json(
    plan: Plan, service: Service, request: web.Request
) -> dict[str, str]:
    picture = await service.draw(plan)
    return {"b64_json": base64.b64encode(picture).decode()}


async def _data_uri(
    plan: Plan, service: Service, request: web.Request
) -> dict[str, str]:
    picture = await service.draw(plan)
    encoded = base64.b64encode(picture).decode()
    return {"url": f"data:{FORMATS[plan.format]};base64,{encoded}"}


async def _url(plan: Plan, service: Service, request: web.Request) -> dict[str, str]:
    lifetime = service.provider.dialect.url_lifetime.get("seconds", NO_LIFETIME)
    reduced = await service.off_loop(portable, plan)
    token = service.signer.token(reduced, lifetime)
    return {"url": f"{request.scheme}://{request.host}{IMAGES}/{token}.{plan.format}"}


DELIVERIES: dict[str, Delivery] = {
    "b64_json": _b64_json,
    "data_uri": _data_uri,
    "url": _url,
}
