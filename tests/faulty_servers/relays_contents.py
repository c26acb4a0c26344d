"""Faults of relays that give images as parts of contents, by provider and name."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faulty_servers.relay_faults import RelayFault, without_field
from support.relays import Change, Message, on_events, on_refusal, on_success

JSON, STREAM = "generateContent", "streamGenerateContent"
PLAIN = ("Content/request/plain", "Content/request/examples/")
REFUSED = ("/required/missing", "/malformed/cut-short")


def in_candidates(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Change the candidates of a response."""
    return on_success(
        lambda body, _: {**body, "candidates": [*map(change, body["candidates"])]}
    )


def in_parts(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    """Change the parts of each candidate."""

    def changed(candidate: dict[str, Any]) -> dict[str, Any]:
        content = candidate["content"]
        return {**candidate, "content": {**content, "parts": change(content["parts"])}}

    return in_candidates(changed)


def renamed(parts: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The parts with another name of the field with an image."""
    return [{name if k == "inlineData" else k: v for k, v in p.items()} for p in parts]


def as_data_uri(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def uri(image: dict[str, Any]) -> dict[str, Any]:
        return {**image, "data": f"data:{image['mimeType']};base64,{image['data']}"}

    return [
        {"inlineData": uri(each["inlineData"])} if "inlineData" in each else each
        for each in parts
    ]


def total_of_images(body: dict[str, Any], _: Message) -> dict[str, Any]:
    usage = body["usageMetadata"]
    return {
        **body,
        "usageMetadata": {**usage, "totalTokenCount": usage["candidatesTokenCount"]},
    }


def in_other_envelope(response: Message) -> Message:
    message = response.json["error"]["message"]
    return response.with_json({"error": {"message": message, "type": "bad_request"}})


def with_contents(request: Message) -> Message:
    """Ask for something where a request asks for nothing."""
    if request.body != b"{}":
        return request
    return request.with_json({"contents": [{"parts": [{"text": "A cube"}]}]})


def known_config(request: Message) -> Message:
    """Leave out a size that the upstream does not know."""
    config = request.asked.get("generationConfig")
    image = config.get("imageConfig") if isinstance(config, dict) else None
    if not isinstance(image, dict) or image.get("imageSize", "1K") in {"1K", "2K"}:
        return request
    return request.with_json({**request.asked, "generationConfig": {}})


def as_one_list(response: Message) -> Message:
    """The events as the items of a JSON array."""
    if not response.is_stream:
        return response
    events = [
        json.loads(each.removeprefix("data: "))
        for each in response.body.decode().split("\n\n")
        if each
    ]
    headers = {**response.headers, "Content-Type": "application/json"}
    return replace(response.with_json(events), headers=headers)


def halved(events: list[str]) -> list[str]:
    """Send half of the base64 of an image."""
    return [
        f'{each[: len(each) // 2 | 1]}!"}}}}]}}}}]}}' if "inlineData" in each else each
        for each in events
    ]


def finished_always(events: list[str]) -> list[str]:
    return [
        each.replace('"index":0', '"index":0,"finishReason":"STOP"')
        if "finishReason" not in each
        else each
        for each in events
    ]


FAULTS = {
    "gemini": {
        f"{JSON}/config-ignored": RelayFault(
            request=without_field("generationConfig"), only=PLAIN
        ),
        f"{JSON}/no-parts": RelayFault(in_parts(lambda _: []), only=PLAIN),
        f"{JSON}/in-snake-case": RelayFault(
            in_parts(lambda parts: renamed(parts, "inline_data")), only=PLAIN
        ),
        f"{JSON}/as-data-uri": RelayFault(in_parts(as_data_uri), only=PLAIN),
        f"{JSON}/total-without-prompt": RelayFault(
            on_success(total_of_images), only=PLAIN
        ),
        f"{JSON}/filtered-and-sent": RelayFault(
            in_candidates(lambda each: {**each, "finishReason": "IMAGE_SAFETY"}),
            only=PLAIN,
        ),
        f"{JSON}/no-candidates": RelayFault(
            on_success(lambda body, _: {"modelVersion": body["modelVersion"]}),
            only=PLAIN,
        ),
        f"{JSON}/error-of-another-envelope": RelayFault(
            on_refusal(in_other_envelope), only=(*PLAIN, *REFUSED)
        ),
        f"{JSON}/contents-not-needed": RelayFault(
            request=with_contents, only=(*PLAIN, *REFUSED)
        ),
        f"{JSON}/any-size": RelayFault(
            request=known_config, only=(*PLAIN, "imageSize/enum")
        ),
        f"{STREAM}/one-list": RelayFault(as_one_list, only=PLAIN),
        f"{STREAM}/half-an-image": RelayFault(on_events(halved), only=PLAIN),
        f"{STREAM}/done-at-the-end": RelayFault(
            on_events(lambda events: [*events, "data: [DONE]"]), only=PLAIN
        ),
        f"{STREAM}/finished-always": RelayFault(on_events(finished_always), only=PLAIN),
        f"{STREAM}/no-json": RelayFault(
            on_events(lambda events: [f"{each}]" for each in events]), only=PLAIN
        ),
    }
}
