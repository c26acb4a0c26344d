"""How a picture comes: inside the answer, or at an address. One table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from mockserver.errors import dumps
from mockserver.media.image.drawing.encode import FORMATS, Plan
from mockserver.media.links import portable
from mockserver.media.payloads import place
from mockserver.pipeline.context import Service

IMAGES = "/_images"
NO_LIFETIME = 3600.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A member of the answer, and the text that it holds for a picture: `lead`, the same
    for the same plan, and then `text`, as JSON writes it. One that `is_lasting` is the
    same at all times and for everybody.
    """

    member: str
    lead: Callable[[Plan], str]
    text: Callable[[Plan, Service, web.Request], Awaitable[bytes]]
    is_lasting: bool = True

    def entry(self, plan: Plan, number: int) -> dict[str, str]:
        """The member of an answer, in which the text of that number is to be put."""
        return {self.member: f"{self.lead(plan)}{place(number)}"}


async def _base64(plan: Plan, service: Service, request: web.Request) -> bytes:
    return await service.draw(plan, as_text=True)


async def _address(plan: Plan, service: Service, request: web.Request) -> bytes:
    lifetime = service.provider.dialect.url_lifetime.get("seconds", NO_LIFETIME)
    reduced = await service.off_loop(portable, plan) if plan.inputs else plan
    token = service.signer.token(reduced, lifetime)
    url = f"{request.scheme}://{request.host}{IMAGES}/{token}.{plan.format}"
    return dumps(url)[1:-1].encode()


DELIVERIES: dict[str, Delivery] = {
    "b64_json": Delivery("b64_json", lambda _: "", _base64),
    "data_uri": Delivery(
        "url", lambda plan: f"data:{FORMATS[plan.format]};base64,", _base64
    ),
    "url": Delivery("url", lambda _: "", _address, is_lasting=False),
}
