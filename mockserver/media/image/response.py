"""The content of image responses: the JSON body, and the events of a stream."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from mockserver.json_text import dumps, fill_placeholders
from mockserver.media.base import MediaEvent, Renderer
from mockserver.media.image.delivery import Delivery
from mockserver.media.image.filled_response import image_facts
from mockserver.media.image.output import ImageOutput
from mockserver.media.payloads import JsonTemplate, placeholder
from mockserver.media.templates import OUTPUT, fill, placeholders
from specs import COMPLETED, DONE, END, FAILED_IMAGE, PARTIAL_IMAGE

QUALITIES = ("low", "medium", "high", "xhigh", "max")
SAFETY_IDENTIFIER = "{safety_identifier}"  # in the example of an event
SVG_TOKENS = 1500  # of the model that writes an SVG; no page tells how many

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
    facts: Mapping[str, Any],
    delivery: Delivery,
    has_failed_image: bool,
    hash_: str,
    ends_with_done: bool,
) -> AsyncIterator[MediaEvent]:
    """
    The events of a response, in the form of the document's `examples`.

    For each image its previews, from coarse to fine, then the finished image. After
    them the event of an image that failed, if one did, and the end that the document
    describes. An example with placeholders of an output is filled with `facts`, and
    another one with the fields that usual events have.
    """
    completed = examples[COMPLETED]
    is_filled = any(each.startswith(OUTPUT) for each in placeholders(completed))
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
            yield _image_event(examples[PARTIAL_IMAGE], partial, image)
        if is_filled:
            entry = {delivery.form: delivery.value(plan, 0)}
            event = fill(completed, facts, image_facts([plan], [entry], hash_))
            text = await delivery.text(plan, renderer)
            yield MediaEvent(event["type"], JsonTemplate(event).fill([text]), True)
        else:
            image = await renderer.base64_of(plan)
            yield _image_event(completed, details, image, is_final=True)
    if has_failed_image:
        failed = fill(examples[FAILED_IMAGE], {**facts, "index": len(plans)}, [])
        yield _plain_event(failed)
    if END in examples:
        yield _plain_event(fill(examples[END], facts, []))
    if ends_with_done:
        yield MediaEvent("", [DONE.encode()], False)


def _plain_event(event: dict[str, Any]) -> MediaEvent:
    return MediaEvent(event["type"], [dumps(event).encode()], False)


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
