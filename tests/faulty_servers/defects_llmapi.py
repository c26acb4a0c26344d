"""Faults of an llmapi.site server, besides the common ones."""

import json
from typing import Any

from faulty_servers.defects import (
    COMMON,
    Defect,
    changed,
    crashing,
    forget,
    having,
    ignoring,
    in_error,
    in_items,
    inverted,
    not_requiring,
    refusing,
    taking,
    with_rule,
    without,
    without_rule,
)
from faulty_servers.minimal import (
    Asked,
    Members,
    Operation,
    Refusal,
    from_data_uri,
    integer,
)


def file_ids_taken(operation: Operation) -> None:
    right = operation.referred

    def referred(value: Any, param: str) -> bytes:
        if isinstance(value, dict) and "file_id" in value:
            return from_data_uri("https://files.example/a", param)
        return right(value, param)

    having("referred", referred)(operation)


def usage_for_one_only(body: Members, asked: Asked, *_: Any) -> Members:
    is_one = asked.get("n", 1) == 1
    return body | ({"usage": {"total_tokens": 5}} if is_one else {})


def strings_taken(operation: Operation) -> None:
    """Accept images as strings; objects are documented."""
    right = operation.referred

    def referred(value: Any, param: str) -> bytes:
        return right({"image_url": value} if isinstance(value, str) else value, param)

    having("referred", referred)(operation)


def forms_refused(asked: Asked) -> None:
    if asked.is_form:
        raise Refusal("Only JSON is taken.")


GENERATION: dict[str, Defect] = {
    # accepts what is invalid
    "any-model": without_rule("model_draws"),
    "model-of-any-type": taking("model"),
    "n-below-zero": taking("n", integer(-5, null=True)),
    "stream-as-text": taking("stream"),
    "compression-as-text": taking("output_compression"),
    "quality-of-any-type": taking("quality"),
    # rejects what is valid
    "model-needed": lambda operation: operation.required.append("model"),
    "other-gpt-image-refused": refusing(
        lambda asked: asked.get("model", "gpt-image-2") != "gpt-image-2"
    ),
    "base64-refused": refusing(lambda asked: asked.get("response_format")),
    "stream-refused": refusing(lambda asked: asked.get("stream")),
    "compression-refused": refusing(
        lambda asked: asked.get("output_compression") is not None
    ),
    "style-refused": refusing(lambda asked: asked.get("style")),
    # wrong responses
    "urls-for-base64": in_items(
        lambda item: {"url": f"data:image/png;base64,{item.get('b64_json', '')}"}
    ),
    "created-forgotten": changed("body", lambda body, *_: without("created")(body)),
    "data-forgotten": changed("body", lambda body, *_: without("data")(body)),
    "base64-as-list": in_items(
        lambda item: {name: [value] for name, value in item.items()}
    ),
    "format-ignored": ignoring("output_format"),
    "compression-ignored": ignoring("output_compression"),
    "background-ignored": ignoring("background"),
    "stream-ignored": having("streams", lambda asked: False),
    "streams-unasked": having("streams", lambda asked: True),
    "completed-twice": changed("events", lambda events, *_: [*events, events[-1]]),
    "never-completed": changed("events", lambda events, *_: events[:-1]),
    "events-named-message": changed(
        "events", lambda events, *_: [("message", data) for _, data in events]
    ),
    "stream-without-picture": changed(
        "events",
        lambda events, *_: [(name, without("b64_json")(data)) for name, data in events],
    ),
    "usage-for-one-only": changed("body", usage_for_one_only),
    # wrong errors
    "error-without-type": in_error(without("type")),
    "unauthenticated-without-type": changed(
        "error", lambda body, *_: {"error": body["error"]}
    ),
    "unauthenticated-flat": changed(
        "error",
        lambda body, refusal, _: (
            {"code": "INVALID_API_KEY", "message": "Invalid API key"}
            if refusal.status == 401
            else body
        ),
    ),
    "model-not-found": changed(
        "status",
        lambda status, refusal: 404 if "image model" in refusal.message else status,
    ),
    "other-words-for-the-model": in_error(
        lambda error: (
            error | {"type": "not_found_error"}
            if "image model" in error["message"]
            else error
        )
    ),
}

EDIT: dict[str, Defect] = {
    "no-key-needed": having("authenticate", lambda header: header or "nobody"),
    "prompt-not-needed": not_requiring("prompt"),
    "any-model": without_rule("model_draws"),
    "no-image-needed": without_rule("image_is_there"),
    "file-ids-taken": file_ids_taken,
    "strings-as-images": strings_taken,
    "n-of-zero": taking("n", integer(0, null=True)),
    "prompt-of-any-type": taking("prompt"),
    "forms-refused": with_rule("planted", forms_refused),
    "json-refused": with_rule(
        "planted",
        lambda asked: forms_refused(Asked("", {}, is_form=not asked.is_form)),
    ),
    "second-image-refused": refusing(lambda asked: len(asked.images) > 1),
    "mask-ignored": forget("mask", lambda asked: None),
    "mask-inverted": changed("judge", lambda _, asked: inverted(asked)),
    "second-image-ignored": forget("images", lambda asked: asked.images[:1]),
    "n-ignored": ignoring("n"),
    "size-ignored": ignoring("size"),
    "created-in-milliseconds": changed("created", lambda created: created * 1000),
    "error-without-message": in_error(without("message")),
    "error-as-page": having("error_type", "text/html"),
    "crash-on-broken-json": having("from_json", json.loads),
    "crash-on-data-uri": crashing(
        lambda asked: bool(asked.images) and not asked.is_form
    ),
}

DEFECTS: dict[str, Defect] = {
    **{f"createImage/{name}": defect for name, defect in COMMON.items()},
    **{f"createImage/{name}": defect for name, defect in GENERATION.items()},
    **{f"createImageEdit/{name}": defect for name, defect in EDIT.items()},
}
