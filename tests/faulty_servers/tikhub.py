"""A TikHub server, written from its two public pages only."""

import base64
from typing import Any

from faulty_servers.minimal import (
    Asked,
    Members,
    Operation,
    Refusal,
    Service,
    integer,
    mask_fits,
    one_of,
    opened,
    text,
)

MODELS = ("gpt-image-2", "gpt-image-2-vip")


def size_can_be_drawn(asked: Asked) -> None:
    size = asked.get("size", "auto")
    if size == "auto" or not isinstance(size, str):
        return
    width, _, height = size.partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii()):
        raise Refusal("The size is no WIDTHxHEIGHT.", "size", code="invalid_size")
    if not height.isdigit() or not 0 < int(width) * int(height) <= 8_294_400:
        raise Refusal("The size cannot be drawn.", "size", code="invalid_size")
    if max(int(width), int(height)) > 3840:
        raise Refusal("The size cannot be drawn.", "size", code="invalid_size")


class Generation(Operation):
    def __init__(self) -> None:
        super().__init__("createImage", "/images/generations")
        self.required = ["model", "prompt"]
        self.members = {
            "model": one_of(*MODELS),
            "prompt": text(least=1),
            "n": integer(1, 10),
            "size": text(),
            "quality": one_of("low", "medium", "high", "auto"),
            "response_format": one_of("url", "b64_json"),
            "style": one_of("vivid", "natural"),
            "background": one_of("transparent", "opaque", "auto"),
            "output_format": one_of("png", "jpeg", "webp"),
            "output_compression": integer(0, 100),
            "moderation": one_of("low", "auto"),
            "user": text(),
        }
        self.rules = {"size_can_be_drawn": size_can_be_drawn}

    def is_transparent(self, asked: Asked) -> bool:
        return super().is_transparent(asked) and self.format(asked) != "jpeg"

    def item(self, asked: Asked, data: bytes) -> Members:
        """All three fields, as in the page; the one not requested is empty."""
        is_base64 = asked.get("response_format") == "b64_json"
        return {
            "url": "" if is_base64 else self.kept_at(asked, data),
            "b64_json": base64.b64encode(data).decode() if is_base64 else "",
            "revised_prompt": f"{asked.get('prompt')}, in detail",
        }

    def error(self, refusal: Refusal, key: str) -> Any:
        return {
            "error": {
                "message": f"{refusal.message} (request id: 20260504135036)",
                "type": "new_api_error",
                "param": refusal.param or "",
                "code": refusal.code or "",
            }
        }


def image_is_there(asked: Asked) -> None:
    if not asked.images:
        raise Refusal("An image is required.", "image", code="missing_image")
    for image in asked.images:
        opened(image, "image")


def several_images_are_of_vip(asked: Asked) -> None:
    if len(asked.images) > 1 and asked.get("model") != "gpt-image-2-vip":
        message = "The model takes one image."
        raise Refusal(message, "image", code="too_many_images")


class Edit(Generation):
    forms, jsons = True, False

    def __init__(self) -> None:
        super().__init__()
        self.name, self.path = "createImageEdit", "/images/edits"
        for name in ("style", "moderation"):
            del self.members[name]
        self.rules = {
            "image_is_there": image_is_there,
            "several_images_are_of_vip": several_images_are_of_vip,
            "mask_fits": mask_fits,
            **self.rules,
        }

    def judge(self, asked: Asked) -> None:
        """Treat an empty field, as in the sample of the page, as absent."""
        asked.members = {
            name: value
            for name, value in asked.members.items()
            if value != "" or name in self.required
        }
        super().judge(asked)


def service() -> Service:
    return Service("/v1", Generation(), Edit())
