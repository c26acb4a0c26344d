import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.report.file import atomic_write
from contracts.report.model import (
    BadReport,
    ClaimRecord,
    Finding,
    FindingKind,
    Outcome,
    Report,
    RunMetadata,
    TargetRecord,
)

texts = st.text(max_size=20)
findings = st.builds(
    Finding,
    kind=st.sampled_from(FindingKind),
    check=texts,
    claim=texts,
    basis=st.sampled_from(["documented", "reference", "assumed"]),
    source=texts,
    source_url=texts,
    message=texts,
    expected=texts,
    case=texts,
    fingerprint=texts,
    request=st.fixed_dictionaries({"summary": texts, "curl": texts, "python": texts}),
    answer=st.fixed_dictionaries(
        {
            "status": st.none() | st.integers(100, 599),
            "content_type": texts,
            "excerpt": texts,
        }
    ),
)
outcomes = st.builds(
    Outcome,
    provider=st.sampled_from(["a", "b"]),
    case=texts,
    operation=texts,
    origin=st.sampled_from(["probe", "fuzz"]),
    expectation=st.sampled_from(["valid", "invalid", "unspecified"]),
    claims=st.lists(texts, max_size=3).map(tuple),
    status=st.none() | st.integers(100, 599),
    seconds=st.floats(0, 100),
    cost=st.none() | st.floats(0, 10),
    findings=st.lists(findings, max_size=2).map(tuple),
)
claim_records = st.builds(
    ClaimRecord,
    *[texts] * 2,
    st.sampled_from(["request", "answer"]),
    *[texts] * 5,
    st.sampled_from(["documented", "assumed"]),
    texts,
    asked=st.integers(0, 9),
    mock=st.sampled_from(["kept", "enforced"]),
)
targets = st.builds(
    TargetRecord,
    texts,
    texts,
    texts,
    st.booleans(),
    texts,
    st.integers(0, 9),
    st.none() | texts,
    st.lists(claim_records, max_size=2).map(tuple),
)
reports = st.builds(
    Report,
    st.builds(
        RunMetadata,
        texts,
        texts,
        st.integers(),
        st.lists(targets, max_size=2).map(tuple),
    ),
    st.lists(outcomes, max_size=4).map(tuple),
    st.sampled_from([None, "budget", "interrupt"]),
)


@given(reports)
def test_a_report_survives_being_written_and_read(report):
    assert Report.from_lines(report.to_lines()) == report


@given(reports, st.data())
def test_a_report_cut_short_is_refused(report, data):
    text = "".join(report.to_lines())
    end = data.draw(st.integers(0, len(text) - 2))

    with pytest.raises(BadReport):
        Report.from_lines(text[:end].splitlines(keepends=True))


def test_another_format_is_refused_by_name():
    lines = [json.dumps({"type": "run", "format": "other/9"}), "{}"]

    with pytest.raises(BadReport, match="other/9"):
        Report.from_lines(lines)


def test_a_finding_breaks_a_promise_only_where_the_provider_makes_it():
    made = findings.example

    def breaks(kind: FindingKind, basis: str) -> bool:
        return Finding(kind, *["x"] * 0, **_fields(basis)).breaks

    assert made
    assert breaks(FindingKind.CRASH, "documented")
    assert not breaks(FindingKind.CRASH, "reference")
    assert not breaks(FindingKind.ACCEPTS_INVALID, "assumed")
    assert not breaks(FindingKind.UNDOCUMENTED, "documented")


def _fields(basis: str) -> dict:
    names = [
        "check",
        "claim",
        "source",
        "source_url",
        "message",
        "expected",
        "case",
        "fingerprint",
    ]
    return {**dict.fromkeys(names, "x"), "basis": basis, "request": {}, "answer": {}}


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "report"
    path.write_text("before")

    def write_half() -> None:
        with atomic_write(path) as out:
            out.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
