"""Faults of an OpenAI server, besides the common ones."""

import base64
import io
import re
from dataclasses import replace
from typing import Any

from faulty_servers import openai
from faulty_servers.defects import (
    COMMON,
    Defect,
    before,
    both,
    changed,
    crashing,
    forget,
    having,
    ignoring,
    in_error,
    in_items,
    inverted,
    key_after_body,
    not_requiring,
    refuse_if,
    refusing,
    taking,
    url_kept_nowhere,
    url_of_a_page,
    with_rule,
    without,
    without_rule,
)
from faulty_servers.minimal import (
    Asked,
    Members,
    Operation,
    Refusal,
    integer,
    one_of,
    text,
)
from PIL import Image

Events = list[tuple[str, Members]]


def sized(operation: Operation, is_odd: Any) -> None:
    """For gpt-image-2, reject only the sizes that `is_odd(width, height)`."""

    def size_fits(asked: Asked) -> None:
        size = asked.get("size", "auto")
        match = re.fullmatch("([1-9][0-9]*)x([1-9][0-9]*)", size)
        is_size = match or size in openai.STANDARD
        if not is_size or (match and is_odd(int(match[1]), int(match[2]))):
            raise Refusal("The size is odd.", "size", code="invalid_value")

    right = operation.rules["size_fits_model"]

    def rule(asked: Asked) -> None:
        is_second = openai.model_of(asked).startswith("gpt-image-2")
        (size_fits if is_second else right)(asked)

    operation.rules["size_fits_model"] = rule


def odd_but(forgiven: str) -> Defect:
    """Validate sizes without one of the rules."""

    def is_odd(width: int, height: int) -> bool:
        clauses = {
            "multiple": width % 16 or height % 16,
            "edge": max(width, height) > 3840,
            "ratio": max(width, height) > 3 * min(width, height),
            "least": width * height < 655_360,
            "most": width * height > 8_294_400,
        }
        return any(clauses[name] for name in clauses if name != forgiven)

    return lambda operation: sized(operation, is_odd)


def odd_also(is_odd: Any) -> Defect:
    """Validate sizes, and reject more of them."""
    return lambda operation: sized(
        operation, lambda *size: openai.odd_size(*size) or is_odd(*size)
    )


def in_events(change: Any) -> Defect:
    return changed("events", lambda events, *_: change(events))


def renamed(events: Events, old: str, new: str) -> Events:
    return [
        (name.replace(old, new), data | {"type": data["type"].replace(old, new)})
        for name, data in events
    ]


def in_last(change: Any) -> Defect:
    return in_events(
        lambda events: [*events[:-1], (events[-1][0], change(events[-1][1]))]
    )


def numbered_from_one(events: Events) -> Events:
    return [
        (name, data | {"partial_image_index": data["partial_image_index"] + 1})
        if "partial_image_index" in data
        else (name, data)
        for name, data in events
    ]


def in_usage(**counts: int) -> Defect:
    return changed("usage", lambda usage, *_: usage | counts)


def wrapped_lines(item: Members) -> Members:
    if "b64_json" not in item:
        return item
    data = base64.b64decode(item["b64_json"])
    return item | {"b64_json": base64.encodebytes(data).decode()}


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


def anything_is_an_image(operation: Operation) -> None:
    for name in ("image_is_there", "mask_fits", "dall_e_2_edits_one_square_png"):
        del operation.rules[name]
    having("picture", lambda asked, index: openai.grey(f"{asked.members}{index}"))


def both_references(operation: Operation) -> None:
    right = operation.referred

    def referred(value: Any, param: str) -> bytes:
        if isinstance(value, dict) and "image_url" in value:
            value = {"image_url": value["image_url"]}
        return right(value, param)

    having("referred", referred)(operation)


def out_of_memory(asked: Asked, index: int) -> None:
    match = re.fullmatch("([0-9]+)x([0-9]+)", str(asked.get("size")))
    if match and int(match[1]) * int(match[2]) > 8_000_000:
        raise MemoryError


def crash() -> None:
    raise ValueError("planted")


null = {"null": True}
GENERATION: dict[str, Defect] = {
    # accepts what is invalid
    "n-of-eleven": taking("n", integer(1, 20, **null)),
    "quality-of-any-name": both(
        taking("quality", text(**null)), without_rule("quality_fits_model")
    ),
    "hd-for-gpt": without_rule("quality_fits_model"),
    "style-for-gpt": without_rule("style_is_of_dall_e_3"),
    "style-of-any-name": taking("style", text(**null)),
    "response-format-for-gpt": without_rule("response_format_is_of_dall_e"),
    "response-format-of-any-name": taking("response_format", text(**null)),
    "two-from-dall-e-3": without_rule("dall_e_3_draws_one"),
    "prompts-of-any-length": without_rule("prompt_is_short_enough"),
    "prompt-of-4000-for-dall-e-2": with_rule(
        "prompt_is_short_enough",
        lambda asked: refuse_if(
            len(str(asked.get("prompt")))
            > (4000 if openai.model_of(asked) in openai.DALL_E else 32000),
            "prompt",
        ),
    ),
    "ratio-of-four": odd_but("ratio"),
    "edges-of-any-multiple": odd_but("multiple"),
    "edges-of-any-length": odd_but("edge"),
    "pixels-too-few": odd_but("least"),
    "pixels-too-many": odd_but("most"),
    "gpt-size-for-dall-e": with_rule(
        "size_fits_model",
        lambda asked: (
            openai.size_fits_model(asked)
            if openai.is_gpt(openai.model_of(asked))
            or asked.get("size") not in openai.STANDARD
            else None
        ),
    ),
    "transparent-jpeg": without_rule("transparent_needs_alpha"),
    "compressed-png": without_rule("compression_needs_jpeg_or_webp"),
    "compression-of-101": taking("output_compression", integer(0, 101, **null)),
    "compression-below-zero": taking("output_compression", integer(-1, 100, **null)),
    "gpt-members-for-dall-e": without_rule("gpt_members_are_of_gpt"),
    "four-partials": taking("partial_images", integer(0, 4, **null)),
    "stream-as-text": taking("stream"),
    "moderation-of-any-name": taking("moderation", text(**null)),
    "background-of-any-name": taking("background", text(**null)),
    "format-of-any-name": taking("output_format", text(**null)),
    "user-as-null": taking("user", text(**null)),
    "user-as-number": taking("user"),
    # rejects what is valid
    "ten-refused": taking("n", integer(1, 9, **null)),
    "null-refused": taking("n", integer(1, 10)),
    "webp-refused": taking("output_format", one_of("png", "jpeg", **null)),
    "compression-of-zero-refused": taking(
        "output_compression", integer(1, 100, **null)
    ),
    "three-partials-refused": taking("partial_images", integer(0, 2, **null)),
    "auto-refused": refusing(lambda asked: asked.get("size") == "auto", "size"),
    "longest-prompt-refused": refusing(
        lambda asked: len(str(asked.get("prompt"))) == 32000, "prompt"
    ),
    "largest-refused": odd_also(lambda width, height: width * height == 8_294_400),
    "smallest-refused": odd_also(lambda width, height: width * height == 655_360),
    "ratio-of-three-refused": odd_also(
        lambda width, height: max(width, height) == 3 * min(width, height)
    ),
    "dated-model-refused": refusing(
        lambda asked: asked.get("model") == "gpt-image-2-2026-04-21", "model"
    ),
    "only-vivid": taking("style", one_of("vivid", **null)),
    "transparent-webp-refused": refusing(
        lambda asked: (
            asked.get("background") == "transparent"
            and asked.get("output_format") == "webp"
        ),
        "background",
    ),
    # wrong errors
    "error-without-code": in_error(without("code")),
    "error-without-param": in_error(without("param")),
    "param-is-always-prompt": in_error(lambda error: error | {"param": "prompt"}),
    "code-as-number": in_error(lambda error: error | {"code": 400}),
    "key-after-body": key_after_body,
    # wrong responses
    "format-ignored": ignoring("output_format"),
    "compression-ignored": ignoring("output_compression"),
    "background-ignored": ignoring("background"),
    "opaque-as-transparent": changed(
        "is_transparent", lambda is_, asked: is_ or asked.get("background") == "opaque"
    ),
    "total-counts-output-twice": changed(
        "usage",
        lambda usage, *_: (
            usage | {"total_tokens": usage["total_tokens"] + usage["output_tokens"]}
        ),
    ),
    "tokens-below-zero": in_usage(input_tokens=-1),
    "details-do-not-add-up": changed(
        "usage",
        lambda usage, *_: (
            usage | {"input_tokens_details": {"text_tokens": 0, "image_tokens": 0}}
        ),
    ),
    "usage-without-total": changed(
        "usage", lambda usage, *_: without("total_tokens")(usage)
    ),
    "tokens-as-text": changed(
        "usage",
        lambda usage, *_: usage | {"input_tokens": str(usage["input_tokens"])},
    ),
    "quality-said-low": changed("told", lambda told, _: told | {"quality": "low"}),
    "size-said-square": changed("told", lambda told, _: told | {"size": "1024x1024"}),
    "format-said-png": changed("told", lambda told, _: told | {"output_format": "png"}),
    "background-said-transparent": changed(
        "told", lambda told, _: told | {"background": "transparent"}
    ),
    "urls-for-gpt": having("by_url", lambda asked: True),
    "base64-for-all": having("by_url", lambda asked: False),
    "data-uri-as-base64": in_items(
        lambda item: {
            name: f"data:image/png;base64,{value}" if name == "b64_json" else value
            for name, value in item.items()
        }
    ),
    "base64-in-lines": in_items(wrapped_lines),
    "url-kept-nowhere": url_kept_nowhere,
    "url-of-a-page": url_of_a_page,
    "revised-prompt-as-null": in_items(lambda item: item | {"revised_prompt": None}),
    "created-forgotten": changed("body", lambda body, *_: without("created")(body)),
    "request-id-forgotten": having("is_identified", False),
    # wrong streams
    "stream-ignored": having("streams", lambda asked: False),
    "streams-unasked": having("streams", lambda asked: True),
    "completed-first": in_events(lambda events: [events[-1], *events[:-1]]),
    "never-completed": in_events(lambda events: events[:-1]),
    "completed-twice": in_events(lambda events: [*events, events[-1]]),
    "on-after-the-end": in_events(
        lambda events: [*events, *(each for each in events if "partial" in each[0])]
    ),
    "partials-from-one": in_events(numbered_from_one),
    "partial-too-many": changed("partials", lambda count, asked: count + 1),
    "partials-ignored": having("partials", lambda asked: 0),
    "events-named-message": in_events(
        lambda events: [("message", data) for _, data in events]
    ),
    "events-of-another-type": in_events(
        lambda events: renamed(events, "image_generation", "image")
    ),
    "completed-without-usage": in_last(without("usage")),
    "completed-without-picture": in_last(without("b64_json")),
    "completed-cut-short": in_last(
        lambda data: data | {"b64_json": data["b64_json"][: len(data["b64_json"]) // 2]}
    ),
    "events-in-milliseconds": in_events(
        lambda events: [
            (name, data | {"created_at": data["created_at"] * 1000})
            for name, data in events
        ]
    ),
    "stream-labelled-json": having("stream_type", "application/json"),
    "stream-broken-off": changed("frames", lambda frames, _: frames[:-200]),
    "frames-of-no-json": changed(
        "frames", lambda frames, _: frames.replace("data: {", "data: ")
    ),
    # crashes
    "crash-on-null": crashing(lambda asked: None in asked.members.values()),
    "crash-on-webp": crashing(
        lambda asked: asked.members.get("output_format") == "webp"
    ),
    "crash-on-large": before("picture", out_of_memory),
    "crash-while-streaming": before("events", lambda *_: crash()),
}

EDIT: dict[str, Defect] = {
    "n-of-eleven": taking("n", integer(1, 20, **null)),
    "fidelity-of-any-name": taking("input_fidelity", text(**null)),
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
    "json-refused": with_rule("of the liar", json_is_refused),
    "two-images-refused": refusing(lambda asked: len(asked.images) > 1, "image"),
    "jpeg-image-refused": with_rule(
        "of the liar",
        lambda asked: refuse_if(
            any(openai.opened(each, "").format == "JPEG" for each in asked.images),
            "image",
        ),
    ),
    "high-fidelity-refused": taking("input_fidelity", one_of("low", **null)),
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


DEFECTS: dict[str, Defect] = {
    **{f"createImage/{name}": lie for name, lie in COMMON.items()},
    **{f"createImage/{name}": lie for name, lie in GENERATION.items()},
    **{f"createImageEdit/{name}": lie for name, lie in EDIT.items()},
}
