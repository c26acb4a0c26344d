"""An OpenAI server, written from the published reference only."""

import re
from typing import Any

from faulty_servers.minimal import (
    Asked,
    Members,
    Operation,
    Refusal,
    Service,
    flag,
    from_data_uri,
    grey,
    integer,
    mask_fits,
    one_of,
    opened,
    text,
)

GPT = (
    "gpt-image-1",
    "gpt-image-1-mini",
    "gpt-image-1.5",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "chatgpt-image-latest",
    # of which the pages of August say nothing
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-flare-2026-09-08",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
)
DALL_E = ("dall-e-2", "dall-e-3")
LONGEST_PROMPT = {"dall-e-2": 1000, "dall-e-3": 4000}
ONLY_GPT = (
    "output_format",
    "output_compression",
    "stream",
    "partial_images",
    "moderation",
    "background",
    "input_fidelity",
)
MEGABYTE = 1024 * 1024
LONGEST_ADDRESS = 20 * MEGABYTE
STANDARD = ("auto", "1024x1024", "1536x1024", "1024x1536")
SIZES = {
    "dall-e-2": ("256x256", "512x512", "1024x1024"),
    "dall-e-3": ("1024x1024", "1792x1024", "1024x1792"),
}
QUALITIES = {
    "dall-e-2": ("auto", "standard"),
    "dall-e-3": ("auto", "standard", "hd"),
}


def is_gpt(model: str) -> bool:
    return model in GPT


def model_of(asked: Asked) -> str:
    """The model of a request: dall-e-2, unless a field is only for GPT image models."""
    if asked.get("model"):
        return asked.get("model")
    if asked.operation == "createImageEdit":
        return "gpt-image-1.5"
    speaks = any(asked.get(name) is not None for name in ONLY_GPT)
    return "gpt-image-1" if speaks else "dall-e-2"


# -- rules of several fields; each raises `Refusal`


def model_is_known(asked: Asked) -> None:
    if model_of(asked) not in (*GPT, *DALL_E):
        message = "The model does not exist."
        raise Refusal(message, "model", status=404, code="model_not_found")


def prompt_is_short_enough(asked: Asked) -> None:
    if len(str(asked.get("prompt"))) > LONGEST_PROMPT.get(model_of(asked), 32000):
        raise Refusal("The prompt is too long.", "prompt", code="string_too_long")


def dall_e_3_draws_one(asked: Asked) -> None:
    if model_of(asked) == "dall-e-3" and asked.get("n", 1) != 1:
        raise Refusal("dall-e-3 draws one picture.", "n", code="invalid_value")


def quality_fits_model(asked: Asked) -> None:
    known = QUALITIES.get(model_of(asked), ("auto", "low", "medium", "high"))
    if asked.get("quality", "auto") not in known:
        message = "The model does not know this quality."
        raise Refusal(message, "quality", code="invalid_value")


def style_is_of_dall_e_3(asked: Asked) -> None:
    if asked.get("style") is not None and model_of(asked) != "dall-e-3":
        raise Refusal("Only dall-e-3 has styles.", "style", code="unknown_parameter")


def response_format_is_of_dall_e(asked: Asked) -> None:
    if asked.get("response_format") is not None and is_gpt(model_of(asked)):
        message = "Unknown parameter: 'response_format'."
        raise Refusal(message, "response_format", code="unknown_parameter")


def gpt_members_are_of_gpt(asked: Asked) -> None:
    for name in ONLY_GPT:
        if asked.get(name) is not None and not is_gpt(model_of(asked)):
            message = f"Unknown parameter: {name!r}."
            raise Refusal(message, name, code="unknown_parameter")


def compression_needs_jpeg_or_webp(asked: Asked) -> None:
    is_compressed = asked.get("output_compression", 100) != 100
    if is_compressed and asked.get("output_format", "png") == "png":
        message = "PNG cannot be compressed so."
        raise Refusal(message, "output_compression", code="invalid_value")


def transparent_needs_alpha(asked: Asked) -> None:
    is_transparent = asked.get("background") == "transparent"
    if is_transparent and asked.get("output_format") == "jpeg":
        message = "JPEG has no transparency."
        raise Refusal(message, "background", code="invalid_value")


def size_fits_model(asked: Asked) -> None:
    size, model = asked.get("size"), model_of(asked)
    if not isinstance(size, str) or size in SIZES.get(model, STANDARD):
        return
    if not model.startswith("gpt-image-2"):
        message = "The model does not draw this size."
        raise Refusal(message, "size", code="invalid_value")
    if not re.fullmatch(r"[1-9][0-9]{0,4}x[1-9][0-9]{0,4}", size):
        raise Refusal("The size is no WIDTHxHEIGHT.", "size", code="invalid_value")
    width, height = (int(each) for each in size.split("x"))
    problem = odd_size(width, height)
    if problem:
        raise Refusal(f"Invalid size: {problem}.", "size", code="invalid_value")


def odd_size(width: int, height: int) -> str:
    """The problem with a size for gpt-image-2; empty if there is none."""
    if width % 16 or height % 16:
        return "the edges must be divisible by 16"
    if max(width, height) > 3840:
        return "the longest edge is 3840"
    if max(width, height) > 3 * min(width, height):
        return "the ratio is 3:1 at most"
    if width * height < 655_360:
        return "too few pixels"
    if width * height > 8_294_400:
        return "too many pixels"
    return ""


# -- the two operations


class Generation(Operation):
    def __init__(self) -> None:
        super().__init__("createImage", "/images/generations")
        null = {"null": True}
        self.required = ["prompt"]
        self.members = {
            "prompt": text(),
            "model": text(**null),
            "n": integer(1, 10, **null),
            "quality": one_of(
                "standard", "hd", "low", "medium", "high", "auto", **null
            ),
            "response_format": one_of("url", "b64_json", **null),
            "output_format": one_of("png", "jpeg", "webp", **null),
            "output_compression": integer(0, 100, **null),
            "stream": flag(**null),
            "partial_images": integer(0, 3, **null),
            "size": text(**null),
            "moderation": one_of("low", "auto", **null),
            "background": one_of("transparent", "opaque", "auto", **null),
            "style": one_of("vivid", "natural", **null),
            "user": text(),
        }
        self.rules = {
            rule.__name__: rule
            for rule in (
                model_is_known,
                prompt_is_short_enough,
                dall_e_3_draws_one,
                gpt_members_are_of_gpt,
                response_format_is_of_dall_e,
                style_is_of_dall_e_3,
                quality_fits_model,
                compression_needs_jpeg_or_webp,
                transparent_needs_alpha,
                size_fits_model,
            )
        }

    def model(self, asked: Asked) -> str:
        return model_of(asked)

    def by_url(self, asked: Asked) -> bool:
        is_url = asked.get("response_format", "url") == "url"
        return is_url and not is_gpt(model_of(asked))

    def item(self, asked: Asked, data: bytes) -> Members:
        if self.by_url(asked):
            item: Members = {"url": self.kept_at(asked, data)}
        else:
            item = super().item(asked, data)
        if model_of(asked) == "dall-e-3":
            item["revised_prompt"] = f"{asked.get('prompt')}, in oil"
        return item

    def body(self, asked: Asked, pictures: list[bytes]) -> Members:
        body = super().body(asked, pictures)
        if not is_gpt(model_of(asked)):
            return body
        told = self.told(asked)
        if told["size"] not in STANDARD:
            del told["size"]  # the reference lists all sizes of these models
        return body | told | {"usage": self.usage(asked, len(pictures))}

    def told(self, asked: Asked) -> Members:
        told = super().told(asked)
        is_transparent = told["background"] == "transparent"
        told["background"] = "transparent" if is_transparent else "opaque"
        return told

    def error(self, refusal: Refusal, key: str) -> Any:
        return {
            "error": {
                "message": refusal.message,
                "type": refusal.type,
                "param": refusal.param,
                "code": refusal.code,
            }
        }


def image_is_there(asked: Asked) -> None:
    name = "image" if asked.is_form else "images"
    if not asked.images:
        raise Refusal("is required", name, code="missing_required_parameter")
    if len(asked.images) > 16:
        raise Refusal("At most 16 images.", name, code="too_many")
    for image in asked.images:
        opened(image, name)


def uploads_are_small_enough(asked: Asked) -> None:
    most = (4 if model_of(asked) == "dall-e-2" else 50) * MEGABYTE
    if any(len(each) >= most for each in asked.images):
        raise Refusal("The image is too large.", "image", code="image_too_large")
    if len(asked.mask or b"") >= 4 * MEGABYTE:
        raise Refusal("The mask is too large.", "mask", code="image_too_large")


def json_is_of_gpt(asked: Asked) -> None:
    if not asked.is_form and not is_gpt(model_of(asked)):
        message = "The model edits forms only."
        raise Refusal(message, "model", code="invalid_value")


def dall_e_2_edits_one_square_png(asked: Asked) -> None:
    if model_of(asked) != "dall-e-2":
        return
    image = opened(asked.images[0], "image")
    if len(asked.images) > 1 or image.format != "PNG" or image.width != image.height:
        raise Refusal("dall-e-2 edits one square PNG.", "image", code="invalid_value")


def fidelity_is_not_of_mini(asked: Asked) -> None:
    is_asked = asked.get("input_fidelity") is not None
    if is_asked and model_of(asked) == "gpt-image-1-mini":
        message = "The model has no input fidelity."
        raise Refusal(message, "input_fidelity", code="invalid_value")


class Edit(Generation):
    forms = True

    def __init__(self) -> None:
        super().__init__()
        self.name, self.path = "createImageEdit", "/images/edits"
        del self.members["style"]
        self.members["input_fidelity"] = one_of("high", "low", null=True)
        self.rules = {
            rule.__name__: rule
            for rule in (
                json_is_of_gpt,
                uploads_are_small_enough,
                image_is_there,
                dall_e_2_edits_one_square_png,
                mask_fits,
            )
        } | {
            name: rule
            for name, rule in self.rules.items()
            if name not in ("dall_e_3_draws_one", "style_is_of_dall_e_3")
        }
        self.rules["fidelity_is_not_of_mini"] = fidelity_is_not_of_mini

    def judge(self, asked: Asked) -> None:
        if asked.is_form and "moderation" in asked.members:
            message = "Unknown parameter: 'moderation'."
            raise Refusal(message, "moderation", code="unknown_parameter")
        if not asked.is_form and asked.get("prompt") == "":
            raise Refusal("The prompt is empty.", "prompt", code="string_too_short")
        super().judge(asked)

    def take_images(self, asked: Asked) -> None:
        references = asked.members.pop("images", [])
        if not isinstance(references, list):
            raise Refusal("must be an array", "images", code="invalid_type")
        asked.images = [self.referred(each, "images") for each in references]
        if "mask" in asked.members:
            mask = asked.members.pop("mask")
            data = self.referred(mask, "mask")
            is_here = str(mask.get("image_url", "")).startswith("data:")
            asked.mask = data if is_here else None  # other URLs are not fetched

    def referred(self, value: Any, param: str) -> bytes:
        if not isinstance(value, dict) or len(value) != 1:
            raise Refusal("must be image_url or file_id", param, code="invalid_type")
        name, place = next(iter(value.items()))
        if name not in ("image_url", "file_id") or not isinstance(place, str):
            raise Refusal("must be image_url or file_id", param, code="invalid_type")
        if len(place) > LONGEST_ADDRESS:
            raise Refusal("is too long", param, code="string_too_long")
        return grey(place) if name == "file_id" else from_data_uri(place, param)


def service() -> Service:
    return Service("/v1", Generation(), Edit())
