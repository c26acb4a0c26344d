"""Generated findings are sent again in the next runs, and dropped once fixed."""

import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import specs
from contracts.media.files import Sample
from contracts.planning.case import Case
from contracts.planning.generation.example_database import (
    DROP_AFTER_PASSES,
    MAX_EXAMPLES,
    SCHEMA,
    ExampleDatabase,
)
from contracts.planning.generation.example_database import _deserialize as pictured
from contracts.planning.generation.example_database import _serialize as described
from specs import FORM, JSON, State
from specs.validation.engine import is_instance

BASE = {"model": "gpt-image-2", "prompt": "A red cube"}


@pytest.fixture(scope="module")
def tokenhub() -> specs.Provider:
    return specs.load("tokenhub")


def drawn(number: int = 1, **payload) -> Case:
    return Case(
        f"createImage/request/fuzz/{number}",
        "createImage",
        "fuzz",
        State.VALID,
        JSON,
        {**BASE, **payload},
    )


def kept(folder, provider, *cases: Case) -> list[Case]:
    examples = ExampleDatabase(folder)
    for case in cases:
        examples.add("tokenhub", case)
    examples.save()
    return ExampleDatabase(folder).cases(provider)


def test_an_example_comes_back_judged_anew(tmp_path, tokenhub):
    good, bad = kept(tmp_path, tokenhub, drawn(quality="high"), drawn(n=11))

    assert good.payload == {**BASE, "quality": "high"}
    assert good.origin == bad.origin == "remembered"
    assert good.expectation is State.VALID
    assert good.expected_error is None
    assert bad.expectation is State.INVALID
    assert bad.expected_error
    assert bad.expected_error.claim == "createImage/request/n/maximum"


def test_pictures_are_kept_by_their_facts(tmp_path, tokenhub):
    files = [Sample(width=96), Sample(alpha=True, variant=2)]
    payload = {**BASE, "image": files}
    case = Case(
        "createImageEdit/request-form/schemathesis/positive/1",
        "createImageEdit",
        "schemathesis",
        State.VALID,
        FORM,
        payload,
    )

    (again,) = kept(tmp_path, tokenhub, case)

    assert again.payload == payload


def test_the_same_request_is_kept_once_and_bears_the_same_name(tmp_path, tokenhub):
    (first,) = kept(tmp_path, tokenhub, drawn(1, n=2))
    (second,) = kept(tmp_path, tokenhub, drawn(7, n=2))

    assert first.id == second.id


def test_planned_cases_are_not_kept(tmp_path, tokenhub):
    planned = replace(drawn(), id="createImage/request/n/value-2", origin="probe")

    assert kept(tmp_path, tokenhub, planned) == []


def test_what_passes_often_enough_is_forgotten(tmp_path, tokenhub):
    kept(tmp_path, tokenhub, drawn(n=2))
    for _ in range(DROP_AFTER_PASSES):
        examples = ExampleDatabase(tmp_path)
        (case,) = examples.cases(tokenhub)
        examples.mark_passed("tokenhub", case)
        examples.save()

    assert ExampleDatabase(tmp_path).cases(tokenhub) == []


def test_a_fault_that_comes_back_is_not_forgotten(tmp_path, tokenhub):
    kept(tmp_path, tokenhub, drawn(n=2))
    for has_passed in (True, True, False, True, True):
        examples = ExampleDatabase(tmp_path)
        (case,) = examples.cases(tokenhub)
        (examples.mark_passed if has_passed else examples.add)("tokenhub", case)
        examples.save()

    assert ExampleDatabase(tmp_path).cases(tokenhub)


def test_what_the_document_no_longer_speaks_of_is_forgotten(tmp_path, tokenhub):
    kept(tmp_path, tokenhub, drawn(unheard_of=1))
    for _ in range(DROP_AFTER_PASSES):
        examples = ExampleDatabase(tmp_path)
        assert examples.cases(tokenhub) == []
        examples.save()

    assert json.loads((tmp_path / "tokenhub.json").read_text())["examples"] == []


def test_only_so_many_are_kept_the_newest(tmp_path, tokenhub):
    cases = [
        drawn(number, prompt=f"Cube {number}") for number in range(MAX_EXAMPLES + 5)
    ]

    found = kept(tmp_path, tokenhub, *cases)

    assert [each.payload["prompt"] for each in found] == [
        f"Cube {number}" for number in range(5, MAX_EXAMPLES + 5)
    ]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"format": "imageparity-examples/0", "examples": []}',
        b'{"format": "imageparity-examples/1", "examples": [{"operation": "x"}]}',
        (
            b'{"format": "imageparity-examples/1", "examples": [{"operation": "x",'
            b'"media_type": "y", "payload": {"image": {"$picture": {"width": "9"}}},'
            b'"passed": 0}]}'
        ),
    ],
)
def test_a_damaged_file_is_set_aside(tmp_path, tokenhub, caplog, damage: bytes):
    path = tmp_path / "tokenhub.json"
    path.write_bytes(damage)

    assert ExampleDatabase(tmp_path).cases(tokenhub) == []
    assert "tokenhub.json is damaged" in caplog.text
    assert path.with_suffix(".damaged").read_bytes() == damage
    assert len(kept(tmp_path, tokenhub, drawn())) == 1


def test_runs_at_the_same_time_lose_nothing(tmp_path, tokenhub):
    words = """
import sys
from contracts.planning.case import Case
from contracts.planning.generation.example_database import ExampleDatabase
from specs import State
for turn in range(10):
    examples = ExampleDatabase(sys.argv[1])
    payload = {"model": "gpt-image-2", "prompt": f"{sys.argv[2]} {turn}"}
    id_ = "createImage/request/fuzz/1"
    case = Case(id_, "createImage", "fuzz", State.VALID, payload=payload)
    examples.add("tokenhub", case)
    examples.save()
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", words, str(tmp_path), name])
        for name in ("one", "two", "three")
    ]

    assert [each.wait() for each in runs] == [0, 0, 0]
    assert len(ExampleDatabase(tmp_path).cases(tokenhub)) == 30


def test_nothing_is_written_for_a_run_without_examples(tmp_path, tokenhub):
    examples = ExampleDatabase(tmp_path / "none")

    assert examples.cases(tokenhub) == []
    examples.save()
    assert not (tmp_path / "none").exists()


def test_the_folder_keeps_itself_out_of_version_control(tmp_path, tokenhub):
    kept(tmp_path, tokenhub, drawn())

    assert (tmp_path / ".gitignore").read_text() == "*\n"


SAMPLES = st.builds(
    Sample, format=st.sampled_from(["png", None]), variant=st.integers(0, 3)
)
PLAIN = st.none() | st.booleans() | st.integers() | st.text() | SAMPLES
NAMES = st.text() | st.sampled_from(["$picture", "$", "$$picture", "picture"])
VALUES = st.recursive(
    PLAIN, lambda each: st.lists(each) | st.dictionaries(NAMES, each), max_leaves=8
)


@given(st.dictionaries(NAMES, VALUES))
def test_any_payload_survives_its_description(payload):
    text = json.dumps(described(payload))

    assert repr(pictured(json.loads(text))) == repr(payload)
    row = {"operation": "o", "media_type": "m", "passed": 0}
    row["payload"] = json.loads(text)
    whole = {"format": "imageparity-examples/1", "examples": [row]}
    assert is_instance(SCHEMA, whole)
    assert set(asdict(Sample())) == set(SCHEMA["$defs"]["picture"]["properties"])
