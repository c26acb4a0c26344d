"""The usual JSON body of image responses, and its fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from mockserver.media.image.filled_response import actual_quality
from mockserver.media.image.output import ImageOutput

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
    return {
        "background": plan.background,
        "output_format": plan.format,
        "size": f"{plan.width}x{plan.height}",
        "quality": actual_quality(request),
    }
