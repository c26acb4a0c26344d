"""The content of image responses: the JSON body, and the events of a stream."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from mockserver.json_text import fill_placeholders
from mockserver.media.base import MediaEvent, Renderer
from mockserver.media.image.output import ImageOutput
from mockserver.media.payloads import JsonTemplate, placeholder

QUALITIES = ("low", "medium", "high", "xhigh", "max")
SAFETY_IDENTIFIER = "{safety_identifier}"  # in the example of an event
SVG_TOKENS = 1500  # of the model that writes an SVG; no page tells how many
PARTIAL_EVENT, COMPLETED_EVENT = "partial_image", "completed"  # names of examples

CanonicalRequest = Mapping[str, Any]


def images_response_body(
    request: CanonicalRequest,
    items: Sequence[Mapping[str, str]],
    plan: ImageOutput,
    *,
    created: int,
    usage: Mapping[str, Any],
) -> dict[str, Any]:
    """
    A response body with all fields that any document declares.

    `items` hold the images, `plan` is the plan of one of them, and `created` is in
    seconds since 1970.
    """
    revised_prompt = f"{request.get('prompt', '')}, in natural light and fine detail"
    return {
        "created": created,
        "data": [{**item, "revised_prompt": revised_prompt} for item in items],
        **echo_fields(request, plan),
        "safety_identifier": safety_identifier(request),
        "usage": usage,
        **_svg_usage(request, usage),
    }


def safety_identifier(request: CanonicalRequest) -> str | None:
    """The identifier of the end user that counts; None without one."""
    return request.get("safety_identifier") or request.get("user") or None


def _svg_usage(request: CanonicalRequest, usage: Mapping[str, Any]) -> dict[str, Any]:
    """The tokens of the model that writes the SVG, where a request names it."""
    svg = request.get("svg")
    model = svg.get("model") if isinstance(svg, dict) else request.get("svg[model]")
    if request.get("output_format") != "svg" or not isinstance(model, str):
        return {}
    read = usage["input_tokens"]
    return {
        "svg_usage": {
            "input_tokens": read,
            "output_tokens": SVG_TOKENS,
            "reasoning_tokens": 0,
            "total_tokens": read + SVG_TOKENS,
            "model": model,
        }
    }


def echo_fields(request: CanonicalRequest, plan: ImageOutput) -> dict[str, str]:
    """The response fields that describe an image, with the actual values."""
    quality = request.get("quality")
    return {
        "background": "transparent" if plan.transparent else "opaque",
        "output_format": plan.format,
        "size": f"{plan.width}x{plan.height}",
        "quality": str(quality) if quality in QUALITIES else "medium",
    }


async def image_events(
    examples: Mapping[str, Any],
    request: CanonicalRequest,
    plans: Sequence[ImageOutput],
    renderer: Renderer,
    *,
    clock: Callable[[], float],
    usage: Mapping[str, Any],
    preview_count: int,
) -> AsyncIterator[MediaEvent]:
    """
    The events of a response, in the form of the document's `examples`.

    For each image its previews, from coarse to fine, then the finished image.
    """
    for plan in plans:
        details = {
            **echo_fields(request, plan),
            "created_at": int(clock()),
            "safety_identifier": safety_identifier(request),
            "usage": usage,
        }
        for index in range(preview_count):
            image = await renderer.base64_of(plan.preview(preview_count - index))
            partial = {**details, "partial_image_index": index}
            yield _image_event(examples[PARTIAL_EVENT], partial, image)
        image = await renderer.base64_of(plan)
        yield _image_event(examples[COMPLETED_EVENT], details, image, is_final=True)


def _image_event(
    example: Any, details: Mapping[str, Any], image: bytes, *, is_final: bool = False
) -> MediaEvent:
    """An event like the example, with an image that is base64 already."""
    # An identifier that the request does not have is no part of the event.
    kept = {
        name: value
        for name, value in example.items()
        if value != SAFETY_IDENTIFIER or details["safety_identifier"]
    }
    event = fill_placeholders(kept, {**details, "b64_json": placeholder(0)})
    return MediaEvent(event["type"], JsonTemplate(event).fill([image]), is_final)
