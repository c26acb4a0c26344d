"""Pictures of models that write: the image tool of Responses, and chat with images."""

import base64
import uuid

import openai
import pytest
from support.http import KEY, opened

import mockserver

pytestmark = pytest.mark.clients

TOOL = {"type": "image_generation", "size": "1536x1024", "output_format": "jpeg"}
CHAT_MODEL = "google/gemini-2.5-flash-image"


@pytest.fixture(scope="module")
def running():
    with mockserver.running("openai", "openrouter") as running:
        yield running


@pytest.fixture
def client(running):
    url = running.base_urls["openai"]
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        yield client


def ask(says="", **more):
    return {
        "model": "gpt-6-astra",
        "input": f"A paper boat {uuid.uuid4().hex} {says}".strip(),
        "tools": [{**TOOL, **more}],
        "tool_choice": {"type": "image_generation"},
    }


def look(data):
    image = opened(base64.b64decode(data))
    return image.format, image.size


def test_openai_python_reads_the_picture_of_a_response(client):
    response = client.responses.create(**ask())

    (call,) = [e for e in response.output if e.type == "image_generation_call"]
    assert look(call.result) == ("JPEG", (1536, 1024))
    assert (response.status, call.status, call.size) == (
        *("completed", "completed"),
        "1536x1024",
    )
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


def test_openai_python_reads_the_events_of_a_response(client):
    with client.responses.stream(**ask(partial_images=2)) as stream:
        events = list(stream)
        response = stream.get_final_response()

    assert [each.sequence_number for each in events] == list(range(len(events)))
    previews = [e for e in events if e.type.endswith("call.partial_image")]
    assert [each.partial_image_index for each in previews] == [0, 1]
    assert {look(each.partial_image_b64) for each in previews} == {
        ("JPEG", (1536, 1024))
    }
    types = [each.type.removeprefix("response.") for each in events]
    assert types[0] == "created"
    assert types[-3:] == [
        "image_generation_call.completed",
        "output_item.done",
        "completed",
    ]
    (call,) = [e for e in response.output if e.type == "image_generation_call"]
    assert look(call.result) == ("JPEG", (1536, 1024))


@pytest.mark.parametrize(
    ("says", "more", "error"),
    [
        ("", {"quality": "best"}, openai.BadRequestError),
        ("[[mock:rate_limited]]", {}, openai.RateLimitError),
    ],
)
def test_openai_python_raises_its_errors(client, says, more, error):
    with pytest.raises(error):
        client.responses.create(**ask(says, **more))


@pytest.fixture(scope="session")
def sdk(driven):
    return driven("ai_sdk_text.mjs")


@pytest.fixture
def chat(running):
    def make(says="", **more):
        return {
            "call": "draw",
            "package": "openrouter",
            "base_url": running.base_urls["openrouter"],
            "api_key": KEY,
            "model": CHAT_MODEL,
            "prompt": f"A paper boat {uuid.uuid4().hex} {says}".strip(),
            "body": {"modalities": ["image", "text"]},
            **more,
        }

    return make


@pytest.mark.parametrize("stream", [False, True], ids=["at-once", "stream"])
def test_the_ai_sdk_reads_the_picture_of_a_chat(sdk, chat, decoded, stream):
    body = {"modalities": ["image", "text"], "image_config": {"aspect_ratio": "16:9"}}

    answer = sdk.one(chat(stream=stream, body=body))

    ((format_, (width, height)),) = decoded(answer)
    assert format_ == "PNG"
    assert width / height == pytest.approx(16 / 9, rel=0.05)
    assert answer["text"] == "Here is the image."


def test_the_ai_sdk_sends_a_picture_with_a_chat(sdk, chat, decoded, uploads, running):
    asked = chat(images=uploads["images"][:1])

    assert len(decoded(sdk.one(asked))) == 1
    (entry,) = [
        each
        for each in running.journal("openrouter")
        if asked["prompt"] in str(each.get("payload"))
    ]
    kinds = [each["type"] for each in entry["payload"]["messages"][0]["content"]]
    assert kinds == ["text", "image_url"]
    assert entry["status"] == 200


def test_the_ai_sdk_tells_the_error_of_a_chat(sdk, chat):
    error = sdk.one(chat("[[mock:rate_limited]]"))["error"]

    assert error["status_code"] == 429
    assert "Rate limit exceeded" in error["message"]


def test_the_ai_sdk_reads_the_picture_of_a_response(sdk, chat, decoded, running):
    answer = sdk.one(
        chat(
            package="openai",
            base_url=running.base_urls["openai"],
            model="gpt-6-astra",
            tool={"size": "1536x1024", "outputFormat": "jpeg"},
        )
    )

    assert decoded(answer) == [("JPEG", (1536, 1024))]
