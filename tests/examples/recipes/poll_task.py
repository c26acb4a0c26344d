import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

# The last states of a task; each provider has words of its own.
SUCCEEDED = {"succeed", "succeeded", "completed"}
FAILED = {"failed", "cancelled", "canceled", "expired", "timeout"}


class TaskError(Exception):
    """A task has ended without a result. The argument is its JSON."""


def send(url: str, key: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers), timeout=60) as response:
        return json.load(response)


def wait_for(
    url: str,
    key: str,
    state: Callable[[Any], str],
    every: float = 5,
    within: float = 900,
) -> Any:
    """Read a task, each time after `every` seconds, until it has succeeded."""
    deadline = time.monotonic() + within
    while True:
        pause = every
        try:
            task = send(url, key)
        except HTTPError as error:
            # A read may be repeated: it costs nothing. A creation may not.
            if error.code != 429 and error.code < 500:
                raise
            pause = float(error.headers.get("Retry-After") or every)
        else:
            if state(task) in SUCCEEDED:
                return task
            if state(task) in FAILED:
                raise TaskError(task)
        if time.monotonic() + pause > deadline:
            raise TimeoutError(f"{url} has not ended after {within} seconds")
        time.sleep(pause)


def download(url: str, base_url: str, key: str) -> bytes:
    """The file of a result. Only the provider gets the key, not its file server."""
    is_own = urlsplit(url).netloc == urlsplit(base_url).netloc
    headers = {"Authorization": f"Bearer {key}"} if is_own else {}
    with urlopen(Request(url, headers=headers), timeout=300) as response:
        return response.read()


def kling_video(base_url: str, key: str, prompt: str, **how: float) -> bytes:
    tasks = f"{base_url}/v1/videos/text2video"
    made = send(tasks, key, {"model_name": "kling-v2-6", "prompt": prompt})
    own = f"{tasks}/{made['data']['task_id']}"
    task = wait_for(own, key, lambda it: it["data"]["task_status"], **how)
    (video,) = task["data"]["task_result"]["videos"]
    return download(video["url"], base_url, key)


def aihubmix_picture(base_url: str, key: str, prompt: str, **how: float) -> bytes:
    asked = {"model": "gpt-image-2", "prompt": prompt, "async": True}
    made = send(f"{base_url}/ai/v1/images/generations", key, asked)
    own = f"{base_url}/ai/v1/images/{made['id']}"
    task = wait_for(own, key, lambda it: it["status"], **how)
    return download(task["output"][0]["content_url"], base_url, key)


def llmapi_picture(base_url: str, key: str, prompt: str, **how: float) -> bytes:
    asked = {"model": "gpt-image-2", "prompt": prompt, "response_format": "url"}
    made = send(f"{base_url}/images/tasks", key, asked)
    own = f"{base_url}/images/tasks/{made['task_id']}"
    task = wait_for(own, key, lambda it: it["status"], **how)
    return download(task["result"]["data"][0]["url"], base_url, key)
