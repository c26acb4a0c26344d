"""The progress of a task as a function of its record, the time and its reads."""

import random
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tasks import AT_NOON, KINDS

from mockserver.media.templates import fill
from mockserver.pipeline.tasks.ids import new_id
from mockserver.simulation.task_mode import MAX_POLLS, MAX_SECONDS, TaskMode, parse_mode
from mockserver.simulation.task_progress import (
    TaskOutcome,
    first_progress,
    progress_between,
    progress_of,
)
from mockserver.state.tasks import TaskRecord
from specs import Phase

kinds = st.sampled_from([each.kind for each in KINDS])
outcomes = st.sampled_from([each for each in TaskOutcome if each != "flapping"])
modes = st.one_of(
    st.just(TaskMode("immediate", 0)),
    st.integers(1, 20).map(lambda amount: TaskMode("polls", amount)),
    st.floats(0, 1e6).map(lambda amount: TaskMode("seconds", amount)),
)
steps = st.lists(st.floats(0, 1e6), min_size=1, max_size=12)


def record_of(mode, outcome, created_at=AT_NOON):
    return TaskRecord(
        id="a",
        kind="kind",
        operation="create",
        created_at=created_at,
        mode=mode.name,
        amount=mode.amount,
        outcome=str(outcome),
    )


def course(record, kind, waits):
    """The progress at each read, as the server counts reads and notes the end."""
    now, found = record.created_at, [progress_of(record, kind, record.created_at)]
    for wait in waits:
        now += wait
        if record.mode == "polls":
            record = replace(record, reads=record.reads + 1)
            is_done = record.reads >= record.amount and record.finished_at is None
            if is_done and not TaskOutcome(record.outcome).is_endless:
                record = replace(record, finished_at=now)
        found.append(progress_of(record, kind, now))
    return record, found


@given(kinds, modes, outcomes, steps)
def test_a_task_only_moves_forward_and_its_end_stays(kind, mode, outcome, waits):
    _, found = course(record_of(mode, outcome), kind, waits)

    for before, after in pairwise(found):
        if before is None:
            assert after is None
            continue
        if after is None:
            assert outcome == "lost"
            continue
        assert before.fraction <= after.fraction <= 1
        assert before.updated_at <= after.updated_at
        if before.is_final:
            assert after == before
        if before.state != after.state:
            allowed = kind.moves.after(before.state.name) if kind.moves else None
            assert allowed is None or after.state.name in allowed


@given(kinds, modes, outcomes, steps, st.integers(0, 12))
def test_a_cancelled_task_stays_cancelled(kind, mode, outcome, waits, cut):
    record, before = course(record_of(mode, outcome), kind, waits[:cut])
    now = record.created_at + sum(waits[:cut])
    if before[-1] is None or before[-1].is_final:
        return
    record = replace(record, cancelled_at=now)
    found = [progress_of(record, kind, now + each) for each in (0, *waits)]

    assert all(each == found[0] for each in found)
    assert found[0].state.phase in {Phase.CANCELLED, Phase.FAILED}
    assert found[0].fraction >= before[-1].fraction


@given(kinds, modes, outcomes, steps)
def test_a_progress_of_1_means_success(kind, mode, outcome, waits):
    _, found = course(record_of(mode, outcome), kind, waits)

    for progress in filter(None, found):
        is_done = progress.state.phase is Phase.SUCCEEDED
        assert (progress.fraction == 1) is is_done
        assert is_done <= (outcome == "succeeded")


@given(kinds, st.floats(1, 1e6), outcomes, st.lists(st.floats(0, 1), max_size=5))
def test_no_state_is_left_out_however_rarely_one_looks(kind, amount, outcome, parts):
    record = record_of(TaskMode("seconds", amount), outcome)
    states, after = [first_progress(record, kind).state], AT_NOON
    for part in [*sorted(parts), 1.1]:
        now = AT_NOON + part * amount
        states += [each.state for each in progress_between(record, kind, after, now)]
        after = now
    seen = list(dict.fromkeys(each.name for each in states))

    expected = [kind.first(Phase.WAITING, Phase.RUNNING).name]
    expected.append(kind.first(Phase.RUNNING, Phase.WAITING).name)
    assert seen[: len(dict.fromkeys(expected))] == list(dict.fromkeys(expected))


@given(modes.filter(lambda mode: mode.name != "seconds"))
def test_the_text_of_a_mode_is_the_mode(mode):
    assert parse_mode(str(mode)) == mode


@pytest.mark.parametrize(
    "text",
    [
        *("", "later", "immediate=1", "seconds=", "seconds=-1", "seconds=nan"),
        *("polls=0", "polls=1.5", f"polls={MAX_POLLS + 1}"),
        f"seconds={MAX_SECONDS + 1:.0f}",
    ],
)
def test_other_texts_are_no_mode(text):
    with pytest.raises(ValueError, match=r"immediate|polls|seconds"):
        parse_mode(text)


# Templates

FACTS = {
    "id": "t1",
    "n": 3,
    "half": 0.5,
    "whole": 8.0,
    "none": None,
    "request.size": None,
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"id": "{id}", "n": "{n}"}, {"id": "t1", "n": 3}),
        ({"n": "{n:str}", "whole": "{whole:str}"}, {"n": "3", "whole": "8"}),
        ("task {id} of {n}", "task t1 of 3"),
        ("{half} {none}", "0.5 "),
        ({"a": "{none}", "b": "{unknown}"}, {"a": None, "b": None}),
        ({"a": "{request.size}", "b": "{request.x}", "c": 1}, {"c": 1}),
        (
            {"a": "{request.size:null}", "b": "{output.url:null}"},
            {"a": None, "b": None},
        ),
        ({"error": {"code": "{error.code}", "message": "{error.message}"}}, {}),
        ({"error": {"code": "{error.code}", "type": "e"}}, {"error": {"type": "e"}}),
        ({"empty": {}, "list": []}, {"empty": {}, "list": []}),
        ({"error": "{error.code}"}, {}),
        (["{request.x}", "{n}"], [3]),
        ({"a": True, "b": 1.5, "c": None}, {"a": True, "b": 1.5, "c": None}),
    ],
)
def test_a_template_is_filled(template, expected):
    assert fill(template, FACTS, ()) == expected


def test_a_list_of_one_item_is_repeated_for_each_output():
    outputs = [{"output.url": "u0", "output.index": 0}, {"output.url": "u1"}]
    template = {
        "first": "{output.url}",
        "videos": [{"id": "{id}", "url": "{output.url}", "at": "{output.index}"}],
        "plain": ["{id}"],
    }

    assert fill(template, FACTS, outputs) == {
        "first": "u0",
        "videos": [{"id": "t1", "url": "u0", "at": 0}, {"id": "t1", "url": "u1"}],
        "plain": ["t1"],
    }
    assert fill(template, FACTS, ()) == {"videos": [], "plain": ["t1"]}
    assert fill([{"b64": "{output.b64_json}"}], FACTS, outputs) == []


# Ids

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("{digits:18}", r"[1-9]\d{17}"),
        ("{hex:32}", r"[0-9a-f]{32}"),
        ("task_{letters:24}", r"task_[0-9a-z]{24}"),
        ("cgt-{time}-{letters:5}", r"cgt-20260504120000-[0-9a-z]{5}"),
        ("{uuid}", UUID),
        ("models/{model}/operations/{uuid}", rf"models/veo-3/operations/{UUID}"),
        ("projects/{path:project}/{hex:32}", r"projects/mine/[0-9a-f]{32}"),
    ],
)
def test_an_id_has_the_form_of_the_document(form, pattern):
    rng = random.Random(1)
    path = {"project": "mine"}
    ids = {new_id(form, rng, AT_NOON, "veo-3", path) for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch(pattern, each) for each in ids)
