"""The recipe of the documentation that waits for tasks in plain Python."""

from urllib.error import HTTPError

import pytest
from examples.recipes import poll_task
from support.http import KEY, opened

import mockserver

OFTEN = {"every": 0.01}


@pytest.fixture(scope="module")
def mock():
    names = ("kling", "aihubmix", "llmapi")
    with mockserver.running(*names, tasks="polls=2") as running:
        yield running


def test_a_video_of_kling(mock):
    video = poll_task.kling_video(mock.base_urls["kling"], KEY, "A boat", **OFTEN)

    assert video[4:8] == b"ftyp"


def test_a_picture_of_aihubmix(mock):
    url = f"{mock.url}/aihubmix"

    picture = poll_task.aihubmix_picture(url, KEY, "A boat", **OFTEN)

    assert opened(picture).format == "PNG"


def test_a_picture_of_llmapi(mock):
    url = mock.base_urls["llmapi"]

    picture = poll_task.llmapi_picture(url, KEY, "A boat", **OFTEN)

    assert opened(picture).format == "PNG"


def test_a_task_that_fails(mock):
    prompt = "A boat [[mock:task=failed]]"

    with pytest.raises(poll_task.TaskError) as caught:
        poll_task.kling_video(mock.base_urls["kling"], KEY, prompt, **OFTEN)

    (task,) = caught.value.args
    assert task["data"]["task_status"] == "failed"


def test_a_task_that_never_ends(mock):
    url, prompt = mock.base_urls["llmapi"], "A boat [[mock:task=stuck]]"

    with pytest.raises(TimeoutError):
        poll_task.llmapi_picture(url, KEY, prompt, every=0.05, within=0.3)


def test_a_read_is_repeated_and_a_creation_is_not(mock):
    base_url = mock.base_urls["llmapi"]
    tasks, asked = f"{base_url}/images/tasks", {"prompt": "A boat"}
    own = f"{tasks}/{poll_task.send(tasks, KEY, asked)['task_id']}"
    before = mock.count("llmapi")
    mock.script([{"error": "rate_limited", "retry_after": 0}], "llmapi")

    task = poll_task.wait_for(own, KEY, lambda it: it["status"], **OFTEN)

    assert task["status"] == "succeeded"
    statuses = [each["status"] for each in mock.journal("llmapi")[before:]]
    assert statuses == [429, 200, 200]
    with pytest.raises(HTTPError):
        poll_task.llmapi_picture(base_url, KEY, "A boat [[mock:rate_limited]]")
