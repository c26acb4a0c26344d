"""Faults of an OpenAI server, besides the common ones."""

import base64
import re
from typing import Any

from faulty_servers import openai
from faulty_servers.defects import (
    COMMON,
    Defect,
    before,
    both,
    changed,
    crashing,
    having,
    ignoring,
    in_error,
    in_events,
    in_items,
    in_usage,
    key_after_body,
    numbered_from_one,
    refuse_if,
    refusing,
    renamed,
    taking,
    url_kept_nowhere,
    url_of_a_page,
    with_rule,
    without,
    without_rule,
)
from faulty_servers.defects_openai_edits import EDIT
from faulty_servers.minimal import (
    Asked,
    Members,
    Operation,
    Refusal,
    integer,
    one_of,
    text,
)
from faulty_servers.response_faults import RESPONSE_FAULTS


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


def in_last(change: Any) -> Defect:
    return in_events(
        lambda events: [*events[:-1], (events[-1][0], change(events[-1][1]))]
    )


def wrapped_lines(item: Members) -> Members:
    if "b64_json" not in item:
        return item
    data = base64.b64decode(item["b64_json"])
    return item | {"b64_json": base64.encodebytes(data).decode()}


def too_many_for_two(asked: Asked) -> None:
    """Answer requests for two images with 429, without Retry-After."""
    if asked.get("n") == 2:
        raise Refusal("Try again later.", status=429, code="rate_limit_exceeded")


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
    "busy-without-retry-after": with_rule("planted", too_many_for_two),
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


DEFECTS: dict[str, Defect] = {
    **{f"createImage/{name}": defect for name, defect in COMMON.items()},
    **{f"createImage/{name}": defect for name, defect in GENERATION.items()},
    **{f"createImage/{name}": defect for name, defect in RESPONSE_FAULTS.items()},
    **{f"createImageEdit/{name}": defect for name, defect in EDIT.items()},
}
