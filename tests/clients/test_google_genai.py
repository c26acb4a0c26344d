"""
google-genai: videos of Veo, with nothing changed but base URL and key.

Since version 3 it asks Vertex AI for them only; version 2 asks the Gemini API as well.
"""

import base64
import uuid

import pytest
from support.http import KEY
from support.video import gradient_picture

import mockserver

pytestmark = pytest.mark.clients

MODEL = "veo-3.1-generate-preview"


@pytest.fixture(scope="module")
def sdk(driven):
    return driven("google_genai_2.py")


@pytest.fixture(scope="module")
def veo():
    """
    The mock behind an address with TLS, as a proxy gives it.

    The library takes the id of a file out of URLs that begin with `https://` only; it
    downloads the file from its base URL.
    """
    with mockserver.running(
        "veo", tasks="polls=2", public_url="https://mock.example"
    ) as running:
        yield running


@pytest.fixture
def order(veo):
    def make(says="", call="generate", **more):
        return {
            "call": call,
            "base_url": f"{veo.url}/veo",
            "api_key": KEY,
            "model": MODEL,
            "prompt": f"A paper boat {uuid.uuid4().hex} {says}".strip(),
            **more,
        }

    return make


@pytest.fixture(scope="module")
def frames():
    first = gradient_picture((320, 180))
    last = gradient_picture((320, 180), inverted=True)
    return [base64.b64encode(each).decode() for each in (first, last)]


def test_a_video_is_polled_for_and_downloaded(sdk, veo, order, probed):
    answer = sdk.one(order(config={"duration_seconds": 4, "aspect_ratio": "9:16"}))

    assert "error" not in answer, answer["error"]
    (name,) = answer["names"]
    assert name.startswith(f"models/{MODEL}/operations/")
    assert (answer["polls"], answer["failure"]) == (2, None)
    (video,) = [probed(each) for each in answer["videos"]]
    assert (video.size, video.seconds) == ((720, 1280), pytest.approx(4, abs=0.1))
    last = veo.journal("veo")[-1]
    assert (last["operation"], last["status"]) == ("getVideoContent", 200)
    assert "google-genai-sdk/" in last["client"]


def test_frames_are_sent(sdk, veo, order, frames, probed):
    first, last = frames
    asked = order(image=first, last_frame=last, config={"duration_seconds": 8})

    answer = sdk.one(asked)

    assert "error" not in answer, answer["error"]
    assert probed(answer["videos"][0]).size == (1280, 720)
    created = [
        each for each in veo.journal("veo") if each["operation"] == "createVideo"
    ]
    (instance,) = created[-1]["payload"]["instances"]
    assert instance["prompt"] == asked["prompt"]
    assert {"image", "lastFrame"} <= set(instance)


def test_a_failure_is_the_error_of_the_operation(sdk, order):
    answer = sdk.one(order("[[mock:task=failed;error=unavailable]]"))

    assert "error" not in answer, answer["error"]
    assert answer["failure"] == {"code": 14, "message": "The service is overloaded."}
    assert answer["videos"] == []


@pytest.mark.parametrize(
    ("says", "config", "kind", "status"),
    [
        ("", {"aspect_ratio": "4:3"}, "ClientError", (400, "INVALID_ARGUMENT")),
        ("", {"duration_seconds": 5}, "ClientError", (400, "INVALID_ARGUMENT")),
        ("[[mock:permission_denied]]", {}, "ClientError", (403, "PERMISSION_DENIED")),
        ("[[mock:server_error]]", {}, "ServerError", (500, "INTERNAL")),
    ],
)
def test_errors_are_the_clients_own(says, config, kind, status, sdk, order):
    error = sdk.one(order(says, config=config))["error"]

    assert error["class"] == kind
    assert error["code"] == status[0]
    assert status[1] in error["message"]


def test_a_bad_key_is_refused(sdk, order):
    error = sdk.one(order(api_key="sk-mock-unauthenticated"))["error"]

    assert (error["class"], error["code"]) == ("ClientError", 400)
    assert "API key not valid" in error["message"]


def test_an_unknown_operation_is_not_found(sdk, order):
    name = f"models/{MODEL}/operations/unknown"

    error = sdk.one(order(call="look_up", name=name))["error"]

    assert (error["class"], error["code"]) == ("ClientError", 404)
    assert "NOT_FOUND" in error["message"]


def test_an_address_without_tls_is_not_understood(sdk, task_mock, order):
    """The library then takes the whole address for the name of a file."""
    error = sdk.one(order(base_url=f"{task_mock.url}/veo"))["error"]

    assert (error["class"], error["code"]) == ("ClientError", 404)
    assert "unknown endpoint" in error["message"]


@pytest.mark.parametrize(
    ("script", "version"), [("google_genai_2.py", "2."), ("google_genai.py", "3.")]
)
def test_vertex_ai_returns_the_bytes(
    script, version, driven, veo, order, frames, probed
):
    sdk = driven(script)
    asked = order(vertex=True, model="veo-3.1-generate-001", image=frames[0])
    asked["config"] = {"duration_seconds": 4, "generate_audio": True}

    answer = sdk.one(asked)

    assert "error" not in answer, answer["error"]
    assert (answer["polls"], answer["uris"]) == (2, [None])
    video = probed(answer["videos"][0])
    assert (video.size, video.has_sound) == ((1280, 720), True)
    assert f"google-genai-sdk/{version}" in veo.journal("veo")[-1]["client"]
