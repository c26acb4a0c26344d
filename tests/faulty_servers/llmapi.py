"""An llmapi.site server, written from its public pages only."""

import base64
from typing import Any

from faulty_servers.minimal import (
    Asked,
    Members,
    Operation,
    Refusal,
    Service,
    anything,
    flag,
    from_data_uri,
    integer,
    number,
    opened,
    text,
)

DEFAULT_MODEL = "gpt-image-2"
FORMATS = ("png", "jpeg", "webp")


def model_draws(asked: Asked) -> None:
    model = asked.get("model", DEFAULT_MODEL)
    if isinstance(model, str) and not model.startswith("gpt-image-"):
        raise Refusal("images endpoint requires an image model", "model")


def upstream_can_draw(asked: Asked) -> None:
    """Reject forwarded requests that the upstream cannot draw."""
    size = asked.get("size", "auto")
    if isinstance(size, str) and size != "auto":
        width, _, height = size.partition("x")
        if not (width.isdecimal() and height.isdecimal()):
            raise Refusal("The size is no WIDTHxHEIGHT.", "size")
        edges = int(width), int(height)
        if max(edges) > 3840 or not 0 < edges[0] * edges[1] <= 8_294_400:
            raise Refusal("The size cannot be drawn.", "size")
    if asked.get("output_format", "png") not in FORMATS:
        raise Refusal("The format is not known.", "output_format")
    if not 0 <= number(asked.get("output_compression"), 100) <= 100:
        raise Refusal("The compression is from 0 to 100.", "output_compression")
    if number(asked.get("n"), 1) > 64:
        raise Refusal("So many are not drawn at once.", "n")


class Generation(Operation):
    is_strict = False

    def __init__(self) -> None:
        super().__init__("createImage", "/images/generations")
        self.required = ["prompt"]
        null = {"null": True}
        self.members = {
            "model": text(**null),
            "prompt": text(),
            "size": text(**null),
            "n": integer(1, **null),
            "response_format": text(**null),
            "stream": flag(**null),
            "quality": text(**null),
            "background": text(**null),
            "output_format": text(**null),
            "output_compression": integer(-(10**9), **null),
            "moderation": text(**null),
            "style": text(**null),
        }
        self.rules = {"model_draws": model_draws, "upstream": upstream_can_draw}

    def is_transparent(self, asked: Asked) -> bool:
        return super().is_transparent(asked) and self.format(asked) != "jpeg"

    def quality(self, asked: Asked) -> str:
        quality = super().quality(asked)
        return quality if quality in ("low", "medium", "high") else "medium"

    def partials(self, asked: Asked) -> int:
        count = asked.get("partial_images", 0)
        return count if isinstance(count, int) and 0 <= count <= 3 else 0

    def told(self, asked: Asked) -> Members:
        told = super().told(asked)
        if told["background"] not in ("transparent", "opaque", "auto"):
            told["background"] = "auto"
        return told

    def item(self, asked: Asked, data: bytes) -> Members:
        text = base64.b64encode(data).decode()
        if asked.get("response_format") == "url":
            return {"url": f"data:image/{self.format(asked)};base64,{text}"}
        return {"b64_json": text}

    def unauthenticated(self) -> Refusal:
        return Refusal("Invalid API key", status=401, type="authentication_error")

    def error(self, refusal: Refusal, key: str) -> Any:
        """An error with two fields, as in the pages; the page on keys adds a `type`."""
        error = {"type": refusal.type, "message": refusal.message}
        return (
            {"type": "error", "error": error}
            if refusal.status == 401
            else {"error": error}
        )


def image_is_there(asked: Asked) -> None:
    if not asked.images:
        name = "image file" if asked.is_form else "images[].image_url"
        raise Refusal(f"{name} is required", "images")
    for image in asked.images:
        opened(image, "image")


def mask_can_be_read(asked: Asked) -> None:
    if asked.mask is not None:
        opened(asked.mask, "mask")


class Edit(Generation):
    forms = True

    def __init__(self) -> None:
        super().__init__()
        self.name, self.path = "createImageEdit", "/images/edits"
        self.members["input_fidelity"] = text(null=True)
        self.members["partial_images"] = anything
        self.rules = {
            "image_is_there": image_is_there,
            "mask_can_be_read": mask_can_be_read,
            **self.rules,
        }

    def take_images(self, asked: Asked) -> None:
        references = asked.members.pop("images", None)
        if not isinstance(references, list):
            raise Refusal("images[].image_url is required", "images")
        asked.images = [self.referred(each, "images[]") for each in references]
        mask = asked.members.pop("mask", None)
        if mask is not None:
            data = self.referred(mask, "mask")
            is_here = mask["image_url"].startswith("data:")
            asked.mask = data if is_here else None  # other URLs are not fetched

    def referred(self, value: Any, param: str) -> bytes:
        if isinstance(value, dict) and "file_id" in value:
            message = f"{param}.file_id is not supported"
            raise Refusal(f"{message} (use {param}.image_url instead)", param)
        place = value.get("image_url") if isinstance(value, dict) else None
        if not isinstance(place, str):
            raise Refusal(f"{param}.image_url is required", param)
        return from_data_uri(place, param)


def service() -> Service:
    return Service("/v1", Generation(), Edit())
