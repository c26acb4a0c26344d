"""
Replicas as `deploy/` starts them, behind one front.

What clients see when one is killed, when Redis dies and comes back, and when a replica
is replaced.
"""

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from support.deployment import compose, container_of, objects
from support.http import Answer, ask, begun, eventually, generation, opened
from support.processes import address, answer_on, serving
from support.redis_servers import redis_server
from support.round_robin import round_robin

import specs

pytestmark = [pytest.mark.redis, pytest.mark.slow]

TIKHUB = specs.load("tikhub")
TOKEN, SECRET = "t0ken", "of-all-replicas"
REQUESTS_PER_MINUTE = 12
ITEMS = [f"item {number}" for number in range(18)]


def mock_options(redis_url):
    """Words and variables of a replica; the address of Redis is that of the test."""
    container = container_of(objects("mock/mock.yaml")["Deployment"])
    values = {
        "IMAGEPARITY_STATE": redis_url,
        "IMAGEPARITY_TOKEN": TOKEN,
        "IMAGEPARITY_SECRET": SECRET,
    }
    variables = {
        each["name"]: values.get(each["name"], each.get("value"))
        for each in container["env"]
    }
    limits = ["--requests-per-minute", str(REQUESTS_PER_MINUTE)]
    clock = ["--freeze-time", "2026-05-04T12:00:00Z"]  # nothing is refilled
    return [TIKHUB.id, *container["args"][1:], *limits, *clock], variables


def redis_options():
    return container_of(objects("redis/redis.yaml")["StatefulSet"])["args"]


class Client:
    """A client of the front, or of one replica."""

    def __init__(self, url):
        self.url = url

    def generate(self, **more) -> Answer:
        body = generation(TIKHUB, response_format="url")
        return ask(f"{self.url}/tikhub/v1/images/generations", body=body, **more)

    def several(self, count, **more):
        with ThreadPoolExecutor(6) as threads:
            sent = [threads.submit(self.generate, **more) for _ in range(count)]
            return [each.result() for each in sent]

    def control(self, path, method="GET", body=None):
        return ask(
            f"{self.url}/__mock__{path}",
            method=method,
            body=body,
            key=None,
            X_Mock_Token=TOKEN,
        )


def messages(answers):
    return [each.json["error"]["message"] for each in answers if each.status == 418]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The responses that clients have seen, in the order of the tests below."""
    folder, seen = tmp_path_factory.mktemp("redis"), SimpleNamespace()
    with ExitStack() as stack:
        redis_url, redis_process = stack.enter_context(
            redis_server(folder, *redis_options())
        )
        options, variables = mock_options(redis_url)
        replicas = [
            stack.enter_context(serving(*options, **variables)) for _ in range(2)
        ]
        (killed, first), (process, second) = replicas
        one, other = address(first), address(second)
        front = stack.enter_context(round_robin(one, other))
        client, left = Client(front.url), Client(second["url"])

        script = [{"status": 418, "message": each} for each in ITEMS]
        client.control("/script/tikhub?namespace=scripted", "POST", script)
        seen.scripted = client.several(6, key="sk-ns-scripted")
        seen.limited = client.several(REQUESTS_PER_MINUTE // 2, key="sk-limited")
        seen.made = [client.generate(key="sk-images").json for _ in range(2)]
        seen.shares = dict(front.connections)
        killed.kill()
        killed.wait()
        seen.scripted += client.several(6, key="sk-ns-scripted")
        seen.limited += client.several(REQUESTS_PER_MINUTE, key="sk-limited")
        seen.front = front.url
        seen.files = [
            ask(made["data"][0]["url"], method="GET", key=None) for made in seen.made
        ]

        redis_process.kill()
        redis_process.wait()
        seen.away = [left.control(path) for path in ("/ready", "/health")]
        command = compose()["services"]["mock"]["healthcheck"]["test"][2:]
        seen.check = subprocess.run(
            [sys.executable, "-m", "mockserver", *command, left.url],
            check=False,
            capture_output=True,
            text=True,
        )
        port = int(redis_url.rpartition(":")[2].partition("/")[0])
        stack.enter_context(redis_server(folder, *redis_options(), port=port))
        eventually(lambda: left.control("/ready").status == 200)
        seen.scripted += client.several(6, key="sk-ns-scripted")
        seen.limited += client.several(2, key="sk-limited")

        _, third = stack.enter_context(serving(*options, **variables))
        body = generation(TIKHUB)
        url = f"{second['url']}/tikhub/v1/images/generations"
        slow = stack.enter_context(begun(url, body=body, X_Mock_Latency="1500"))
        front.servers = [address(third)]  # as Kubernetes does before SIGTERM
        process.terminate()
        seen.after = [each.status for each in client.several(6)]
        seen.slow, *_ = answer_on(slow)
        seen.status = process.wait()
    return seen


def test_each_replica_takes_its_share(seen):
    assert len(seen.shares) == 2
    assert max(seen.shares.values()) - min(seen.shares.values()) <= 1


def test_each_item_of_a_script_is_answered_once(seen):
    """Whoever answers: before and after a replica was killed, and Redis as well."""
    assert Counter(messages(seen.scripted)) == Counter(ITEMS)


def test_a_quota_is_counted_once_for_all(seen):
    statuses = [each.status for each in seen.limited]

    assert statuses.count(200) == REQUESTS_PER_MINUTE
    assert set(statuses) == {200, 429}
    assert statuses[-2:] == [429, 429]  # Redis has kept it


def test_the_images_of_a_replica_that_was_killed_are_at_the_others(seen):
    urls = [made["data"][0]["url"] for made in seen.made]

    assert all(url.startswith(f"{seen.front}/") for url in urls)
    assert [each.status for each in seen.files] == [200, 200]
    assert all(opened(each.body).size for each in seen.files)


def test_a_replica_without_redis_is_healthy_and_not_ready(seen):
    ready, health = seen.away

    assert (ready.status, health.status) == (503, 200)
    assert "Redis does not respond" in ready.json["error"]["message"]
    assert (seen.check.returncode, seen.check.stdout) == (1, "")
    assert "is not ready: Redis does not respond" in seen.check.stderr


def test_no_request_is_lost_when_a_replica_is_replaced(seen):
    assert seen.after == [200] * 6
    assert (seen.slow, seen.status) == (200, 0)
