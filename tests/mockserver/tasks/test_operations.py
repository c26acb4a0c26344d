"""Lists, cancelling and deleting, files of results, and events of tasks."""

import io
import json
from contextlib import closing
from itertools import count
from urllib.parse import urlsplit

import pytest
from PIL import Image
from support.http import ask, begun
from support.tasks import (
    KINDS,
    Tasks,
    assert_error,
    assert_valid,
    kinds_with,
    operations_in_phases,
    operations_with,
    with_value,
)

import mockserver
from specs import JSON, Phase, Role, values_at

ENDINGS = {
    Phase.SUCCEEDED: "succeeded;seconds=20",
    Phase.FAILED: "failed;seconds=20",
    Phase.CANCELLED: "cancelled;seconds=20",
    Phase.EXPIRED: "expired;seconds=20",
}


# Lists


def listed(tasks, operation, **query):
    answer = tasks.send(operation, query=query)
    assert answer.status == 200, answer.body
    assert_valid(operation, answer.json)
    (items,) = values_at(answer.json, operation.task.items)
    return items


def row(tasks, operation, id):
    """The part of a read body that a list has for a task."""
    return next(values_at(tasks.body(id), operation.task.item))


@pytest.mark.parametrize(("of", "operation"), operations_with(Role.LIST))
def test_a_list_has_the_tasks_of_the_key_the_latest_first(timed, of, operation):
    tasks = Tasks(timed, of)
    ids = []
    for _ in range(3):
        ids.append(tasks.created())
        timed.advance(7)

    assert listed(tasks, operation) == [
        row(tasks, operation, each) for each in ids[::-1]
    ]
    assert listed(Tasks(timed, of, key="sk-other-0000000000"), operation) == []
    assert listed(Tasks(timed, of, namespace="other"), operation) == []


@pytest.mark.parametrize(
    ("of", "operation"),
    operations_with(Role.LIST, lambda of, it: it.task.cursor or it.task.page),
)
def test_pages_have_every_task_once(timed, of, operation):
    role, tasks = operation.task, Tasks(timed, of)
    ids = [tasks.created() for _ in range(5)]
    expected = [row(tasks, operation, each) for each in ids[::-1]]
    found, after = [], None
    for number in count(1):
        query = {}
        if "limit" in role.cursor:
            query[role.cursor["limit"]] = 2
        if "size" in role.page:
            query[role.page["size"]] = 2
        if "number" in role.page:
            query[role.page["number"]] = number
        elif after is not None:
            query[role.cursor["after"]] = after
        page = listed(tasks, operation, **query)
        found += page
        if len(page) < 2:
            break
        after = ids[::-1][len(found) - 1]

    assert found == expected


@pytest.mark.parametrize(
    ("of", "operation"),
    operations_with(Role.LIST, lambda of, it: "order" in it.task.cursor),
)
def test_the_order_of_a_list_can_be_turned(timed, of, operation):
    order = operation.task.cursor["order"]
    tasks = Tasks(timed, of)
    for _ in range(3):
        tasks.created()

    latest_first = listed(tasks, operation, **{order: "desc"})
    assert listed(tasks, operation, **{order: "asc"}) == latest_first[::-1]


@pytest.mark.parametrize(
    ("of", "operation"),
    operations_with(Role.LIST, lambda of, it: "after" in it.task.cursor),
)
def test_an_unknown_cursor_gets_the_documented_error(timed, of, operation):
    after = operation.task.cursor["after"]
    answer = Tasks(timed, of).send(operation, query={after: "nothing"})

    errors = operation.errors
    name = "invalid_cursor" if "invalid_cursor" in errors else "invalid_request"
    assert_error(operation, name, answer)


def bounded_numbers(operation):
    """The names of the query parameters about pages that have a maximum."""
    role, query = operation.task, operation.parameters.get("query")
    names = [role.cursor.get("limit"), role.page.get("size"), role.page.get("number")]
    return [name for name in names if name and query.properties[name].get("maximum")]


@pytest.mark.parametrize(
    ("of", "operation"),
    operations_with(Role.LIST, lambda of, it: bounded_numbers(it)),
)
def test_a_bad_number_gets_the_documented_error(timed, of, operation):
    query = operation.parameters["query"]
    for name in bounded_numbers(operation):
        too_many = query.properties[name]["maximum"] + 1
        if not query.judge.is_invalid({name: too_many}):
            continue  # the limit is an assumption
        answer = Tasks(timed, of).send(operation, query={name: too_many})
        error = query.properties[name].get("x-error", "invalid_request")
        assert_error(operation, error, answer)


@pytest.mark.parametrize(
    ("of", "operation"), operations_with(Role.LIST, lambda of, it: it.task.filters)
)
def test_filters_select(timed, of, operation):
    filters = operation.task.filters
    tasks = Tasks(timed, of)
    first = tasks.created()
    timed.advance(20)
    second = tasks.created()
    model = of.request().get("model")
    values = {
        "state": (
            of.state(Phase.SUCCEEDED),
            [first],
            of.state(Phase.WAITING),
            [second],
        ),
        "id": (first, [first], second, [second]),
        "model": (model, [second, first], "another", []),
    }
    for name, fact in filters.items():
        if fact == "kind":
            continue
        if fact not in values:
            select_by_field(tasks, operation, name, fact)
            continue
        one, ones, other, others = values[fact]
        rows = {each: row(tasks, operation, each) for each in (first, second)}
        assert listed(tasks, operation, **{name: one}) == [rows[each] for each in ones]
        assert listed(tasks, operation, **{name: other}) == [
            rows[each] for each in others
        ]


def select_by_field(tasks, operation, name, fact):
    """Check a filter by a field of the request, with each of its values."""
    field = fact.removeprefix("request.")
    values = operation.parameters["query"].properties[name]["enum"]
    for value in values:
        id = tasks.created({**tasks.of.request(), field: value})
        assert row(tasks, operation, id) in listed(tasks, operation, **{name: value})
        (other,) = {*values} - {value}
        assert row(tasks, operation, id) not in listed(
            tasks, operation, **{name: other}
        )


@pytest.mark.parametrize(
    ("of", "operation"),
    [each for each in operations_with(Role.LIST) if each.values[1].task.also],
)
def test_a_list_has_tasks_of_several_kinds(timed, of, operation):
    others = [
        each
        for each in KINDS
        if each.provider is of.provider and each.kind.name in operation.task.also
    ]
    first = Tasks(timed, of)
    tasks = [first, *(Tasks(timed, each) for each in others)]
    ids = [each.created() for each in tasks]
    timed.advance(20)
    rows = [each.body(id) for each, id in zip(tasks, ids, strict=True)]

    assert listed(first, operation) == rows[::-1]
    (by_kind,) = (k for k, fact in operation.task.filters.items() if fact == "kind")
    for each, shown in zip(tasks, rows, strict=True):
        assert listed(first, operation, **{by_kind: each.of.kind.medium}) == [shown]
    for unified in of.operations(Role.READ):
        for kind, id in zip(operation.task.also, ids[1:], strict=True):
            status = first.send(unified, id).status
            assert status == (200 if kind in unified.task.also else 404)


# Cancelling and deleting


def reached(timed, tasks, phase):
    """The id of a task in a phase."""
    if phase.is_final:
        id = tasks.created(X_Mock_Task=ENDINGS[phase])
        timed.advance(20)
    else:
        id = tasks.created()
        timed.advance(10 if phase is Phase.RUNNING else 0)
    assert tasks.phase(id) is phase
    return id


@pytest.mark.parametrize(
    ("of", "operation", "phase"),
    operations_in_phases(Role.CANCEL, lambda of, operation, phase: True),
)
def test_a_task_is_cancelled_or_deleted_as_documented(timed, of, operation, phase):
    tasks, role = Tasks(timed, of), operation.task
    id = reached(timed, tasks, phase)
    state = tasks.state(id)

    answer = tasks.send(operation, id)

    read = of.operations(Role.READ)[0]
    if state in role.cancels or state in role.deletes:
        assert answer.status == int(operation.success.status), answer.body
        if JSON in operation.success.bodies:
            assert_valid(operation, answer.json)
        else:
            assert answer.body == b""
    else:
        assert_error(operation, role.refused, answer)
    if state in role.cancels:
        assert tasks.phase(id) is Phase.CANCELLED
        timed.advance(100)
        assert tasks.phase(id) is Phase.CANCELLED
    elif state in role.deletes:
        assert_error(read, read.task.unknown, tasks.read(id))
        assert_error(operation, role.unknown, tasks.send(operation, id))
    else:
        assert tasks.state(id) == state


# Files of results


@pytest.mark.parametrize(("of", "operation"), operations_with(Role.CONTENT))
def test_a_file_can_be_had_from_success_until_it_expires(timed, of, operation):
    tasks, role = Tasks(timed, of), operation.task
    id = tasks.created()

    assert_error(operation, role.not_ready, tasks.send(operation, id))
    timed.advance(20)
    output = output_of(tasks, id)
    answer = tasks.send(operation, id, output=output)
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] in operation.success.bodies
    assert tasks.send(operation, id, output=output).body == answer.body
    if role.index is not None:
        name = (
            "result_not_found"
            if "result_not_found" in operation.errors
            else role.unknown
        )
        assert_error(operation, name, tasks.send(operation, id, output="nothing"))
    if of.kind.result_lifetime is not None:
        timed.advance(of.kind.result_lifetime.value)
        assert_error(operation, role.expired, tasks.send(operation, id, output=output))


@pytest.mark.parametrize("of", [each for each in KINDS if each.provider.id == "ark"])
def test_a_task_tells_the_seed_of_its_request(timed, of):
    tasks = Tasks(timed, of)
    body = {**of.request(), "seed": 42}
    id = tasks.created(body, X_Mock_Task="immediate")
    other = tasks.created({**body, "seed": -1}, X_Mock_Task="immediate")

    assert tasks.body(id)["seed"] == 42
    assert tasks.body(other)["seed"] >= 0


@pytest.mark.parametrize(
    ("of", "operation"),
    [each for each in operations_with(Role.CONTENT) if each.values[1].task.variants],
)
def test_a_variant_of_a_file_has_its_media_type(timed, of, operation):
    tasks, role = Tasks(timed, of), operation.task
    id = tasks.created(X_Mock_Task="immediate")

    for value, media_type in role.variants.items():
        answer = tasks.send(operation, id, query={role.variant: value})
        assert answer.headers["Content-Type"] == media_type
        with Image.open(io.BytesIO(answer.body)) as image:
            image.load()
            assert Image.MIME[image.format] == media_type


def output_of(tasks, id):
    """The id of the first output, as its URL has it."""
    urls = tasks.of.urls
    found = [url for each in urls for url in each.place.values(tasks.body(id))]
    name = urlsplit(found[0]).path.rpartition("/")[2] if found else ""
    return name.partition(":")[0]


@pytest.mark.parametrize("of", kinds_with(Role.CONTENT, where=lambda of: of.urls))
def test_urls_in_a_task_lead_to_its_files(timed, of):
    tasks = Tasks(timed, of)
    urls = of.urls
    id = tasks.created()
    timed.advance(20)
    (url,) = urls[0].place.values(tasks.body(id))

    assert ask(url, method="GET", key=tasks.key).status == 200
    if urls[0].form == "content":
        content = of.operations(Role.CONTENT)[0]
        assert_error(content, "unauthenticated", ask(url, method="GET", key=None))


# Events


def watched(tasks, operation):
    """The events of a stream as they come: pairs of name and data; None: a comment."""
    url = f"{tasks.running.url}/{tasks.of.provider.id}"
    path = tasks.of.provider.full_path(operation)
    connection = begun(f"{url}{path}", body=b"", key=tasks.key, method="GET")
    with closing(connection), connection.makefile("rb") as lines:
        assert b" 200 " in lines.readline()
        name = None
        for line in lines:
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                yield name, json.loads(line[6:])
            elif line.startswith(b":"):
                yield None


@pytest.mark.parametrize(("of", "operation"), operations_with(Role.EVENTS))
def test_a_stream_has_the_active_tasks_and_then_their_changes(timed, of, operation):
    tasks = Tasks(timed, of)
    finished = tasks.created(X_Mock_Task="immediate")
    Tasks(timed, of, key="sk-other-0000000000").created()
    active = tasks.created()
    events = (each for each in watched(tasks, operation) if each is not None)

    seen = [next(events)]
    later = tasks.created(X_Mock_Task="failed;seconds=20")
    seen.append(next(events))
    timed.advance(10)
    seen += [next(events), next(events)]
    timed.advance(10)
    seen += [next(events), next(events)]
    events.close()

    assert {name for name, _ in seen} == {operation.task.event}
    states = {active: [], later: []}
    for _, data in seen:
        assert_valid(of.operations(Role.READ)[0], data)
        states[tasks.id_in(data)].append(of.kind.state_of(data).phase)
    assert states == {
        active: [Phase.WAITING, Phase.RUNNING, Phase.SUCCEEDED],
        later: [Phase.WAITING, Phase.RUNNING, Phase.FAILED],
    }
    assert finished not in states


@pytest.mark.parametrize(("of", "operation"), operations_with(Role.EVENTS))
def test_a_stream_without_tasks_begins_at_once(timed, of, operation):
    events = watched(Tasks(timed, of), operation)

    assert next(events) is None
    events.close()


@pytest.mark.parametrize(("of", "operation"), operations_with(Role.EVENTS))
def test_an_open_stream_ends_with_the_server(of, operation):
    with mockserver.running(of.provider) as running:
        events = watched(Tasks(running, of), operation)
        next(events)

    assert list(events) in ([], [None])


# Tasks that begin with the result of another


@pytest.mark.parametrize(
    ("of", "operation"),
    [each for each in operations_with(Role.CREATE) if each.values[1].task.source],
)
def test_a_task_takes_size_and_length_from_the_one_it_begins_with(timed, of, operation):
    tasks = Tasks(timed, of)
    original = tasks.created()
    timed.advance(20)
    before = tasks.body(original)
    source = operation.task.source
    payload = of.request(operation)
    if source.startswith("/"):
        payload = with_value(payload, source, original)

    answer = tasks.send(operation, original, body=payload)

    assert_valid(operation, answer.json)
    new = tasks.id_in(answer.json)
    assert new != original
    assert original in str(answer.json)
    for name in ("size", "model"):
        assert answer.json.get(name) == before.get(name)
    timed.advance(20)
    assert tasks.phase(new) is Phase.SUCCEEDED
    assert original in str(tasks.body(new))
    if operation.task.extends:
        whole = int(before["seconds"]) + int(payload["seconds"])
        assert tasks.body(new)["seconds"] == str(whole)
