"""Responses that are filled-in examples, and the words that say where images are."""

import base64
import json

import pytest
from support.http import ask, opened
from support.providers import ALL_IMAGE_PROVIDERS, IMAGE_PROVIDERS

import specs
from contracts.planning.paths import sample_path
from contracts.planning.request_model import request_models
from specs import JSON, State

GENERATION = "createImage"
OTHERS = sorted(
    name
    for name in set(ALL_IMAGE_PROVIDERS) - set(IMAGE_PROVIDERS)
    if GENERATION in specs.load(name).operations
)


def url(mock, name, path=None):
    """The URL of generations, with the parameters that they need."""
    operation = specs.load(name).operations[GENERATION]
    return f"{mock.base_urls[name]}{path or sample_path(operation)}"


def minimal(name, **more):
    model = request_models(specs.load(name))[GENERATION, JSON]
    return {**model.minimal_request, **more}


def answer(mock, name, **more):
    return ask(url(mock, name), body=minimal(name, **more))


def events(text):
    """The events of a stream: the name of each, and its data."""
    for block in filter(None, text.decode().split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        data = fields["data"]
        yield fields.get("event"), data if data == "[DONE]" else json.loads(data)


@pytest.mark.parametrize("name", OTHERS)
def test_each_mock_answers_its_documented_request(mock, name):
    operation = specs.load(name).operations[GENERATION]

    got = answer(mock, name)

    assert got.status == 200
    verdict = operation.success.bodies[JSON].judge.judge(got.json)
    assert verdict.state is State.VALID, verdict.violations
    (image,) = operation.layout.images(got.json)
    text = image.get("b64_json") or image["url"]
    if text.startswith("http"):
        picture = ask(text, method="GET", key=None, User_Agent="test").body
    else:
        picture = base64.b64decode(text.rpartition(",")[2], validate=True)
    assert opened(picture).width >= 256


def test_images_are_where_the_example_has_them(mock):
    assert set(answer(mock, "siliconflow", batch_size=2).json) == {
        *("images", "timings", "seed")
    }
    (item,) = answer(mock, "stepfun", response_format="b64_json").json["data"]
    assert set(item) == {"seed", "finish_reason", "image"}
    (item,) = answer(mock, "together", response_format="base64").json["data"]
    assert (set(item), item["type"]) == ({"index", "b64_json", "type"}, "b64_json")
    (item,) = answer(mock, "xai").json["data"]
    assert item["b64_json"] is None
    assert item["url"].startswith("http")
    body = answer(mock, "huawei").json
    assert body["error"] is None
    assert body["data"][0]["b64_json"].startswith("data:image/jpeg;base64,")
    assert body["created"] > 1e12


@pytest.mark.parametrize(
    ("name", "more", "size"),
    [
        ("xai", {"aspect_ratio": "16:9", "resolution": "2k"}, (2728, 1536)),
        ("together", {"width": 512, "height": 768}, (512, 768)),
        ("xinference", {"size": "256*512"}, (256, 512)),
        ("localai", {"size": "large"}, (512, 512)),
        ("ark", {"size": "1K"}, (1024, 1024)),
    ],
)
def test_a_size_is_asked_for_in_each_way(mock, name, more, size):
    more = {**more, "response_format": "base64" if name == "together" else "b64_json"}

    (item,) = answer(mock, name, **more).json["data"]

    assert opened(base64.b64decode(item["b64_json"])).size == size


def test_an_image_that_fails_is_told_as_the_document_does(mock):
    group = {
        "size": "1K",
        "sequential_image_generation": "auto",
        "sequential_image_generation_options": {"max_images": 3},
    }
    target, fault = url(mock, "ark"), {"X_Mock_Fault": "failed-image"}
    got = ask(target, body=minimal("ark", **group), **fault).json
    assert ["error" in each for each in got["data"]] == [False, False, True]
    assert got["usage"]["generated_images"] == 2

    stream = ask(target, body=minimal("ark", **group, stream=True), **fault).body
    assert [(name or "").rpartition(".")[2] for name, _ in events(stream)] == [
        *("partial_succeeded", "partial_succeeded", "partial_failed", "completed", "")
    ]

    (item,) = ask(url(mock, "stepfun"), body=minimal("stepfun"), **fault).json["data"]
    assert item["finish_reason"] == "content_filtered"
    unchanged = ask(url(mock, "huawei"), body=minimal("huawei"), **fault)
    assert len(unchanged.json["data"]) == 1


def test_a_stream_has_the_events_and_the_end_of_its_document(mock):
    found = list(events(answer(mock, "openrouter", stream=True).body))

    assert [name for name, _ in found] == [None, None]
    assert found[0][1]["media_type"] == "image/png"
    assert found[1][1] == "[DONE]"


def test_storage_refuses_what_its_page_says(mock):
    (item,) = answer(mock, "ark").json["data"]
    assert ask(item["url"], method="HEAD", key=None).status == 403
    assert ask(item["url"], method="GET", key=None).status == 200
    (item,) = answer(mock, "together").json["data"]
    assert ask(item["url"], method="GET", key=None).status == 403
    assert ask(item["url"], method="GET", key=None, User_Agent="x").status == 200


def test_a_deployment_is_in_the_path_and_the_version_in_the_query(mock):
    path, _, query = sample_path(specs.load("azure").operations[GENERATION]).partition(
        "?"
    )
    body = {"prompt": "A red cube"}

    dall_e = ask(
        url(mock, "azure", f"{path.replace('gpt-image-1', 'dall-e-3')}?{query}"),
        body=body,
        key=None,
        api_key="any",
    )

    assert "url" in dall_e.json["data"][0]
    assert ask(url(mock, "azure", path), body=body).status == 400


def test_errors_have_the_statuses_and_bodies_of_their_pages(mock):
    missing = ask(url(mock, "xinference"), body={"prompt": "A red cube"})
    assert missing.status == 500
    assert missing.headers.get_content_type() == "text/plain"
    assert missing.body.startswith(b"Internal Server Error: model")

    no_prompt = ask(url(mock, "vllm-omni"), body={"n": 1})
    assert (no_prompt.status, no_prompt.json["detail"][0]["loc"]) == (
        422,
        ["body", "prompt"],
    )
    keys = [
        ask(url(mock, "huawei"), body=minimal("huawei"), key=key).status
        for key in (None, "mock-wrong_key")
    ]
    assert keys == [400, 401]
