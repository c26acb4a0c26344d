"""A task of every kind, from its creation to its results."""

import base64
import io
from contextlib import ExitStack
from itertools import pairwise

import pytest
from PIL import Image
from support.http import ask, control
from support.tasks import (
    AT_NOON,
    KINDS,
    NOON,
    PROVIDERS,
    Tasks,
    assert_error,
    assert_valid,
    kinds_with,
    operations_with,
)

import mockserver
from contracts.media.video.probe import probe
from specs import Phase, Role, TimeUnit

MODES = ("immediate", "polls=3", "seconds=20")
DIVISORS = {TimeUnit.SECONDS: 1, TimeUnit.MILLISECONDS: 1000}


@pytest.fixture(scope="module")
def servers():
    with ExitStack() as stack:
        yield {
            mode: stack.enter_context(
                mockserver.running(*PROVIDERS, tasks=mode, frozen=NOON)
            )
            for mode in MODES
        }


@pytest.fixture(params=MODES)
def any_mode(servers, request):
    servers[request.param].reset()
    return servers[request.param]


@pytest.fixture
def immediate(servers):
    servers["immediate"].reset()
    return servers["immediate"]


@pytest.fixture
def timed(servers):
    servers["seconds=20"].reset()
    return servers["seconds=20"]


def advance(running, seconds):
    answer = control(running, "/clock", "POST", {"advance_s": seconds})
    assert answer.status == 200, answer.body


def facts_of(of, body):
    """The parts of a body of a finished task that are the same in every response."""
    places = [of.kind.id.place, of.kind.state, *of.kind.times.values()]
    places += [each.place for each in of.kind.results if each.place.at]
    return [each.values(body) for each in places]


def requests():
    return [
        pytest.param(
            each, operation, payload, id=f"{each.provider.id}-{operation.id}-{name}"
        )
        for each in KINDS
        for operation in each.operations(Role.CREATE)
        for name, payload in each.requests(operation)
    ]


@pytest.mark.parametrize(("of", "operation", "payload"), requests())
def test_each_documented_request_creates_a_task(timed, of, operation, payload):
    tasks = Tasks(timed, of)

    answer = tasks.send(operation, body=payload)

    assert answer.status == int(operation.success.status), answer.body
    assert_valid(operation, answer.json)
    state = of.kind.state_of(answer.json)
    assert state is None or not state.is_final
    assert tasks.phase(tasks.id_in(answer.json)) is of.first_phase


@pytest.mark.parametrize("of", kinds_with(Role.READ))
def test_states_come_in_a_legal_order_and_the_final_one_stays(any_mode, of):
    tasks = Tasks(any_mode, of)
    id = tasks.created()
    bodies = []
    for _ in range(5):
        bodies.append(tasks.body(id))
        advance(any_mode, 6)
    bodies += [tasks.body(id), tasks.body(id)]

    states = [tasks.state_in(each) for each in bodies]
    for before, after in pairwise(states):
        moves = of.kind.moves
        assert before == after or moves is None or after in moves.after(before)
    assert of.kind.states[states[-1]].phase is Phase.SUCCEEDED
    finished = [
        facts_of(of, body)
        for body, state in zip(bodies, states, strict=True)
        if of.kind.states[state].phase is Phase.SUCCEEDED
    ]
    assert all(each == finished[0] for each in finished)
    if of.kind.progress is not None:
        values = [of.kind.progress.value(each) for each in bodies]
        assert values == sorted(values)
        assert values[-1] == of.kind.progress.maximum


@pytest.mark.parametrize("of", kinds_with(Role.READ))
def test_the_mode_decides_when_a_task_ends(servers, of):
    shown = {}
    for mode, running in servers.items():
        running.reset()
        tasks = Tasks(running, of)
        id = tasks.created()
        shown[mode] = [tasks.phase(id) for _ in range(4)]
    advance(servers["seconds=20"], 10)
    later = Tasks(servers["seconds=20"], of).phase(id)
    advance(servers["seconds=20"], 9.9)
    last = Tasks(servers["seconds=20"], of).phase(id)
    advance(servers["seconds=20"], 0.1)

    assert shown["immediate"] == [Phase.SUCCEEDED] * 4
    assert shown["polls=3"][2:] == [Phase.SUCCEEDED] * 2
    assert Phase.SUCCEEDED not in shown["polls=3"][:2]
    assert shown["seconds=20"] == [of.first_phase] * 4
    assert (later, last) == (Phase.RUNNING, Phase.RUNNING)
    assert Tasks(servers["seconds=20"], of).phase(id) is Phase.SUCCEEDED


@pytest.mark.parametrize("of", kinds_with(Role.READ))
def test_results_come_with_success_and_can_be_decoded(timed, of):
    tasks = Tasks(timed, of)
    id = tasks.created()
    before = tasks.body(id)
    advance(timed, 20)
    after = tasks.body(id)
    urls = of.urls
    texts = [place for place in of.kind.results if place.form == "b64_json"]

    for place in urls + texts:
        assert [each for each in place.place.values(before) if each] == []
    files = []
    for place in urls:
        for url in place.place.values(after):
            answer = ask(url, method="GET", key=tasks.key)
            assert answer.status == 200, answer.body
            files.append(answer.body)
    for place in texts:
        files += [base64.b64decode(each) for each in place.place.values(after) if each]
    assert files or not (urls or texts)
    for file in files:
        assert_decodes(of.kind.medium, file)


def assert_decodes(medium, file):
    if medium == "video":
        facts = probe(file)
        assert facts.problem is None
        assert (facts.container, facts.frames > 0) == ("mp4", True)
        return
    with Image.open(io.BytesIO(file)) as image:
        image.load()


@pytest.mark.parametrize("of", kinds_with(Role.READ))
def test_times_have_the_documented_unit_and_follow_the_clock(timed, of):
    tasks = Tasks(timed, of)
    id = tasks.created()
    advance(timed, 50)
    body = tasks.body(id)
    lifetime = of.kind.result_lifetime
    expected = {
        "created": AT_NOON,
        "updated": AT_NOON + 20,
        "completed": AT_NOON + 20,
        "expires": AT_NOON + 20 + lifetime.value if lifetime else None,
    }
    for name, place in of.kind.times.items():
        value = place.value(body)
        if place.unit is TimeUnit.ISO:
            assert value.startswith("2026-05-04T12:00:")
        elif expected[name] is None:
            assert value is None
        else:
            assert value == expected[name] * DIVISORS[place.unit]
            assert isinstance(value, int)


@pytest.mark.parametrize(("of", "operation"), operations_with(Role.READ))
def test_every_way_to_read_shows_the_same_task(immediate, of, operation):
    tasks = Tasks(immediate, of)
    id = tasks.created()

    answer = tasks.send(operation, id)

    assert_valid(operation, answer.json)
    assert facts_of(of, answer.json) == facts_of(of, tasks.body(id))


@pytest.mark.parametrize(
    ("of", "operation"),
    [
        each
        for role in (Role.READ, Role.CANCEL, Role.CONTENT)
        for each in operations_with(role)
    ],
)
def test_an_unknown_id_gets_the_documented_error(immediate, of, operation):
    tasks = Tasks(immediate, of)
    known = tasks.created()
    unknown = known[:-3] + ("aaa" if known[-3:] != "aaa" else "bbb")

    answer = tasks.send(operation, unknown)

    assert_error(operation, operation.task.unknown, answer)


@pytest.mark.parametrize("of", kinds_with(Role.READ))
def test_only_the_same_key_in_the_same_namespace_sees_a_task(immediate, of):
    id = Tasks(immediate, of).created()
    read = of.operations(Role.READ)[0]

    for other in (
        Tasks(immediate, of, key="sk-other-0000000000"),
        Tasks(immediate, of, namespace="elsewhere"),
    ):
        assert_error(read, read.task.unknown, other.read(id))
    assert Tasks(immediate, of).phase(id) is Phase.SUCCEEDED


@pytest.mark.parametrize("of", kinds_with(Role.READ))
def test_a_reset_forgets_tasks(immediate, of):
    tasks = Tasks(immediate, of)
    id = tasks.created()
    kept = Tasks(immediate, of, namespace="kept")
    other = kept.created()

    immediate.reset("")
    read = of.operations(Role.READ)[0]
    assert_error(read, read.task.unknown, tasks.read(id))
    assert kept.phase(other) is Phase.SUCCEEDED
    immediate.reset()
    assert_error(read, read.task.unknown, kept.read(other))


@pytest.mark.parametrize(
    "of", kinds_with(Role.READ, where=lambda of: of.kind.task_lifetime)
)
def test_a_task_is_kept_for_its_documented_lifetime(timed, of):
    lifetime = of.kind.task_lifetime
    tasks, read = Tasks(timed, of), of.operations(Role.READ)[0]
    id = tasks.created()

    advance(timed, lifetime.value - 1)
    assert tasks.phase(id) is Phase.SUCCEEDED
    advance(timed, 1)
    assert_error(read, read.task.unknown, tasks.read(id))


@pytest.mark.parametrize(
    "of", kinds_with(Role.READ, where=lambda of: of.kind.state_lifetimes)
)
def test_a_task_in_a_state_is_kept_as_documented(timed, of):
    tasks, read = Tasks(timed, of), of.operations(Role.READ)[0]
    for name, lifetime in of.kind.state_lifetimes.items():
        outcome = of.kind.states[name].phase
        id = tasks.created(X_Mock_Task=f"{outcome};seconds=20")
        advance(timed, 20 + lifetime.value - 1)
        assert tasks.state(id) == name
        advance(timed, 1)
        assert_error(read, read.task.unknown, tasks.read(id))


def has_urls_that_expire(of):
    return of.kind.result_lifetime and of.urls and not of.operations(Role.CONTENT)


@pytest.mark.parametrize("of", kinds_with(Role.READ, where=has_urls_that_expire))
def test_a_url_of_a_result_expires_as_documented(timed, of):
    urls = of.urls
    lifetime = of.kind.result_lifetime
    tasks = Tasks(timed, of)
    id = tasks.created()
    advance(timed, 20)
    (url,) = urls[0].place.values(tasks.body(id))

    advance(timed, lifetime.value - 1)
    assert ask(url, method="GET", key=None).status == 200
    advance(timed, 1)
    assert ask(url, method="GET", key=None).status in {403, 404, 410}
