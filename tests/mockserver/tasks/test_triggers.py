"""Errors, faults, quotas and ways to end, as a request about a task wants them."""

import http.client
import math

import pytest
from support.http import control
from support.tasks import (
    KINDS,
    NOON,
    PROVIDERS,
    Tasks,
    assert_error,
    kinds_with,
    operations_with,
)

import mockserver
from mockserver.simulation.task_progress import TaskOutcome
from specs import JSON, Phase, Role

PHASES = {
    "failed": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
    "expired": Phase.EXPIRED,
}
every_kind = pytest.mark.parametrize("of", kinds_with(Role.READ))
a_kind = pytest.mark.parametrize("of", kinds_with(Role.READ)[:1])
creations = pytest.mark.parametrize(("of", "operation"), operations_with(Role.CREATE))


def final_phase(of, outcome):
    """The phase in which a task ends, by what its document has."""
    wanted = PHASES[outcome]
    return wanted if of.kind.first(wanted) else Phase.FAILED


@pytest.mark.parametrize(
    ("of", "outcome", "form"),
    [
        pytest.param(*kind.values, outcome, form, id=f"{kind.id}-{outcome}-{form}")
        for kind in kinds_with(Role.READ)
        for outcome in PHASES
        for form in ("[[mock:task={}]]", "[[mock:{}]]")
        # The short form of a name that an error of the document has is that error.
        if "task=" in form or outcome not in kind.values[0].create.errors
    ],
)
def test_a_marker_in_the_prompt_ends_a_task(timed, of, outcome, form):
    tasks = Tasks(timed, of)
    id = tasks.created(of.prompted(form.format(outcome)))
    first = tasks.phase(id)
    timed.advance(19)
    assert not tasks.phase(id).is_final
    timed.advance(1)

    assert first is of.first_phase
    assert tasks.phase(id) is final_phase(of, outcome)
    body = tasks.body(id)
    for place in of.kind.results:
        found = place.place.values(body) if place.place.at else []
        assert [each for each in found if each] == []


@every_kind
def test_every_documented_failure_can_be_requested(timed, of):
    tasks = Tasks(timed, of)
    for name, failure in of.kind.failures.items():
        marker = f"[[mock:task=failed;error={name};seconds=5]]"
        id = tasks.created(of.prompted(marker))
        timed.advance(4.9)
        assert not tasks.phase(id).is_final
        timed.advance(0.1)
        body = tasks.body(id)

        assert of.kind.state_of(body).phase is Phase.FAILED
        assert of.kind.error is None or of.kind.error.value(body)
        message = str(failure["message"]).partition("{")[0]
        assert message in str(body)
        assert str(failure.get("code", "")) in str(body)


@every_kind
def test_a_stuck_task_never_ends_but_can_be_cancelled(timed, of):
    tasks = Tasks(timed, of)
    id = tasks.created(of.prompted("[[mock:stuck]]"))
    lifetime, deadline = of.kind.task_lifetime, deadline_of(of)
    timed.advance(
        min(10 * 24 * 3600, lifetime.value - 1 if lifetime else 1e9, deadline - 1)
    )

    assert tasks.phase(id) is of.kind.first(Phase.RUNNING, Phase.WAITING).phase
    for operation in of.operations(Role.CANCEL):
        if tasks.state(id) in operation.task.cancels:
            assert tasks.send(operation, id).status < 300
            assert tasks.phase(id) is Phase.CANCELLED


def deadline_of(of):
    """The seconds after which a task expires; infinite without them."""
    request = of.provider.canonical_request(
        of.create.id, JSON, of.request(), include_assumed=True
    )
    return request[of.kind.deadline] if of.kind.deadline else math.inf


@pytest.mark.parametrize("of", kinds_with(Role.READ, where=lambda of: of.kind.deadline))
@pytest.mark.parametrize("outcome", ["stuck", f"succeeded;seconds={7 * 24 * 3600}"])
def test_a_task_that_is_not_done_expires_at_its_deadline(timed, of, outcome):
    tasks = Tasks(timed, of)
    payload = {**of.request(), of.kind.deadline: 3600}
    id = tasks.created(payload, X_Mock_Task=outcome)
    done = tasks.created(payload, X_Mock_Task="succeeded;seconds=3600")
    timed.advance(3599)
    assert not tasks.phase(id).is_final

    timed.advance(1)

    assert tasks.phase(id) is Phase.EXPIRED
    assert tasks.phase(done) is Phase.SUCCEEDED
    timed.advance(24 * 3600)
    assert tasks.phase(id) is Phase.EXPIRED


def has_two_states_before_the_end(of):
    return of.kind.first(Phase.WAITING) and of.kind.first(Phase.RUNNING)


@pytest.mark.parametrize(
    "of", kinds_with(Role.READ, where=has_two_states_before_the_end)
)
def test_a_flapping_task_goes_back_and_forth(timed, of):
    tasks = Tasks(timed, of)
    id = tasks.created(X_Mock_Task="flapping")
    shown = []
    for _ in range(4):
        shown.append(tasks.phase(id))
        timed.advance(1)

    assert shown == [Phase.WAITING, Phase.RUNNING] * 2


@every_kind
def test_a_lost_task_is_unknown_when_it_would_end(timed, of):
    tasks, read = Tasks(timed, of), of.operations(Role.READ)[0]
    id = tasks.created(X_Mock_Task="lost")
    at_once = tasks.created(X_Mock_Task="lost;immediate")
    timed.advance(19)
    assert not tasks.phase(id).is_final
    timed.advance(1)

    assert_error(read, read.task.unknown, tasks.read(id))
    assert_error(read, read.task.unknown, tasks.read(at_once))
    assert tasks.read(id).status == tasks.read(id).status


@every_kind
def test_every_outcome_comes_at_once_or_with_the_reads(timed, of):
    tasks = Tasks(timed, of)
    for outcome in PHASES:
        id = tasks.created(X_Mock_Task=f"{outcome};immediate")
        assert tasks.phase(id) is final_phase(of, outcome)
        id = tasks.created(X_Mock_Task=f"{outcome};polls=2")
        assert not tasks.phase(id).is_final
        assert tasks.phase(id) is final_phase(of, outcome)
    id = tasks.created(X_Mock_Task="stuck;polls=1")
    assert not tasks.phase(id).is_final


@every_kind
def test_a_script_ends_the_next_task_and_no_read_takes_its_item(timed, of):
    tasks = Tasks(timed, of)
    other = tasks.created()
    timed.script({"task": "failed;seconds=5", "times": 2}, of.provider.id)
    tasks.read(other)
    ids = [tasks.created() for _ in range(3)]
    timed.advance(20)

    phases = [tasks.phase(each) for each in ids]
    assert phases == [Phase.FAILED, Phase.FAILED, Phase.SUCCEEDED]


@a_kind
def test_sources_have_their_precedence(timed, of):
    tasks = Tasks(timed, of)
    payload = of.prompted("[[mock:task=immediate]]")
    timed.script({"task": "failed;immediate"}, of.provider.id)
    by_script = tasks.created(payload, X_Mock_Task="stuck")
    by_header = tasks.created(payload, X_Mock_Task="stuck")
    with_key = Tasks(timed, of, key="sk-mock-task=failed;immediate")
    by_prompt = with_key.created(payload)
    by_key = with_key.created()

    assert tasks.phase(by_script) is Phase.FAILED
    assert not tasks.phase(by_header).is_final
    assert with_key.phase(by_prompt) is Phase.SUCCEEDED
    assert with_key.phase(by_key) is Phase.FAILED


@a_kind
def test_times_lets_the_next_task_succeed(timed, of):
    tasks = Tasks(timed, of)
    ids = [tasks.created(X_Mock_Task="failed;immediate;times=1") for _ in range(2)]
    timed.advance(20)

    assert [tasks.phase(each) for each in ids] == [Phase.FAILED, Phase.SUCCEEDED]


@a_kind
def test_a_header_on_all_requests_is_for_the_one_that_creates(timed, of):
    tasks = Tasks(timed, of)
    id = tasks.created(X_Mock_Task="failed;immediate")

    answer = tasks.read(id, X_Mock_Task="failed;immediate")

    assert of.kind.state_of(answer.json).phase is Phase.FAILED


@every_kind
@pytest.mark.parametrize(
    ("wish", "known"),
    [
        ("finished", list(TaskOutcome)),
        ("failed;error=nothing", None),
        ("seconds=soon", ["immediate", "polls=N", "seconds=S"]),
        ("failed;colour=red", ["error", "seconds", "polls", "times"]),
        ("stuck;error=content_policy", ["error", "stuck"]),
    ],
)
def test_a_wrong_name_is_told_with_those_that_are_known(timed, of, wish, known):
    answer = Tasks(timed, of).create(X_Mock_Task=wish)
    marked = Tasks(timed, of).create(of.prompted(f"[[mock:task={wish}]]"))

    for name in known if known is not None else of.kind.failures:
        assert name in answer.body.decode()
        assert name in marked.body.decode()
    assert (answer.status, marked.status) == (400, 400)


def test_a_script_with_a_wrong_task_is_refused(timed):
    provider = KINDS[0].provider.id
    answer = control(timed, f"/script/{provider}", "POST", [{"task": "finished"}])

    assert answer.status == 400
    assert all(each in answer.body.decode() for each in TaskOutcome)


def test_an_operation_without_tasks_says_so(timed):
    provider = next(each for each in PROVIDERS if "createImage" in each.operations)
    operation = provider.operations["createImage"]
    kind = next(each for each in KINDS if each.provider is provider)
    payload = {"model": provider.dialect.model, "prompt": "A boat [[mock:task=failed]]"}

    answer = Tasks(timed, kind).send(operation, body=payload)

    assert answer.status == 400
    assert "creates no long-running task" in answer.body.decode()


# Errors, faults and quotas


@pytest.mark.parametrize(
    ("of", "operation"), [each for role in Role for each in operations_with(role)]
)
def test_every_documented_error_can_be_requested(timed, of, operation):
    tasks = Tasks(timed, of)
    body = of.request(operation) if operation.creates else None
    for name in operation.errors:
        answer = tasks.send(operation, "some-id", body=body, X_Mock_Error=name)
        assert_error(operation, name, answer)


@pytest.mark.parametrize(
    ("of", "operation"),
    [each for role in (Role.CREATE, Role.READ) for each in operations_with(role)],
)
def test_faults_and_latency_work(timed, of, operation):
    tasks = Tasks(timed, of)
    body = of.request(operation) if operation.creates else None
    id = "" if operation.creates else tasks.created()

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        tasks.send(operation, id, body=body, X_Mock_Fault="reset")
    slow = tasks.send(operation, id, body=body, X_Mock_Latency="1")
    assert slow.status == int(operation.success.status)
    faults = [each["decision"]["fault"] for each in timed.journal(fault="reset")]
    assert faults == ["reset"]


@creations
def test_quotas_count_tasks(of, operation):
    quotas = {"requests_per_minute": 2}
    with mockserver.running(of.provider, frozen=NOON, **quotas) as running:
        tasks = Tasks(running, of)
        answers = [tasks.send(operation, body=of.request(operation)) for _ in range(3)]

    statuses = [each.status for each in answers]
    assert statuses == [int(operation.success.status)] * 2 + [429]


# Journal and costs


@every_kind
def test_the_journal_names_the_task(timed, of):
    tasks = Tasks(timed, of)
    id = tasks.created()
    timed.advance(20)
    tasks.read(id)
    tasks.read("unknown")

    created, read, unknown = timed.journal()
    assert created["task"]["id"] == read["task"]["id"] == id
    assert created["task"]["state"] == of.kind.first(Phase.WAITING, Phase.RUNNING).name
    assert read["task"]["state"] == of.kind.first(Phase.SUCCEEDED).name
    assert "task" not in unknown


@every_kind
def test_a_task_costs_once_and_nothing_if_it_fails(timed, of):
    tasks = Tasks(timed, of)
    id = tasks.created()
    cost = timed.journal()[0]["cost"]
    timed.advance(20)
    for _ in range(3):
        tasks.read(id)
    tasks.created(X_Mock_Task="failed")

    costs = [each["cost"] for each in timed.journal()]
    amounts = [each.get("amount") for each in costs]
    assert amounts[0] == cost.get("amount")
    assert not any(amounts[1:])
    assert all(each["currency"] for each in costs if each.get("amount") is not None)


@pytest.mark.parametrize(
    ("of", "operation"),
    operations_with(
        Role.CANCEL, lambda of, it: of.state(of.first_phase) in it.task.cancels
    ),
)
def test_a_cancelled_task_is_refunded(timed, of, operation):
    tasks = Tasks(timed, of)
    id = tasks.created()
    tasks.send(operation, id)
    tasks.send(operation, id)

    amounts = [each["cost"].get("amount") or 0 for each in timed.journal()]
    assert sum(amounts) == 0
