"""Files and responses with arbitrary bytes: rejected with the file name."""

import asyncio
import io
import json
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.http import picture
from support.properties import examples

import mockserver
import specs
from contracts.execution.campaign import Campaign
from contracts.execution.mocks import MOCK_KEY
from contracts.execution.run import execute, start
from contracts.execution.sending.recording import BadRecording, CassetteSession
from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction
from contracts.media.image.observation import decode_image
from contracts.planning.case import Case, body_of
from contracts.planning.generation.example_database import FORMAT as EXAMPLES
from contracts.planning.generation.example_database import ExampleDatabase
from contracts.report.baseline import BadBaseline, Baseline
from contracts.report.model import BadReport, Report
from contracts.reporters import REPORTERS
from contracts.reporters.run import text
from specs import State
from specs.validation.strict_json import MAX_DEPTH, MAX_VALUES, strict_json

NAME = "tokenhub"
PROVIDER = specs.load(NAME)
CASE = Case(
    "createImage/request/plain",
    "createImage",
    "probe",
    State.VALID,
    payload={"model": "openai/gpt-image-2", "prompt": "A red cube"},
)
ACCEPTED = {
    "format": "imageparity-baseline/1",
    "accepted": [
        {
            "fingerprint": "a",
            "provider": NAME,
            "kind": "crash",
            "claim": "createImage/path",
            "says": "status 500",
            "reason": "known",
            "since": date(2026, 1, 2).isoformat(),
        }
    ],
}
KEPT = {
    "format": EXAMPLES,
    "examples": [
        {
            "operation": "createImage",
            "media_type": "application/json",
            "payload": {
                "model": "gpt-image-2",
                "prompt": "A",
                "image": {"$picture": {}},
            },
            "passed": 0,
        }
    ],
}

odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -1, 1e308, float("inf"), float("nan"), "", "\x00"])
    | st.text(st.characters(), max_size=8)  # lone surrogates as well
    | st.dates().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
deep = st.sampled_from([b"[" * 2000, b'{"a":' * 2000, b"[" * 400 + b"]" * 400])
fuzz = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to each part of a value."""
    steps = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        steps = enumerate(value)
    return [above, *(way for at, each in steps for way in places(each, (*above, at)))]


def changed(data: st.DataObject, whole: Any) -> Any:
    """A value with one part replaced or removed."""
    way = data.draw(st.sampled_from(places(whole)), label="place")
    if not way:
        return data.draw(odd)
    whole = deepcopy(whole)
    holder = whole
    for step in way[:-1]:
        holder = holder[step]
    if data.draw(st.booleans(), label="lost"):
        del holder[way[-1]]
    else:
        holder[way[-1]] = data.draw(odd)
    return whole


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """Bytes with a part removed or replaced."""
    begin = data.draw(st.integers(0, len(whole)))
    lost = data.draw(st.sampled_from([0, 1, 9, len(whole)]))
    part = data.draw(st.binary(max_size=8) | deep)
    return whole[:begin] + part + whole[begin + lost :]


def write(data: st.DataObject, path: Path, whole: bytes, value: Any) -> None:
    """Write a file with nearly the given bytes or the given value."""
    if data.draw(st.booleans(), label="damaged"):
        path.write_bytes(damaged(data, whole))
    else:
        path.write_text(json.dumps(changed(data, value)))


@dataclass(repr=False)
class Recorded:
    """The lines of a report with few claims, and the folder of its recording."""

    lines: list[Any]
    folder: Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Recorded:
    """The report and the recording of a run with findings."""
    provider = PROVIDER
    folder = tmp_path_factory.mktemp("tape")
    with mockserver.running("openai") as other:  # which conforms otherwise
        campaign = Campaign(
            provider,
            Target(other.base_url, MOCK_KEY),
            selected_cases=[CASE],
            fuzz=False,
            is_paid=True,
            cassette=CassetteSession.recording(NAME, folder),
        )
        run = start([campaign], version="0", seed=0)
        asyncio.run(execute(run))
    report = run.report()
    assert report.findings
    lines = [json.loads(line) for line in report.to_lines()]
    (target,) = lines[0]["targets"]
    target["claims"] = target["claims"][:2]
    return Recorded(lines, folder)


@fuzz
@given(data=st.data())
def test_a_report_of_any_kind_is_refused_or_can_be_shown(recorded, data, tmp_path):
    rows = recorded.lines
    path = tmp_path / "report.jsonl"
    if data.draw(st.booleans(), label="damaged"):
        lines = [json.dumps(each).encode() + b"\n" for each in rows]
        path.write_bytes(damaged(data, b"".join(lines)))
    else:
        at = data.draw(st.integers(0, len(rows) - 1), label="line")
        odd_rows = [*rows[:at], changed(data, rows[at]), *rows[at + 1 :]]
        path.write_text("".join(json.dumps(each) + "\n" for each in odd_rows))

    try:
        report = Report.read(path)
    except BadReport as error:
        said = str(error)
        assert said.startswith(str(path))
        assert len(said) < 600
    else:
        for reporter in REPORTERS.values():
            assert reporter.render(report).encode()
        text.print_summary(report, Console(file=io.StringIO()))


@fuzz
@given(data=st.data())
def test_a_baseline_of_any_kind_is_refused_or_can_be_written_again(data, tmp_path):
    path = tmp_path / "baseline.yaml"
    write(data, path, yaml.safe_dump(ACCEPTED).encode(), ACCEPTED)

    try:
        found = Baseline.read(path)
    except BadBaseline as error:
        said = str(error)
        assert said.startswith(str(path))
    else:
        found.write(path)
        assert Baseline.read(path) == found


@fuzz
@given(data=st.data())
def test_a_tape_of_any_kind_is_refused_or_can_be_played(recorded, data, tmp_path):
    (tape,) = recorded.folder.glob("*.json")
    pictures = tmp_path / "pictures"
    if not pictures.exists():
        pictures.symlink_to(recorded.folder / "pictures")
    whole = tape.read_bytes()
    write(data, tmp_path / tape.name, whole, json.loads(whole))

    try:
        played = CassetteSession.replaying(NAME, tmp_path).replay(
            CASE, body_of(CASE)[0]
        )
        found = asyncio.run(played)
    except BadRecording as error:
        said = str(error)
        assert said.startswith(str(tmp_path))
    else:
        assert found.outputs is not None


@fuzz
@given(data=st.data())
def test_examples_of_any_kind_are_read_or_set_aside(data, tmp_path):
    path = tmp_path / f"{NAME}.json"
    write(data, path, json.dumps(KEPT).encode(), KEPT)

    found = ExampleDatabase(tmp_path).cases(PROVIDER)

    assert len(found) <= 1
    assert path.exists() or path.with_suffix(".damaged").exists()


EVENTS = (
    b'event: a\ndata: {"type": "x.completed", "b64_json": "AA=="}\n\n: b\n\ndata:\n\n'
)


@fuzz
@given(st.data(), st.sampled_from(["event-stream", "html"]))
def test_an_answer_of_any_bytes_can_be_looked_at(data, kind):
    body = damaged(data, EVENTS)
    case = Case("a", "createImage", "probe", State.VALID)
    found = Interaction(case, 200, {"content-type": f"text/{kind}"}, body, 0.1)

    for event in found.events:
        assert event.problem or json.dumps(event.data).encode()
    assert len(found.outputs) <= len(found.items) + len(found.events)
    assert found.object is None or found.object == json.loads(body)


@fuzz
@given(st.data())
def test_a_picture_of_any_bytes_decodes_or_does_not(data):
    whole = picture(9, 9)
    body = damaged(data, whole)

    found = decode_image(body)

    assert found.data == body
    assert found.problem or found.size == "9x9" or body != whole


@fuzz
@given(odd)
def test_what_is_strict_json_is_json(value):
    body = json.dumps(value).encode()

    try:
        found = strict_json(body)
    except ValueError as error:
        said = str(error)
        assert said
    else:
        assert found == json.loads(body)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper"),
        (b"[" * 100_000, "deeper"),
        (b"[" + b"0," * MAX_VALUES + b"0]", "values"),
        (b"1" * 5000, "digits"),
        (b"[-1e999]", "out of range"),
        (b"[NaN]", "NaN"),
        (b'["\\uDC00"]', "surrogate"),
        (b"\xef\xbb\xbf[]", "BOM"),
        (b'["\xff"]', "decode"),
    ],
)
def test_what_readers_do_not_agree_on_is_refused(body, said):
    with pytest.raises(ValueError, match=said):
        strict_json(body)


def test_what_is_much_and_what_is_deep_is_still_read():
    assert strict_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert strict_json(json.dumps({"prompt": ", [{" * MAX_VALUES}).encode())
    assert strict_json(b'["\\ud83d\\ude00", "\\\\ud800"]') == ["\U0001f600", "\\ud800"]
