"""Faults of relays of Responses, of chat with images, and of predictions."""

import json
from collections.abc import Callable
from typing import Any

from faulty_servers.relay_faults import RelayFault
from support.relays import Change, Message, on_events, on_refusal, on_success

RESPONSES, CHAT = "createResponse", "createChatCompletion"
PREDICTIONS = "createPrediction"
PLAIN = tuple(f"{each}/request/plain" for each in (RESPONSES, CHAT, PREDICTIONS))
STREAMS = tuple(f"{each}/request/streams/stream" for each in (RESPONSES, CHAT))
JsonObject = dict[str, Any]


def on_body(name: str, change: Callable[[JsonObject], JsonObject]) -> Change:
    """Change the success responses that have a field."""
    return on_success(lambda body, _: change(body) if name in body else body)


def in_call(change: Callable[[JsonObject], JsonObject]) -> Change:
    """Change the calls of the image tool in a response."""

    def changed(item: JsonObject) -> JsonObject:
        is_call = item["type"] == "image_generation_call"
        return change(item) if is_call else item

    return on_body(
        "output", lambda body: {**body, "output": [*map(changed, body["output"])]}
    )


def in_message(change: Callable[[JsonObject], JsonObject]) -> Change:
    """Change the message of a chat completion."""

    def changed(choice: JsonObject) -> JsonObject:
        return {**choice, "message": change(choice["message"])}

    return on_body(
        "choices", lambda body: {**body, "choices": [*map(changed, body["choices"])]}
    )


def without_tool_fields(request: Message) -> Message:
    """The image tool with its type alone."""
    tools = request.asked.get("tools")
    if not isinstance(tools, list):
        return request
    plain = [{"type": e.get("type")} if isinstance(e, dict) else e for e in tools]
    return request.with_json({**request.asked, "tools": plain})


def without_quality(request: Message) -> Message:
    """The image tool without a quality, so that a wrong one is not seen."""
    tools = request.asked.get("tools")
    if not isinstance(tools, list) or not all(isinstance(e, dict) for e in tools):
        return request
    kept = [{k: v for k, v in e.items() if k != "quality"} for e in tools]
    return request.with_json({**request.asked, "tools": kept})


def in_content(message: JsonObject) -> JsonObject:
    """Images as parts of the content, as some gateways give them."""
    return {**message, "content": message["images"], "images": []}


def with_bare_base64(message: JsonObject) -> JsonObject:
    urls = [each["image_url"]["url"].partition(",")[2] for each in message["images"]]
    return {**message, "images": [{"image_url": {"url": each}} for each in urls]}


def without_config(request: Message) -> Message:
    rest = {k: v for k, v in request.asked.items() if k != "image_config"}
    return request.with_json(rest) if request.asked else request


def without_image_in_item(events: list[str]) -> list[str]:
    """The last event has the image, the one of the item has not."""
    return [
        json_event(
            each, lambda data: {**data, "item": {**data["item"], "result": None}}
        )
        if '"response.output_item.done"' in each and '"result"' in each
        else each
        for each in events
    ]


def json_event(event: str, change: Callable[[JsonObject], JsonObject]) -> str:
    head, data = event.split("data: ", 1)
    return f"{head}data: {json.dumps(change(json.loads(data)))}"


def as_data_uri(body: JsonObject) -> JsonObject:
    images = [
        {"bytesBase64": f"data:image/png;base64,{each['bytesBase64']}"}
        for each in body["output"]["b64_json"]
    ]
    return {**body, "output": {"b64_json": images}}


def in_other_envelope(response: Message) -> Message:
    return response.with_json({"detail": "bad request"})


FAULTS = {
    "openai": {
        f"{RESPONSES}/tool-ignored": RelayFault(
            request=without_tool_fields, only=(f"{RESPONSES}/request/tools/entry-size",)
        ),
        f"{RESPONSES}/any-quality": RelayFault(
            request=without_quality, only=("quality/enum",)
        ),
        f"{RESPONSES}/no-call": RelayFault(
            on_success(lambda body, _: {**body, "output": []}), only=PLAIN
        ),
        f"{RESPONSES}/image-in-url": RelayFault(
            in_call(
                lambda e: {**e, "result": None, "url": "https://example.com/a.png"}
            ),
            only=PLAIN,
        ),
        f"{RESPONSES}/call-without-status": RelayFault(
            in_call(lambda e: {k: v for k, v in e.items() if k != "status"}), only=PLAIN
        ),
        f"{RESPONSES}/error-of-another-envelope": RelayFault(
            on_refusal(in_other_envelope),
            only=(f"{RESPONSES}/request/malformed/cut-short",),
        ),
        f"{RESPONSES}/no-end": RelayFault(
            on_events(lambda events: events[:-1]), only=STREAMS
        ),
        f"{RESPONSES}/image-at-the-end-only": RelayFault(
            on_events(without_image_in_item), only=STREAMS
        ),
        f"{RESPONSES}/no-sequence": RelayFault(
            on_events(
                lambda events: [
                    json_event(
                        e,
                        lambda d: {
                            k: v for k, v in d.items() if k != "sequence_number"
                        },
                    )
                    for e in events
                ]
            ),
            only=STREAMS,
        ),
    },
    "openrouter": {
        f"{CHAT}/images-in-content": RelayFault(in_message(in_content), only=PLAIN),
        f"{CHAT}/bare-base64": RelayFault(in_message(with_bare_base64), only=PLAIN),
        f"{CHAT}/ratio-ignored": RelayFault(
            request=without_config, only=(f"{CHAT}/request/examples/aspect_ratio",)
        ),
        f"{CHAT}/no-stream": RelayFault(
            request=lambda m: (
                m.with_json({**m.asked, "stream": False}) if m.asked else m
            ),
            only=STREAMS,
        ),
        f"{CHAT}/chunks-of-another-object": RelayFault(
            on_events(lambda events: [e.replace(".chunk", "") for e in events]),
            only=STREAMS,
        ),
    },
    "aihubmix": {
        f"{PREDICTIONS}/data-uri": RelayFault(
            on_body("output", as_data_uri), only=PLAIN
        ),
    },
}
