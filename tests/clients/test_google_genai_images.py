"""google-genai: images of Gemini, with nothing changed but base URL and key."""

import uuid

import pytest
from support.http import KEY

pytestmark = pytest.mark.clients

MODEL = "gemini-3-pro-image"


@pytest.fixture(scope="module")
def sdk(driven):
    return driven("google_genai.py")


@pytest.fixture
def order(mock):
    def make(says="", **more):
        return {
            "call": "content",
            "base_url": f"{mock.url}/gemini",
            "api_key": KEY,
            "model": MODEL,
            "prompt": f"A paper boat {uuid.uuid4().hex} {says}".strip(),
            **more,
        }

    return make


def image_config(**values):
    return {"response_modalities": ["TEXT", "IMAGE"], "image_config": values}


def test_an_image_of_the_size_in_the_table_comes_with_a_text(sdk, mock, order, decoded):
    config = image_config(aspect_ratio="16:9", image_size="2K")

    answer = sdk.one(order(config=config))

    assert decoded(answer) == [("PNG", (2752, 1536))]
    assert answer["types"] == ["image/png"]
    assert (answer["finish"], len(answer["texts"])) == (["STOP"], 1)
    assert answer["tokens"] > 1120
    last = mock.journal("gemini")[-1]
    assert (last["operation"], last["status"]) == ("generateContent", 200)
    assert last["decision"]["state"] == "valid"
    assert "google-genai-sdk/3." in last["client"]


def test_a_stream_has_the_image_in_one_part(sdk, order, decoded):
    answer = sdk.one(order(stream=True, model="gemini-2.5-flash-image"))

    assert decoded(answer) == [("PNG", (1024, 1024))]
    assert (answer["chunks"], answer["finish"]) == (3, ["STOP"])
    assert answer["tokens"] > 1290


def test_an_image_is_edited(sdk, mock, order, uploads, decoded):
    asked = order(image=uploads["images"][0])

    answer = sdk.one(asked)

    assert len(decoded(answer)) == 1
    assert answer["tokens"] > 1120 + 1024, "the image of the request is not counted"
    text, image = mock.journal("gemini")[-1]["payload"]["contents"][0]["parts"]
    assert text == {"text": asked["prompt"]}
    assert set(image["inlineData"]) == {"data", "mime_type"}


@pytest.mark.parametrize("stream", [False, True])
def test_refusals_are_no_errors_of_the_client(sdk, order, stream):
    blocked = sdk.one(order("[[mock:prompt_blocked]]", stream=stream))
    filtered = sdk.one(order("[[mock:filtered]]", stream=stream))
    refused = sdk.one(order("[[mock:model_refused]]", stream=stream))

    assert (blocked["blocked"], blocked["images"]) == ("PROHIBITED_CONTENT", [])
    assert (filtered["finish"], filtered["images"]) == (["IMAGE_SAFETY"], [])
    assert (refused["finish"], len(refused["texts"])) == (["STOP"], 1)


@pytest.mark.parametrize(
    ("says", "more", "kind", "code"),
    [
        ("", {"config": image_config(image_size="3K")}, "ClientError", 400),
        ("", {"api_key": "sk-mock-unauthenticated"}, "ClientError", 400),
        ("[[mock:model_not_found]]", {"stream": True}, "ClientError", 404),
        ("[[mock:overloaded]]", {}, "ServerError", 503),
    ],
)
def test_errors_are_the_clients_own(sdk, order, says, more, kind, code):
    error = sdk.one(order(says, **more))["error"]

    assert (error["class"], error["code"]) == (kind, code)
