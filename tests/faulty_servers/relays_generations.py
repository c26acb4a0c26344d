"""Faults of generations, by provider and name."""

import base64
from dataclasses import replace
from functools import partial
from typing import Any

from faulty_servers.relay_faults import (
    RelayFault,
    first_response_only,
    in_items,
    in_usage,
    recoded,
    without_field,
)
from support.relays import Change, Message, on_pictures, on_refusal, on_success

CASES = (
    "createImage/request/plain",
    "createImage/request/other-prompt",
    "createImage/request/n/",
    "createImage/request/size/",
    "createImage/request/format/",
    "createImage/request/output_",
    "createImage/request/background/value",
    "createImage/request/quality/value",
    "createImage/auth",
)
generation = partial(RelayFault, only=CASES)


def with_status(status: int, *, of: int | None = None) -> Change:
    """Change the status of error responses; with `of`, of those with this status."""
    return on_refusal(
        lambda response: (
            replace(response, status=status)
            if of in (None, response.status)
            else response
        )
    )


def status_for(name: str, value: object, status: int) -> Change:
    """Change the status of responses to requests with this value of a field."""
    return lambda response: (
        replace(response, status=status)
        if response.asked.get(name) == value
        else response
    )


def in_error(**fields: object) -> Change:
    """Set fields of the error object of error responses."""
    return on_refusal(
        lambda response: response.with_json(
            {"error": {**response.json["error"], **fields}}
        )
    )


def labelled_text(response: Message) -> Message:
    if not response.is_success:
        return response
    return replace(response, headers={"Content-Type": "text/plain"})


def with_not_a_number(response: Message) -> Message:
    if not response.is_success:
        return response
    return replace(response, body=response.body[:-1] + b',"x":NaN}')


def as_page(response: Message) -> Message:
    headers = {"Content-Type": "text/html"}
    return replace(response, body=b"<html>Bad</html>", headers=headers)


def with_trace(response: Message) -> Message:
    error = {"message": 'Traceback (most recent call last):\n  File "x.py", line 1'}
    return response.with_json({"error": {**error, "type": "invalid_request_error"}})


def one_for_eleven(request: Message) -> Message:
    """Ask for one image where eleven are requested."""
    if request.asked.get("n") != 11:
        return request
    return request.with_json({**request.asked, "n": 1})


def first_frame(data: bytes) -> bytes:
    return recoded(data) if data.startswith(b"GIF8") else data


def with_outer_image(data: bytes) -> bytes:
    image = b'<image href="https://cdn.example/x.png"/></svg>'
    return data.replace(b"</svg>", image)


def with_a_living_model(request: Message) -> Message:
    """Ask a model that still draws where one that was shut down is requested."""
    if not str(request.asked.get("model")).startswith("gpt-image-1"):
        return request
    return request.with_json({**request.asked, "model": "gpt-image-2"})


def with_any_key(request: Message) -> Message:
    return replace(request, headers={**request.headers, "Authorization": "Bearer any"})


def _square(item: dict[str, Any]) -> dict[str, Any]:
    image = recoded(base64.b64decode(item["b64_json"]), size=(512, 512))
    return {**item, "b64_json": base64.b64encode(image).decode()}


OPENAI = {
    "always-png": generation(on_pictures(lambda data: recoded(data, format="PNG"))),
    "opaque-although-transparent": generation(
        on_pictures(lambda data: recoded(data, mode="RGB"))
    ),
    "url-where-base64-is-promised": generation(
        in_items(
            lambda item: (
                {"url": f"data:image/png;base64,{item['b64_json']}"}
                if "b64_json" in item
                else item
            )
        )
    ),
    "both-url-and-base64": generation(
        in_items(lambda item: {**item, "url": "https://cdn.example/x.png"})
    ),
    "wrong-member-blamed": generation(in_error(param="user")),
    "trace-shown": generation(on_refusal(with_trace)),
    "usage-does-not-add-up": generation(in_usage(total_tokens=1)),
    "negative-usage": generation(in_usage(input_tokens=-1)),
    "quality-misreported": generation(
        on_success(
            lambda body, _: {**body, "quality": "low"} if "quality" in body else body
        )
    ),
    "compression-ignored": generation(request=without_field("output_compression")),
    "first-frame-only": generation(on_pictures(first_frame)),
    "svg-with-outer-image": generation(on_pictures(with_outer_image)),
    "models-that-are-gone": RelayFault(
        request=with_a_living_model, only=("createImage/request/model-shut-down",)
    ),
}
TOKENHUB = {
    "n-ignored": generation(
        on_success(lambda body, _: {**body, "data": body["data"][:1]})
    ),
    "one-picture-too-many": generation(
        on_success(lambda body, _: {**body, "data": [*body["data"], body["data"][0]]})
    ),
    "wrong-size": generation(on_pictures(lambda data: recoded(data, size=(512, 512)))),
    "cut-picture": generation(on_pictures(lambda data: data[: len(data) // 2])),
    "bad-base64": generation(in_items(lambda item: {"url": f"{item['url']}!"})),
    "created-in-milliseconds": generation(
        on_success(lambda body, _: {**body, "created": body["created"] * 1000})
    ),
    "created-as-text": generation(
        on_success(lambda body, _: {**body, "created": str(body["created"])})
    ),
    "no-data": generation(on_success(lambda body, _: {"created": body["created"]})),
    "labelled-text": generation(labelled_text),
    "not-a-number": generation(with_not_a_number),
    "error-as-200": generation(with_status(200)),
    "no-key-needed": generation(request=with_any_key, only=("createImage/auth",)),
    "crash-on-bad-input": generation(with_status(500)),
    "crash-on-webp": generation(status_for("format", "webp", 500)),
    "ten-refused": generation(status_for("n", 10, 400)),
    "eleven-accepted": generation(request=one_for_eleven),
    "one-picture-for-all": generation(first_response_only()),
}
AIHUBMIX = {
    "two-key-error": generation(
        on_refusal(lambda answer: answer.with_json({"code": "bad", "message": "no"}))
    ),
    "error-as-page": generation(on_refusal(as_page)),
    "wrong-status": generation(with_status(418, of=400)),
    "error-code-misnamed": generation(in_error(code="bad_request")),
}
OPENROUTER = {
    "more-than-at-most": generation(
        on_success(lambda body, _: {**body, "data": body["data"] * 2})
    ),
}
XAI = {
    "ratio-ignored": RelayFault(
        in_items(lambda item: _square(item) if item.get("b64_json") else item),
        only=("createImage/request/pairs/",),
    ),
}
FAULTS: dict[str, dict[str, RelayFault]] = {
    provider: {f"createImage/{name}": fault for name, fault in faults.items()}
    for provider, faults in (
        ("openai", OPENAI),
        ("tokenhub", TOKENHUB),
        ("aihubmix", AIHUBMIX),
        ("openrouter", OPENROUTER),
        ("xai", XAI),
    )
}
