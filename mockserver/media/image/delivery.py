"""The ways to deliver an image: base64 or a data URI in the response, or a URL."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mockserver.json_text import dumps
from mockserver.media.base import Renderer
from mockserver.media.image.output import ImageOutput
from mockserver.media.payloads import placeholder


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    A response field and the text that it holds for an image.

    `form` is its name in a dialect, and in the placeholders of examples. The text is
    `prefix`, which depends on the image only, and then `text`, already escaped for
    JSON. `is_cacheable` is False if the text of an image changes with time.
    """

    form: str
    field: str
    prefix: Callable[[ImageOutput], str]
    text: Callable[[ImageOutput, Renderer], Awaitable[bytes]]
    is_cacheable: bool = True

    def entry(self, image: ImageOutput, number: int) -> dict[str, str]:
        """Return the field with its prefix and the placeholder of that number."""
        return {self.field: self.value(image, number)}

    def value(self, image: ImageOutput, number: int) -> str:
        """The text with its prefix and the placeholder of that number."""
        return f"{self.prefix(image)}{placeholder(number)}"


async def _render_base64(image: ImageOutput, renderer: Renderer) -> bytes:
    return await renderer.base64_of(image)


async def _render_url(image: ImageOutput, renderer: Renderer) -> bytes:
    return dumps(await renderer.url_of(image))[1:-1].encode()


DELIVERIES: dict[str, Delivery] = {
    "b64_json": Delivery("b64_json", "b64_json", lambda _: "", _render_base64),
    "data_uri": Delivery(
        "data_uri",
        "url",
        lambda image: f"data:{image.media_type};base64,",
        _render_base64,
    ),
    "url": Delivery("url", "url", lambda _: "", _render_url, is_cacheable=False),
}
