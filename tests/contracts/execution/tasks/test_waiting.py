"""Reads wait as the document and the server say; limits are no findings."""

import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from faulty_servers.tasks.cases import END, conversation, loaded
from faulty_servers.tasks.catalogue import report_on
from faulty_servers.tasks.changes import one_failing_read
from faulty_servers.tasks.independent import base_url, process_serving
from faulty_servers.tasks.relay import Reply, task_relay

import mockserver
from contracts.execution.tasks.waiting import DEFAULT_INTERVAL, Waiting, waiting_of
from contracts.judging.interaction import Interaction
from contracts.report.model import CONNECTION_FAILED, RATE_LIMITED
from mockserver.embedded.starter import serve_in_thread

SHORT = Waiting(interval=0.05, timeout=1.0)


def response(**headers: str) -> Interaction:
    case = conversation("kling", END)
    return Interaction(case, 200, {"retry-after": "", **headers}, b"{}", 0.0)


@pytest.mark.parametrize(
    ("interval", "header", "seconds"),
    [
        (None, "", "documented"),
        (None, "60", 60.0),
        (0.2, "", 0.2),
        (0.2, "7", 7.0),
        (9.0, "7", 9.0),
    ],
)
def test_the_longest_of_interval_and_retry_after_is_waited(
    interval: float | None, header: str, seconds: float | str
):
    kind = loaded("openai").tasks["video"]
    wanted = kind.poll_interval.value if seconds == "documented" else seconds
    waiting = waiting_of(interval, 1.0) or Waiting()

    assert waiting.seconds(kind, response(**{"retry-after": header})) == wanted


def test_an_interval_that_no_page_states_is_the_usual_one():
    kind = replace(loaded("openai").tasks["video"], poll_interval=None)

    assert Waiting().seconds(kind, response()) == DEFAULT_INTERVAL


def test_a_rate_limit_in_mid_conversation_is_no_finding():
    def limited(reply: Reply) -> Reply:
        if reply.role != "read" or reply.count < 2:
            return reply
        limit = reply.with_json({"error": {"message": "Slow down"}}, status=429)
        return replace(limit, headers={**limit.headers, "Retry-After": "0"})

    with mockserver.running("kling", tasks="polls=3") as mock:
        app = task_relay(mock.url, loaded("kling"), limited)
        with serve_in_thread(app) as (url, _):
            cases = [conversation("kling", END)]
            report = report_on("kling", f"{url}/kling", cases, SHORT)

    (row,) = report.outcomes
    assert (row.not_tested, report.findings) == (RATE_LIMITED, ())
    assert row.open_task


@pytest.mark.slow
def test_a_server_that_ends_in_mid_conversation_is_no_finding():
    with (
        process_serving("--seconds", "60") as (process, url),
        ThreadPoolExecutor(1) as pool,
    ):
        own = base_url(url, "kling", "none")
        cases = [conversation("kling", END)]
        running = pool.submit(report_on, "kling", own, cases, SHORT)
        while not tasks_of(own):
            time.sleep(0.02)
        process.kill()
        report = running.result(timeout=60)

    (row,) = report.outcomes
    assert (row.not_tested, report.findings) == (CONNECTION_FAILED, ())
    assert row.open_task


def tasks_of(url: str) -> list[object]:
    request = urllib.request.Request(
        f"{url}/v1/videos/text2video", headers={"Authorization": "Bearer a-secret-key"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return list(json.load(response)["data"])


def test_a_read_that_fails_once_is_a_warning():
    with mockserver.running("kling", tasks="polls=3") as mock:
        app = task_relay(mock.url, loaded("kling"), one_failing_read)
        with serve_in_thread(app) as (url, _):
            cases = [conversation("kling", END)]
            report = report_on("kling", f"{url}/kling", cases, SHORT)

    assert report.broken == ()
    assert [each.flaky for each in report.findings] == [True]
    assert "502" in report.findings[0].message
