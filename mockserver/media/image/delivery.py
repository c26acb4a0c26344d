"""The ways to deliver an image: base64 or a data URI in the response, or a URL."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from mockserver.json_text import dumps
from mockserver.media.image.plan import FORMATS, Plan
from mockserver.media.payloads import placeholder


class Renderer(Protocol):
    """Renders a plan as base64, or returns a signed URL that renders it later."""

    async def base64_of(self, plan: Plan) -> bytes: ...

    async def url_of(self, plan: Plan) -> str: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A response field and the text that it holds for an image.

    The text is `prefix`, which depends on the plan only, and then `text`, already
    escaped for JSON. `is_cacheable` is False if the text of a plan changes with time.
    """

    field: str
    prefix: Callable[[Plan], str]
    text: Callable[[Plan, Renderer], Awaitable[bytes]]
    is_cacheable: bool = True

    def entry(self, plan: Plan, number: int) -> dict[str, str]:
        """Return the field with its prefix and the placeholder of that number."""
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
