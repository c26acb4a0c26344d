"""Volcengine's own library for Ark, with nothing changed but base URL and key."""

import base64
import re
import uuid

import pytest
from support.http import KEY, opened
from support.video import gradient_picture

pytestmark = pytest.mark.clients

MODEL = "doubao-seedance-1-5-pro-251215"


@pytest.fixture(scope="module")
def sdk(driven):
    return driven("ark_runtime.py")


@pytest.fixture
def order(task_mock):
    def make(call, says="", **more):
        return {
            "call": call,
            "base_url": task_mock.base_urls["ark"],
            "api_key": KEY,
            "model": MODEL,
            "prompt": f"A paper boat {uuid.uuid4().hex} {says}".strip(),
            **more,
        }

    return make


def test_a_video_is_polled_for_and_downloaded(sdk, order, probed):
    options = {"duration": 4, "ratio": "9:16", "resolution": "480p"}
    options |= {"generate_audio": True, "return_last_frame": True, "seed": 7}

    answer = sdk.one(order("generate", options=options))

    assert "error" not in answer, answer["error"]
    assert answer["states"] == ["running", "succeeded"]
    task = answer["task"]
    assert re.fullmatch(r"cgt-\d{14}-[a-z0-9]{5}", task["id"])
    echoed = {name: task[name] for name in ("model", "duration", "ratio", "resolution")}
    assert echoed == {
        "model": MODEL,
        "duration": 4,
        "ratio": "9:16",
        "resolution": "480p",
    }
    usage = task["usage"]
    assert usage["total_tokens"] == usage["completion_tokens"] > 0
    video = probed(answer["video"])
    assert (video.size, video.has_sound) == ((496, 864), True)
    assert video.seconds == pytest.approx(4, abs=0.1)
    frame = opened(base64.b64decode(answer["last_frame"]))
    assert (frame.format, frame.size) == ("PNG", video.size)


def test_first_and_last_frame_are_sent(sdk, order, task_mock):
    first = gradient_picture((320, 320))
    last = gradient_picture((320, 320), inverted=True)
    pictures = [base64.b64encode(each).decode() for each in (first, last)]
    asked = order("generate", options={"duration": 4, "generate_audio": False})
    asked |= {"first_frame": pictures[0], "last_frame": pictures[1]}

    answer = sdk.one(asked)

    assert "error" not in answer, answer["error"]
    (entry,) = [
        each
        for each in task_mock.journal("ark")
        if asked["prompt"] in str(each.get("payload"))
    ]
    roles = [each.get("role") for each in entry["payload"]["content"]]
    assert roles == [None, "first_frame", "last_frame"]


def test_a_task_that_fails_is_a_task(sdk, order):
    answer = sdk.one(order("generate", "[[mock:task=failed]]"))

    assert "error" not in answer, answer["error"]
    assert answer["states"][-1] == "failed"
    assert answer["task"]["error"]["code"] == "OutputVideoSensitiveContentDetected"
    assert answer["video"] is None


def test_tasks_are_listed(sdk, order):
    key = f"sk-{uuid.uuid4().hex}"
    made = [sdk.one(order("create", api_key=key))["task"] for _ in range(3)]

    every = sdk.one(order("list", api_key=key))
    one = sdk.one(order("list", api_key=key, query={"task_ids": made[:2]}))
    page = sdk.one(order("list", api_key=key, query={"page_num": 2, "page_size": 2}))

    assert (every["total"], set(every["ids"])) == (3, set(made))
    assert set(one["ids"]) == set(made[:2])
    assert (page["total"], len(page["ids"])) == (3, 1)
    done = sdk.one(order("list", api_key=key, query={"status": "succeeded"}))
    assert (done["total"], done["ids"]) == (0, [])


def test_a_task_in_the_queue_is_cancelled_and_a_finished_one_deleted(sdk, order):
    waiting = sdk.one(order("create"))["task"]
    finished = sdk.one(order("generate", options={"duration": 4}))["task"]["id"]

    assert "error" not in sdk.one(order("delete", task=waiting))
    assert "error" not in sdk.one(order("delete", task=finished))

    assert sdk.one(order("get", task=waiting))["task"]["status"] == "cancelled"
    gone = sdk.one(order("get", task=finished))["error"]
    assert (gone["class"], gone["status_code"]) == ("ArkNotFoundError", 404)


def test_a_running_task_cannot_be_deleted(sdk, order):
    running = sdk.one(order("create"))["task"]
    assert sdk.one(order("get", task=running))["task"]["status"] == "running"

    error = sdk.one(order("delete", task=running))["error"]

    assert (error["class"], error["status_code"]) == ("ArkConflictError", 409)
    assert error["code"] == "InvalidAction.RunningTaskDeletion"


@pytest.mark.parametrize(
    ("changes", "kind", "status", "code"),
    [
        ({"options": {"duration": 3}}, "ArkBadRequestError", 400, "InvalidParameter"),
        (
            {"model": "no-such"},
            "ArkNotFoundError",
            404,
            "InvalidEndpointOrModel.NotFound",
        ),
        ({"says": "[[mock:rate_limited]]"}, "ArkRateLimitError", 429, None),
        ({"says": "[[mock:server_error]]"}, "ArkInternalServerError", 500, None),
        (
            {"api_key": "sk-mock-unauthenticated"},
            "ArkAuthenticationError",
            401,
            "AuthenticationError",
        ),
    ],
)
def test_errors_are_the_librarys_own(changes, kind, status, code, sdk, order):
    error = sdk.one(order("create", **changes))["error"]

    assert (error["class"], error["status_code"]) == (kind, status)
    assert code is None or error["code"] == code
