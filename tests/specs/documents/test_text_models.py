"""Models that write: requests for images are judged, those for text are not."""

import pytest

import specs
from specs import JSON, State

TOOL = {"type": "image_generation"}
MESSAGE = {"role": "user", "content": "A red cube"}


def response(**fields):
    return "openai", "createResponse", {"model": "m", "input": "A red cube", **fields}


def chat(**fields):
    payload = {"model": "m", "messages": [MESSAGE], **fields}
    return "openrouter", "createChatCompletion", payload


def prediction(**fields):
    return "aihubmix", "createPrediction", {"input": {"prompt": "A red cube", **fields}}


IMAGE = ["image", "text"]
PARTS = [{"type": "text", "text": "A red cube"}]
REQUESTS = [
    (response(tools=[TOOL]), State.VALID),
    (response(tools=[TOOL], tool_choice=TOOL, stream=True), State.VALID),
    (response(tools=[{**TOOL, "size": "1536x1024", "quality": "low"}]), State.VALID),
    (response(tools=[{**TOOL, "quality": "best"}]), State.INVALID),
    (response(tools=[{**TOOL, "partial_images": 4}]), State.INVALID),
    (
        response(
            tools=[{**TOOL, "background": "transparent", "output_format": "jpeg"}]
        ),
        State.INVALID,
    ),
    (response(), State.UNSPECIFIED),
    (response(temperature=9, tools=[TOOL]), State.UNSPECIFIED),
    (response(tools=[{"type": "function", "name": "f"}]), State.UNSPECIFIED),
    (response(tools=[TOOL, {"type": "web_search"}]), State.UNSPECIFIED),
    (chat(modalities=IMAGE), State.VALID),
    (
        chat(modalities=IMAGE, messages=[{"role": "user", "content": PARTS}]),
        State.VALID,
    ),
    (chat(modalities=IMAGE, image_config={"aspect_ratio": "16:9"}), State.VALID),
    (chat(modalities=["picture"]), State.INVALID),
    (chat(modalities=IMAGE, messages=[]), State.INVALID),
    (chat(), State.UNSPECIFIED),
    (chat(modalities=["text"]), State.UNSPECIFIED),
    (chat(modalities=IMAGE, tools=[{"type": "function"}]), State.UNSPECIFIED),
    (chat(modalities=IMAGE, image_config={"quality": "high"}), State.UNSPECIFIED),
    (prediction(), State.VALID),
    (prediction(numberOfImages=9), State.UNSPECIFIED),
    (("aihubmix", "createPrediction", {"prompt": "A red cube"}), State.INVALID),
]


@pytest.mark.parametrize(("request_", "state"), REQUESTS)
def test_only_requests_for_images_are_judged(request_, state):
    provider, operation, payload = request_
    body = specs.load(provider).operations[operation].bodies[JSON]

    assert body.judge.state(payload) is state


def test_the_parts_of_a_request_are_found_where_each_operation_has_them():
    def canonical(request):
        provider, operation, payload = request
        return specs.load(provider).canonical_request(operation, JSON, payload)

    asked = canonical(response(tools=[{**TOOL, "size": "1536x1024"}]))
    assert (asked["prompt"], asked["size"]) == ("A red cube", "1536x1024")
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    message = {"role": "user", "content": [*PARTS, image]}
    asked = canonical(chat(messages=[message], image_config={"aspect_ratio": "1:1"}))
    assert (asked["prompt"], asked["image"]) == (
        "A red cube",
        "https://example.com/a.png",
    )
    assert asked["aspect_ratio"] == "1:1"
    assert canonical(prediction(numberOfImages=2))["n"] == 2


def test_the_operation_is_younger_than_the_document():
    assert "createResponse" not in specs.load("openai@2026-08-21").operations
