"""Images as parts of contents: beside texts, in a stream, or refused."""

import base64
import json

import pytest
from support.http import ask, opened, picture

import specs
from specs import JSON, State

PROVIDER = specs.load("gemini")
WHOLE, STREAM = "generateContent", "streamGenerateContent"


def answer(mock, call=WHOLE, *, name="gemini", model="gemini-3-pro-image", **more):
    operation = specs.load(name).operations[call]
    path = specs.load(name).full_path(operation).replace("{model}", model)
    query = "?alt=sse" if call == STREAM else ""
    parts = [{"text": more.pop("says", "A red cube")}, *more.pop("parts", ())]
    config = {"imageConfig": more.pop("config", {})}
    body = {"contents": [{"parts": parts}], "generationConfig": config}
    headers = {"x_goog_api_key": "any", **more}
    return ask(f"{mock.url}/{name}{path}{query}", body=body, key=None, **headers)


def images(body, call=WHOLE):
    found = PROVIDER.operations[call].layout.images(body)
    return [opened(base64.b64decode(each["b64_json"])) for each in found]


def events(given):
    blocks = filter(None, given.body.decode().split("\n\n"))
    return [json.loads(each.removeprefix("data: ")) for each in blocks]


@pytest.mark.parametrize(
    ("model", "config", "size", "tokens"),
    [
        ("gemini-3-pro-image", {}, (1024, 1024), 1120),
        ("gemini-3-pro-image", {"aspectRatio": "21:9"}, (1584, 672), 1120),
        ("gemini-2.5-flash-image", {"aspectRatio": "21:9"}, (1536, 672), 1290),
        ("gemini-3.1-flash-image", {"aspectRatio": "1:4"}, (512, 2048), None),
    ],
)
def test_sizes_and_tokens_are_those_of_the_table(mock, model, config, size, tokens):
    body = answer(mock, model=model, config=config).json

    (image,) = images(body)
    usage = body["usageMetadata"]
    assert (image.format, image.size) == ("PNG", size)
    assert tokens in (None, usage["candidatesTokenCount"])
    assert usage["promptTokensDetails"][0] == {"modality": "TEXT", "tokenCount": 3}
    assert "thoughtsTokenCount" not in usage
    assert body["modelVersion"] == model


def test_the_largest_size_of_the_table_is_drawn(mock):
    config = {"aspectRatio": "4:5", "imageSize": "4K"}

    (image,) = images(answer(mock, config=config).json)

    assert image.size == (3712, 4608)


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
def test_an_image_in_the_request_is_used(mock, alphabet):
    data = alphabet(picture(96, 64, colour="red")).decode()
    inline = {"inlineData": {"mimeType": "image/png", "data": data}}

    body = answer(mock, parts=[inline]).json

    counts = {
        e["modality"]: e["tokenCount"]
        for e in body["usageMetadata"]["promptTokensDetails"]
    }
    assert counts["IMAGE"] == 1024
    assert mock.journal("gemini")[-1]["decision"]["state"] == "valid"


def test_a_stream_has_no_names_and_no_end_marker(mock):
    stream = PROVIDER.operations[STREAM].success.bodies["text/event-stream"]

    given = answer(mock, STREAM)

    found = events(given)
    assert b"event:" not in given.body
    layout = PROVIDER.operations[STREAM].layout
    assert [layout.event_name(each) for each in found] == ["text", "image", "finish"]
    for event in found:
        verdict = stream.events[layout.event_name(event)].judge.judge(event)
        assert verdict.state is State.VALID, verdict.violations
    assert len(layout.images_of_event(found[1])) == 1


@pytest.mark.parametrize("call", [WHOLE, STREAM])
@pytest.mark.parametrize("name", ["prompt_blocked", "filtered", "model_refused"])
def test_a_refusal_is_asked_for_by_its_name(mock, call, name):
    given = answer(mock, call, says=f"A red cube [[mock:{name}]]")

    (body,) = events(given) if call == STREAM else [given.json]
    layout = PROVIDER.operations[call].layout
    assert given.status == 200
    assert layout.is_refusal(body)
    assert images(body) == []
    assert mock.journal("gemini")[-1]["decision"]["error"] == name
    whole = PROVIDER.operations[WHOLE].success.bodies[JSON]
    assert whole.judge.judge(body).state is State.VALID


def test_an_error_inside_a_stream_has_no_type(mock):
    found = events(answer(mock, STREAM, X_Mock_Fault="stream-error"))

    assert set(found[-1]) == {"error"}
    assert found[-1]["error"]["status"] == "INTERNAL"


@pytest.mark.parametrize("name", ["tikhub", "llmapi"])
def test_a_gateway_has_its_own_key_for_contents(mock, name):
    url = f"{mock.url}/{name}/v1beta/models/gemini-2.5-flash-image:{WHOLE}"
    body = {"contents": [{"parts": [{"text": "A red cube"}]}]}

    assert len(images(answer(mock, name=name).json)) == 1
    statuses = [
        ask(url, body=body, key=key, **more).status
        for key, more in ((None, {}), ("any", {}), (None, {"x_goog_api_key": "any"}))
    ]
    # The pages of one take the key of the other endpoints as well.
    assert statuses == [401, 200 if name == "llmapi" else 401, 200]
