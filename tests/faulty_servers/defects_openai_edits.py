"""Faults of the edits of an OpenAI server."""

import io
from dataclasses import replace
from typing import Any

from faulty_servers import openai
from faulty_servers.defects import (
    Defect,
    before,
    changed,
    crashing,
    forget,
    having,
    ignoring,
    in_error,
    in_events,
    in_usage,
    inverted,
    not_requiring,
    numbered_from_one,
    refuse_if,
    refusing,
    renamed,
    taking,
    with_rule,
    without_rule,
)
from faulty_servers.minimal import Asked, Operation, Refusal, integer, one_of, text
from PIL import Image


def no_alpha_for_mask(asked: Asked) -> None:
    """As `mask_fits`, without the check for a transparent part."""
    if asked.mask is None:
        return
    mask = openai.opened(asked.mask, "mask")
    if mask.size != openai.opened(asked.images[0], "image").size:
        raise Refusal("must be of the image's size", "mask", code="invalid_mask")


def any_size_for_mask(asked: Asked) -> None:
    """As `mask_fits`, without the check of the dimensions."""
    if asked.mask is None:
        return
    if "A" not in openai.opened(asked.mask, "mask").getbands():
        raise Refusal("has no transparency", "mask", code="invalid_mask")


def form_only(asked: Asked) -> None:
    if asked.is_form:
        asked.members.pop("n", None)


def decoded(asked: Asked) -> None:
    for image in asked.images:
        Image.open(io.BytesIO(image)).load()


def json_is_refused(asked: Asked) -> None:
    if not asked.is_form:
        raise Refusal("Only forms are taken.")


def no_image_needed(operation: Operation) -> None:
    right = operation.rules["image_is_there"]

    def rule(asked: Asked) -> None:
        if asked.images:
            right(asked)

    for name in ("mask_fits", "dall_e_2_edits_one_square_png"):
        del operation.rules[name]
    operation.rules["image_is_there"] = rule


def both_references(operation: Operation) -> None:
    right = operation.referred

    def referred(value: Any, param: str) -> bytes:
        if isinstance(value, dict) and "image_url" in value:
            value = {"image_url": value["image_url"]}
        return right(value, param)

    having("referred", referred)(operation)


EDIT: dict[str, Defect] = {
    "n-of-eleven": taking("n", integer(1, 20, null=True)),
    "fidelity-of-any-name": taking("input_fidelity", text(null=True)),
    "no-image-needed": no_image_needed,
    "prompt-not-needed": not_requiring("prompt"),
    "seventeen-images": with_rule(
        "image_is_there",
        lambda asked: openai.image_is_there(replace(asked, images=asked.images[:16])),
    ),
    "mask-of-any-size": with_rule("mask_fits", any_size_for_mask),
    "mask-without-alpha": with_rule("mask_fits", no_alpha_for_mask),
    "uploads-of-any-length": without_rule("uploads_are_small_enough"),
    "oblong-for-dall-e-2": without_rule("dall_e_2_edits_one_square_png"),
    "json-for-dall-e": without_rule("json_is_of_gpt"),
    "two-references-in-one": both_references,
    "response-format-for-gpt": without_rule("response_format_is_of_dall_e"),
    "no-key-needed": having("authenticate", lambda header: header or "nobody"),
    "json-refused": with_rule("planted", json_is_refused),
    "two-images-refused": refusing(lambda asked: len(asked.images) > 1, "image"),
    "jpeg-image-refused": with_rule(
        "planted",
        lambda asked: refuse_if(
            any(openai.opened(each, "").format == "JPEG" for each in asked.images),
            "image",
        ),
    ),
    "high-fidelity-refused": taking("input_fidelity", one_of("low", null=True)),
    "mask-ignored": forget("mask", lambda asked: None),
    "mask-inverted": changed("judge", lambda _, asked: inverted(asked)),
    "second-image-ignored": forget("images", lambda asked: asked.images[:1]),
    "image-ignored": forget("images", lambda asked: []),
    "n-ignored-in-forms": changed("judge", lambda _, asked: form_only(asked)),
    "size-ignored": ignoring("size"),
    "format-ignored": ignoring("output_format"),
    "events-of-generations": in_events(
        lambda events: renamed(events, "image_edit", "image_generation")
    ),
    "stream-ignored": having("streams", lambda asked: False),
    "partials-from-one": in_events(numbered_from_one),
    "total-does-not-add-up": in_usage(total_tokens=1),
    "urls-for-gpt": having("by_url", lambda asked: True),
    "created-in-milliseconds": changed("created", lambda created: created * 1000),
    "param-is-always-model": in_error(lambda error: error | {"param": "model"}),
    "error-as-page": having("error_type", "text/html"),
    "crash-on-broken-image": before("judge", decoded),
    "crash-on-broken-form": lambda operation: setattr(
        operation, "from_form", operation.take_parts
    ),
    "crash-on-mask": crashing(lambda asked: asked.mask is not None),
}
