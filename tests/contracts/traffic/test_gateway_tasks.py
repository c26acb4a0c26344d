"""Gateways that turn a response into a task, or a task into a response."""

import json
from importlib.resources import files

import pytest
import yaml
from aiohttp import web
from jsonschema import Draft202012Validator
from support.commands import run_command
from support.processes import free_port
from support.sandwiches import Gateway, failures, one, rows_of
from support.translating_gateways import at_once, later, passing

from contracts.judging.outcome import FeatureVerdict
from contracts.traffic.gateway.rows import GatewayRow
from mockserver.embedded.starter import serve_in_thread

FEATURES = (
    *("model", "prompt", "size", "n", "output_format", "quality", "response_format"),
    *("rate_limited", "server_error", "invalid_request", "html", "empty", "stream"),
    *("a task that fails", "a task that is cancelled", "cancellation"),
)


def to_tasks(fault: str = "") -> tuple[Gateway, str, str, str]:
    def gateway(url: str) -> web.Application:
        return at_once(url.removesuffix("/v1"), fault)

    return gateway, "openai", "aihubmix", "createImage"


def from_tasks(fault: str = "") -> tuple[Gateway, str, str, str]:
    return lambda url: later(url, fault), "llmapi", "openai", "createImageTask"


@pytest.fixture(scope="module", params=[to_tasks, from_tasks], ids=["to", "from"])
def right(request) -> list[GatewayRow]:
    return rows_of(*request.param(), *FEATURES)


def test_a_right_gateway_between_a_response_and_a_task_has_no_failure(right):
    assert failures(right) == {}
    honoured = {e.feature for e in right if e.verdict is FeatureVerdict.HONOURED}
    assert {"model", "prompt", "size", "output_format", "key", "images"} <= honoured
    assert {"rate_limited", "server_error"} <= honoured
    assert one(right, "images").arrived.startswith("1 result")


def test_a_field_that_one_end_has_not_cannot_fail(right):
    for name in ("quality", "response_format", "stream"):
        for row in (each for each in right if each.feature == name):
            is_open = row.verdict is FeatureVerdict.UNTESTED or not row.promised
            assert is_open or row.verdict is FeatureVerdict.HONOURED, row


def test_the_end_of_a_task_has_a_status_at_the_caller():
    features = ("model", "n", "a task that fails", "a task that is cancelled")
    rows = rows_of(*to_tasks(), *features)

    failed = one(rows, "a task that fails")
    assert failed.group == "tasks"
    assert failed.sent.startswith("a task that ended as failed")
    assert failed.arrived.startswith("502")
    assert failed.note == ""
    assert one(rows, "a task that is cancelled").arrived.startswith("502")
    assert one(rows, "images, n=2").arrived == "2 results"


def test_an_error_of_the_upstream_ends_a_task_of_the_caller():
    rows = rows_of(*from_tasks(), "model", "n", "rate_limited", "html")

    row = one(rows, "rate_limited")
    assert row.sent.startswith("429")
    assert row.arrived.startswith("a task that ended as failed")
    assert one(rows, "html").verdict is FeatureVerdict.REFUSED


FOUND = [
    (to_tasks, "size", "size", {"size": "ignored"}),
    (to_tasks, "count", "n", {"n": "ignored"}),
    (
        to_tasks,
        "failure",
        "a task that fails",
        {"a task that fails": "altered"},
    ),
    (
        to_tasks,
        "html",
        "a task that fails",
        {"a task that fails": "refused-badly"},
    ),
    (from_tasks, "size", "size", {"size": "ignored"}),
    (from_tasks, "failure", "server_error", {"server_error": "altered"}),
]


@pytest.mark.parametrize(("pair", "fault", "feature", "found"), FOUND)
def test_what_a_translation_loses_is_found(pair, fault, feature, found):
    rows = rows_of(*pair(fault), "model", feature)

    assert failures(rows) == found


@pytest.mark.parametrize(("fault", "verdict"), [("", "honoured"), ("lost", "ignored")])
def test_a_cancellation_must_reach_the_task_of_the_upstream(fault, verdict):
    def gateway(url: str) -> web.Application:
        return passing(url, fault)

    rows = rows_of(gateway, "ark", "ark", "createVideo", "cancellation")

    assert [str(each.verdict) for each in rows] == [verdict], rows


def test_the_command_asks_for_the_errors_of_the_task_that_is_created(tmp_path):
    """The gateway may call several operations: its first request shows which one."""
    port, report = free_port(), tmp_path / "report.json"
    upstream = f"http://127.0.0.1:{port}/aihubmix"
    with serve_in_thread(at_once(upstream, "failure")) as (own, _):
        words = [
            *("sandwich", f"{own}/v1", "--dialect", "openai"),
            *("--upstream-dialect", "aihubmix", "--listen-port", str(port)),
            *("--operations", "createImage", "--report", str(report)),
            *("--only", "image_too_large", "--only", "prompt_too_long"),
            *("--only", "a task that fails"),
        ]
        done = run_command(*words, COLUMNS="100")

    assert done.returncode == 1, done.stderr
    record = json.loads(report.read_text())
    schema = files("contracts.traffic.gateway") / "sandwich.schema.yaml"
    Draft202012Validator(yaml.safe_load(schema.read_text("utf-8"))).validate(record)
    found = {each["feature"]: each["verdict"] for each in record["rows"]}
    # The first is of the task alone, and an operation without tasks has the second.
    assert found["image_too_large"] == "honoured"
    assert "prompt_too_long" not in found
    assert found["a task that fails"] == "altered"
    assert "200, as a success with 0 results" in done.stdout
    assert f"Its POST /ai/v1/images/generations: {upstream}/ai/v1" in done.stdout
