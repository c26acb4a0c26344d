"""Webhooks: what is sent, when it is repeated, and to whom nothing is sent."""

import base64
import hashlib
import hmac
import socket
import time
from pathlib import Path

import pytest
import yaml
from support.http import control, eventually
from support.providers import SHIPPED
from support.receivers import receiving
from support.tasks import NOON, Kind, Tasks, kinds_with

import mockserver
import specs
from mockserver.settings import WEBHOOK_SECRET
from specs import Phase

WITH_WEBHOOK = kinds_with(where=lambda of: of.kind.webhook is not None)
kinds = pytest.mark.parametrize("of", WITH_WEBHOOK)


def kinds_where(has):
    """The kinds whose webhook has something: the parameters of a test."""
    found = [each for each in WITH_WEBHOOK if has(each.values[0].kind.webhook)]
    return pytest.mark.parametrize("of", found)


def serving(of, **options):
    return mockserver.running(of.provider, tasks="seconds=20", frozen=NOON, **options)


def with_webhook(of, url, **more):
    """A request whose task has a webhook."""
    field = of.kind.webhook.field
    payloads = [each for _, each in of.requests() if field in each]
    return {**(payloads or [of.request()])[0], field: url, **more}


def without_filter(of, url):
    payload = with_webhook(of, url)
    payload.pop(of.kind.webhook.events or "", None)
    return payload


def advance(running, seconds):
    control(running, "/clock", "POST", {"advance_s": seconds})


def webhooks(running):
    return running.journal(operation="webhook")


@kinds
def test_each_documented_state_is_sent_once_in_order(of):
    expected = [
        state
        for state in (
            of.kind.first(Phase.WAITING).name,
            of.kind.first(Phase.RUNNING, Phase.WAITING).name,
            of.kind.first(Phase.SUCCEEDED).name,
        )
        if state in of.kind.webhook.states
    ]
    with receiving() as receiver, serving(of) as running:
        id = Tasks(running, of).created(without_filter(of, f"{receiver.url}/hook"))
        advance(running, 100)
        bodies = receiver.wait(len(expected))
        entries = eventually(
            lambda: (found := webhooks(running))[len(expected) - 1 :] and found
        )

    assert [each["task"] for each in entries] == [
        {"id": id, "state": state} for state in expected
    ]
    assert {each["status"] for each in entries} == {200}
    assert {each["path"] for each in entries} == {"/hook"}
    assert {each["webhook"]["host"] for each in entries} == {"127.0.0.1"}
    assert len(bodies) == len(expected)
    for body, state in zip(bodies, expected, strict=True):
        assert id in str(body)
        assert state in str(body)
    assert {each["content-type"] for each in receiver.headers} == {"application/json"}


@kinds
def test_a_webhook_of_a_failed_task_tells_the_error(of):
    failed = of.state(Phase.FAILED)
    name = next(iter(of.kind.failures), None)
    with receiving() as receiver, serving(of) as running:
        payload = without_filter(of, receiver.url)
        Tasks(running, of).created(payload, X_Mock_Task="failed;seconds=1")
        advance(running, 1)
        eventually(lambda: any(failed.encode() in each for each in receiver.bodies))
        last = receiver.wait(1)[-1]

    if name is not None:
        assert str(of.kind.failures[name]["message"])[:10] in str(last)


@kinds_where(lambda webhook: webhook.events is not None)
def test_a_request_selects_states(of):
    events = of.kind.webhook.events
    chosen = of.state(Phase.FAILED)
    with receiving() as receiver, serving(of) as running:
        tasks = Tasks(running, of)
        tasks.created(with_webhook(of, receiver.url, **{events: [chosen]}))
        payload = with_webhook(of, receiver.url, **{events: [chosen]})
        failed = tasks.created(payload, X_Mock_Task="failed")
        advance(running, 100)
        receiver.wait(1)
        (entry,) = eventually(lambda: webhooks(running))

    assert entry["task"] == {"id": failed, "state": chosen}


@kinds_where(lambda webhook: "5xx" in webhook.retry_on and webhook.delays)
def test_a_webhook_is_repeated_after_the_documented_delays(of):
    webhook = of.kind.webhook
    attempts = len(webhook.delays) + 1
    with receiving([500] * attempts) as receiver, serving(of) as running:
        payload = without_filter(of, receiver.url)
        events = webhook.events
        if events is not None:
            payload[events] = [of.state(Phase.SUCCEEDED)]
        Tasks(running, of).created(payload, X_Mock_Task="immediate")
        for number, delay in enumerate(webhook.delays, 1):
            eventually(lambda: len(webhooks(running)) == number)  # noqa: B023
            advance(running, delay - 0.5)
            time.sleep(0.25)  # it must not come yet
            assert len(receiver.bodies) == number
            advance(running, 0.5)
        receiver.wait(attempts)
        entries = eventually(
            lambda: (found := webhooks(running))[attempts - 1 :] and found
        )

    assert len(set(receiver.bodies)) == 1
    assert [each["webhook"]["attempt"] for each in entries] == [*range(1, attempts + 1)]
    assert {each["status"] for each in entries} == {500}
    assert "status 500" in entries[0]["decision"]["because"]


@kinds_where(lambda webhook: webhook.retried is not None)
def test_only_the_documented_states_are_sent_again(of):
    webhook = of.kind.webhook
    with receiving([500] * 9) as receiver, serving(of) as running:
        Tasks(running, of).created(without_filter(of, receiver.url))
        eventually(lambda: webhooks(running))
        advance(running, webhook.delays[0] + 0.5)  # the task still waits then
        time.sleep(0.3)  # nothing must come
        (entry,) = webhooks(running)

    assert entry["task"]["state"] not in webhook.retried


@pytest.mark.parametrize(
    ("status", "of"),
    [
        pytest.param(status, *kind.values, id=f"{status}-{kind.id}")
        for status in (302, 400)
        for kind in WITH_WEBHOOK
        if f"{status // 100}xx" not in kind.values[0].kind.webhook.retry_on
    ],
)
def test_other_responses_are_not_repeated_nor_followed(of, status):
    with receiving([status] * 9) as receiver, serving(of) as running:
        payload = without_filter(of, receiver.url)
        Tasks(running, of).created(payload, X_Mock_Task="immediate")
        eventually(lambda: webhooks(running))
        advance(running, 1000)
        time.sleep(0.3)  # nothing must come
        entries = webhooks(running)

    assert len(receiver.bodies) == len(entries)
    assert len({each["task"]["state"] for each in entries}) == len(entries)


@kinds
def test_nobody_there_is_a_network_error(of):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(of) as running:
        payload = without_filter(of, f"http://127.0.0.1:{port}/")
        Tasks(running, of).created(payload, X_Mock_Task="immediate")
        entry = eventually(lambda: webhooks(running))[0]

    assert entry["status"] is None
    assert entry["outcome"] == "webhook_not_delivered"
    assert "could not be reached" in entry["decision"]["because"]


@kinds
@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?token=secret",
        "https://127.0.0.1@hooks.example.com/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
    ],
)
def test_nothing_is_sent_to_other_hosts_and_the_journal_says_why(of, url):
    with serving(of) as running:
        tasks = Tasks(running, of)
        payload = without_filter(of, url)
        id = tasks.created(payload, X_Mock_Task="immediate")
        entry = eventually(lambda: webhooks(running))[0]
        assert tasks.phase(id) is Phase.SUCCEEDED

    assert entry["webhook"]["attempt"] is None
    assert entry["decision"]["error"] == "webhook_not_delivered"
    assert "--webhook-host" in entry["decision"]["because"]
    assert "token" not in str(entry)


@kinds
def test_http_is_accepted_for_this_machine_only(of):
    with receiving() as receiver, serving(of) as running:
        tasks = Tasks(running, of)
        for _ in range(2):  # the second one is a repeated request
            payload = without_filter(of, receiver.url)
            tasks.created(payload, X_Mock_Task="immediate")
        receiver.wait(2)
        elsewhere = tasks.create(without_filter(of, "http://hooks.example.com/"))
        schema = of.create.bodies[specs.JSON].properties[of.kind.webhook.field]

    is_refused = schema.get("pattern", "").startswith("^https://")
    assert (elsewhere.status == 400) is is_refused


@kinds
def test_a_host_can_be_allowed(of):
    with serving(of, webhook_hosts="hooks.invalid") as running:
        payload = without_filter(of, "https://hooks.invalid/")
        Tasks(running, of).created(payload, X_Mock_Task="immediate")
        entry = eventually(lambda: webhooks(running))[0]

    assert entry["webhook"] == {"host": "hooks.invalid", "attempt": 1}


@kinds
def test_a_reset_ends_webhooks(of):
    with receiving() as receiver, serving(of) as running:
        Tasks(running, of).created(without_filter(of, receiver.url))
        if of.kind.first(Phase.WAITING).name in of.kind.webhook.states:
            receiver.wait(1)
        sent = len(receiver.bodies)
        running.reset()
        advance(running, 100)
        time.sleep(0.3)  # nothing must come

        assert len(receiver.bodies) == sent


@kinds
def test_webhooks_cost_nothing_and_count_as_no_request(of):
    with receiving() as receiver, serving(of) as running:
        payload = without_filter(of, receiver.url)
        Tasks(running, of).created(payload, X_Mock_Task="immediate")
        eventually(lambda: webhooks(running))

        assert running.costs()["total"]["requests"] == 1


def signed(folder: Path, of: Kind) -> Kind:
    """The kind of tasks of a copy of its provider that signs webhooks."""
    source, made = SHIPPED / of.provider.id, folder / "signing"
    document = yaml.safe_load((source / "openapi.yaml").read_text("utf-8"))
    document["x-tasks"][of.kind.name]["webhook"]["signature"] = "standard-webhooks"
    made.mkdir()
    (made / "openapi.yaml").write_text(yaml.safe_dump(document), "utf-8")
    dialect = (source / "dialect.yaml").read_text("utf-8")
    (made / "dialect.yaml").write_text(dialect, "utf-8")
    provider = specs.load("signing", folder)
    return Kind(provider, provider.tasks[of.kind.name])


@pytest.mark.parametrize("secret", [WEBHOOK_SECRET, "whsec_b3duIGtleSBvZiBhIHRlc3Q="])
def test_a_signature_can_be_checked_as_standard_webhooks_says(tmp_path, secret):
    of = signed(tmp_path, WITH_WEBHOOK[0].values[0])
    options = {} if secret == WEBHOOK_SECRET else {"webhook_secret": secret}
    with receiving([500, 200]) as receiver, serving(of, **options) as running:
        advance(running, 10 * 24 * 3600)  # the clock of the receiver is another
        payload = without_filter(of, receiver.url)
        Tasks(running, of).created(payload, X_Mock_Task="immediate")
        eventually(lambda: webhooks(running))
        advance(running, 1000)
        receiver.wait(2)

    for headers, body in zip(receiver.headers, receiver.bodies, strict=True):
        id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{id}.{timestamp}.".encode() + body
        digest = hmac.new(key, content, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert abs(int(timestamp) - time.time()) < 300
    assert len({each["webhook-id"] for each in receiver.headers}) == 1


def test_open_webhooks_end_with_the_server():
    of = WITH_WEBHOOK[0].values[0]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with serving(of) as running:
            payload = without_filter(of, url)
            Tasks(running, of).created(payload, X_Mock_Task="immediate")
            silent.accept()[0].close()
            Tasks(running, of).created(payload)
            Tasks(running, of).created(payload, X_Mock_Task="immediate")
            connection, _ = silent.accept()
        with connection:
            connection.settimeout(30)
            while connection.recv(65536):
                pass
