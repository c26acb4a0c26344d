"""How a picture comes: inside the answer, or at an address. One table."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from mockserver.json_text import dumps
from mockserver.media.image.plan import FORMATS, Plan
from mockserver.media.payloads import placeholder


class Renderer(Protocol):
    """Makes the bytes of a plan, or a signed URL from which they are made later."""

    async def base64_of(self, plan: Plan) -> bytes: ...

    async def url_of(self, plan: Plan) -> str: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A member of the answer, and the text that it holds for a picture: `lead`, the same
    for the same plan, and then `text`, as JSON writes it. One that `is_lasting` is the
    same at all times and for everybody.
    """

    field: str
    prefix: Callable[[Plan], str]
    text: Callable[[Plan, Renderer], Awaitable[bytes]]
    is_cacheable: bool = True

    def entry(self, plan: Plan, number: int) -> dict[str, str]:
        """The member of an answer, in which the text of that number is to be put."""
        return {self.field: f"{self.prefix(plan)}{placeholder(number)}"}


async def _render_base64(plan: Plan, renderer: Renderer) -> bytes:
    return await renderer.base64_of(plan)


async def _render_url(plan: Plan, renderer: Renderer) -> bytes:
    return dumps(await renderer.url_of(plan))[1:-1].encode()


DELIVERIES: dict[str, Delivery] = {
    "b64_json": Delivery("b64_json", lambda _: "", _render_base64),
    "data_uri": Delivery(
        "url", lambda plan: f"data:{FORMATS[plan.format]};base64,", _render_base64
    ),
    "url": Delivery("url", lambda _: "", _render_url, is_cacheable=False),
}
