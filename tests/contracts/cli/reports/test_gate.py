"""The gate: known findings pass, new ones fail, fixed ones are listed."""

import json
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.cli.main import main
from contracts.report.baseline import REASON_PLACEHOLDER, BadBaseline, Baseline
from contracts.report.failure_policy import FailurePolicy
from contracts.report.model import (
    CallRecord,
    ClaimRecord,
    Finding,
    FindingKind,
    Outcome,
    Report,
    RunMetadata,
    TargetRecord,
)

TODAY = date(2026, 11, 21)
CLAIMS = ["createImage/request/n/maximum", "createImage/200/guarantees/decodes"]


def found(mark: str, claim: str = CLAIMS[0], basis: str = "documented") -> Finding:
    return Finding(
        kind=FindingKind.ACCEPTS_INVALID,
        check="refuses",
        claim=claim,
        basis=basis,
        source="Page, n",
        source_url="https://pages.example/n",
        message=f"n = 11 was accepted ({mark})",
        expected="400",
        case=f"{claim}/over",
        fingerprint=mark,
        request={"summary": "n=11", "curl": "curl …", "python": "…"},
        answer={"status": 200, "content_type": "application/json", "excerpt": "{}"},
    )


def reported(*findings: Finding, asked=CLAIMS, stopped=None) -> Report:
    claims = tuple(
        ClaimRecord(
            id=each,
            operation="createImage",
            subject="request",
            sentence="n is at most 10",
            source="S9#n",
            source_title="Page, n",
            source_url="",
            source_date="2026-11-01",
            basis="documented",
            pointer="/paths",
            asked=int(each in asked),
            mock="kept",
        )
        for each in CLAIMS
    )
    target = TargetRecord("mine", "Mine", "http://x", False, "1", 9, "USD", claims)
    outcomes = tuple(
        Outcome(
            provider="mine",
            case=each.case,
            operation="createImage",
            origin="probe",
            expectation="invalid",
            claims=(each.claim,),
            status=200,
            seconds=0.1,
            cost=0.0,
            findings=(each,),
        )
        for each in findings
    )
    run = RunMetadata("0", "2026-11-21T00:00:00+00:00", 0, (target,))
    return Report(run, outcomes, stopped)


@pytest.fixture
def gate(tmp_path):
    """Run the gate on a report; return its exit status and output."""

    def run(report: Report, *options: str, baseline: str = "baseline.yaml"):
        path = tmp_path / "report.jsonl"
        report.write(path)
        words = ["gate", str(path), "--baseline", str(tmp_path / baseline)]
        today = [] if "--today" in options else ["--today", TODAY.isoformat()]
        result = CliRunner().invoke(main, [*words, *today, *options])
        return result.exit_code, result.output

    run.folder = tmp_path
    return run


def test_a_new_finding_fails_and_says_how_it_may_pass(gate):
    status, output = gate(reported(found("one")))

    assert status == 1
    line = "new      Mine: n = 11 was accepted (one) (1 case; accepts-invalid, "
    assert f"{line}createImage/request/n/maximum) [one]" in output
    assert "--update" in output
    assert "fails: 1 new" in output


def test_an_update_does_not_say_that_the_gate_fails(gate):
    status, output = gate(reported(found("one")), "--update")

    assert status == 0
    assert "new      Mine: n = 11 was accepted (one)" in output
    assert "baseline.yaml: 1 accepted finding" in output
    assert "The gate" not in output


def test_an_accepted_finding_passes_until_its_date(gate):
    report = reported(found("one"))
    why = ("--update", "--reason", "they know", "--until", "2026-12-01")
    assert gate(report, *why)[0] == 0

    assert gate(report)[0] == 0
    assert gate(report, "--today", "2026-12-01")[0] == 0
    status, output = gate(report, "--today", "2026-12-02")
    assert status == 1
    assert "accepted until 2026-12-01: they know" in output


def test_a_fixed_finding_is_told_and_dropped_by_an_update(gate):
    gate(reported(found("one"), found("two", CLAIMS[1])), "--update")

    status, output = gate(reported(found("one")))
    assert status == 0
    assert "fixed    mine: n = 11 was accepted (two) (accepts-invalid, " in output

    gate(reported(found("one")), "--update")
    kept = Baseline.read(gate.folder / "baseline.yaml").accepted
    assert [each.fingerprint for each in kept] == ["one"]


@pytest.mark.parametrize("report", [reported(stopped="budget"), reported(asked=[])])
def test_what_was_not_asked_is_not_said_to_be_fixed(gate, report):
    gate(reported(found("one")), "--update")

    status, output = gate(report, "--update")

    assert status == 0
    assert "fixed" not in output
    assert len(Baseline.read(gate.folder / "baseline.yaml").accepted) == 1


def test_a_report_cut_short_fails_when_it_has_to_be_whole(gate):
    assert gate(reported(stopped="budget"))[0] == 0
    assert gate(reported(stopped="budget"), "--whole")[0] == 3


def test_a_missing_baseline_is_named_first(gate):
    path = gate.folder / "acepted.yaml"
    for report, status in ((reported(found("one")), 1), (reported(), 0)):
        code, output = gate(report, baseline=path.name)
        assert (code, output.splitlines()[0]) == (status, f"{path} does not exist")

    assert "does not exist" not in gate(reported(), "--update", baseline=path.name)[1]
    assert "does not exist" not in gate(reported(), baseline=path.name)[1]


def test_a_stale_entry_fails_if_the_baseline_is_strict(gate):
    gate(reported(found("one"), found("two", CLAIMS[1])), "--update")
    junit, page = gate.folder / "junit.xml", gate.folder / "gate.md"

    status, output = gate(
        reported(found("one")),
        "--strict-baseline",
        *("--junit", str(junit), "--markdown", str(page)),
    )

    assert status == 1
    entry = f"mine: n = 11 was accepted (two) (accepts-invalid, {CLAIMS[1]}) [two]"
    sentence = (
        f"{entry} was not seen, although its claim was tested: "
        "remove the entry from the baseline, or add --update"
    )
    assert output.splitlines()[0] == f"stale    {sentence}"
    assert "The gate fails: 1 stale, 1 known." in output
    assert ET.parse(junit).getroot().find(".//failure").get("message") == sentence
    assert "was not seen" in page.read_text()

    assert gate(reported(found("one")), "--strict-baseline", "--update")[0] == 0
    assert gate(reported(found("one")), "--strict-baseline")[0] == 0


@pytest.mark.parametrize("report", [reported(stopped="budget"), reported(asked=[])])
def test_an_untested_entry_does_not_fail_a_strict_baseline(gate, report):
    gate(reported(found("one")), "--update")

    assert gate(report, "--strict-baseline")[0] == 0


def cause(mark: str, *members: Finding) -> Finding:
    return replace(
        members[0],
        fingerprint=mark,
        provider="mine",
        title=f"every request fails ({mark})",
        cases=len(members),
        members=tuple(each.fingerprint for each in members),
    )


CHECKS = (found("a"), found("b", CLAIMS[1]))
WARNING = found("w", basis="assumed")


def test_a_cause_is_shown_in_one_line_with_its_title_and_number(gate):
    report = replace(reported(*CHECKS), causes=(cause("c", *CHECKS),))

    status, output = gate(report)

    assert status == 1
    _, line, *rest = output.splitlines()
    assert line == (
        "new      Mine: every request fails (c) (2 cases; accepts-invalid, "
        f"{CLAIMS[0]}) [c]"
    )
    assert rest[0] == "The gate fails: 1 new."


def test_warnings_follow_failures(gate):
    warning = replace(cause("w1", WARNING), basis="assumed")
    report = replace(reported(*CHECKS, WARNING), causes=(warning, cause("c", *CHECKS)))

    _, output = gate(report, "--strict")

    assert [line.split()[-1] for line in output.splitlines()[1:3]] == ["[c]", "[w1]"]


def test_entries_for_all_failed_checks_accept_their_cause(gate):
    gate(reported(*CHECKS), "--update")
    both = replace(reported(*CHECKS, WARNING), causes=(cause("c", *CHECKS, WARNING),))

    status, output = gate(both, "--strict-baseline")
    assert (status, output.count("known ")) == (0, 1)

    new = found("new")
    more = replace(reported(*CHECKS, new), causes=(cause("c", *CHECKS, new),))
    assert gate(more)[0] == 1


def test_an_update_accepts_a_cause_with_its_failed_checks(gate):
    report = replace(reported(*CHECKS, WARNING), causes=(cause("c", *CHECKS, WARNING),))
    gate(report, "--update", "--until", "2026-12-01")

    (entry,) = Baseline.read(gate.folder / "baseline.yaml").accepted
    assert (entry.fingerprint, entry.members) == ("c", ("a", "b"))
    assert entry.says == "every request fails (c)"
    late = ("--today", "2026-12-02")
    for again in (report, reported(*CHECKS)):
        assert gate(again)[0] == 0
        assert gate(again, *late)[0] == 1
    gate(reported(*CHECKS), *late, "--update", "--until", "2026-12-31")
    assert gate(report, *late)[0] == 0


def test_reasons_that_are_still_to_be_given_are_warned_about(gate):
    report = reported(found("one"), found("two"))
    warning = (
        "2 accepted findings have no reason: replace 'to be given' in the baseline"
    )

    assert warning in gate(report, "--update")[1]
    _, output = gate(report)
    assert warning in output
    assert output.count("; no reason yet") == 2

    path = gate.folder / "baseline.yaml"
    path.write_text(path.read_text().replace(REASON_PLACEHOLDER, "a ticket is open"))
    assert "no reason" not in gate(report)[1]


def test_differences_fail_only_when_asked_for(gate):
    report = reported(found("one", basis="assumed"))

    assert gate(report)[0] == 0
    assert gate(report, "--strict")[0] == 1


def test_without_update_nothing_is_written(gate):
    gate(reported(found("one")))

    assert not (gate.folder / "baseline.yaml").exists()


def test_an_update_keeps_what_people_wrote(gate):
    gate(reported(found("one")), "--update", "--reason", "a ticket is open")
    path = gate.folder / "baseline.yaml"
    path.write_text(path.read_text() + "  until: 2027-01-01\n")

    gate(reported(found("one"), found("two")), "--update")

    one, two = Baseline.read(path).accepted
    assert (one.reason, one.until) == ("a ticket is open", "2027-01-01")
    assert two.reason == REASON_PLACEHOLDER


@pytest.mark.parametrize("name", ["baseline.yaml", "baseline.json"])
def test_a_baseline_is_the_same_after_writing_and_reading(gate, name):
    gate(reported(found("b"), found("a", CLAIMS[1])), "--update", baseline=name)
    text = (gate.folder / name).read_text()

    gate(reported(found("a", CLAIMS[1]), found("b")), "--update", baseline=name)

    assert (gate.folder / name).read_text() == text
    if name.endswith("json"):
        assert json.loads(text)["format"] == "imageparity-baseline/1"


ENTRY = """\
format: imageparity-baseline/1
accepted:
  - {fingerprint: a, provider: mine, kind: crash, claim: c, says: s, reason: r,
     since: 2026-01-01}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "the file"),
        (ENTRY.replace("reason: r", "why: r"), "accepted/0"),
        (ENTRY.replace("2026-01-01", "2026-01-41"), "since is not a date"),
        (ENTRY.replace("2026-01-01", '"2026-01-41"'), "since is not a date"),
        (ENTRY + "".join(ENTRY.splitlines(keepends=True)[-2:]), "duplicate entry a"),
        (ENTRY.replace("baseline/1", "baseline/2"), "format"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_broken_baseline_is_refused_with_its_place(gate, text, said):
    (gate.folder / "baseline.yaml").write_text(text)

    status, output = gate(reported())

    assert status == 2
    assert said in output
    assert output.count("\n") == 1


def test_ci_is_told_in_its_own_formats(gate, monkeypatch):
    gate(reported(found("known")), "--update", "--reason", "they know")
    summary = gate.folder / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    junit, page = gate.folder / "junit.xml", gate.folder / "gate.md"

    report = reported(found("known"), found("new<b>|", CLAIMS[1]))
    gate(report, "--junit", str(junit), "--markdown", str(page))

    suite = ET.parse(junit).getroot().find("testsuite")
    assert dict(suite.attrib).items() >= {"tests": "2", "failures": "1"}.items()
    assert suite.find(".//failure").get("type") == "new"
    assert suite.find(".//skipped").get("message") == "they know"
    assert summary.read_text() == page.read_text()
    assert "1 new, 1 known" in page.read_text()
    assert "<b>" not in page.read_text()


def test_a_summary_is_short_before_its_folds_and_lacks_nothing(gate):
    page = gate.folder / "gate.md"
    marks = [f"mark-{n:02}" for n in range(60)]

    gate(reported(*map(found, marks)), "--markdown", str(page))

    head, fold, rest = page.read_text().partition("<details>")
    assert fold
    assert len(head.splitlines()) <= 40
    assert [mark for mark in marks if mark not in head + rest] == []


marks = st.sets(st.sampled_from("abcdef"))


@settings(deadline=None)
@given(seen=marks, accepted=marks, expired=marks)
def test_every_finding_and_every_entry_is_in_one_class(seen, accepted, expired):
    first = reported(*map(found, sorted(accepted)))
    empty = Baseline()
    judged = empty.judge(first, TODAY, FailurePolicy())
    baseline = empty.update(judged, TODAY, reason=None, until=None)
    old = [
        replace(e, until="2020-01-01") if e.fingerprint in expired else e
        for e in baseline.accepted
    ]

    found_ = Baseline(tuple(old)).judge(
        reported(*map(found, sorted(seen))), TODAY, FailurePolicy()
    )

    assert {e.finding.fingerprint for e in found_.new} == seen - accepted
    assert {e.fingerprint for _, e in found_.expired} == seen & accepted & expired
    assert {e.fingerprint for _, e in found_.accepted} == (seen & accepted) - expired
    assert {e.fingerprint for e in found_.fixed} == accepted - seen
    assert found_.passes == (not seen - accepted and not seen & accepted & expired)


def test_a_baseline_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "b.yaml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(BadBaseline, match="cannot be read"):
        Baseline.read(path)


def called(report: Report, call: CallRecord | None) -> Report:
    (target,) = report.metadata.targets
    metadata = replace(report.metadata, targets=(replace(target, call=call),))
    return replace(report, metadata=metadata)


def test_a_report_of_another_call_than_the_accepted_one_is_told(gate):
    first = called(reported(found("a")), CallRecord("header:api-key", ("x-team",)))
    other = called(reported(found("a")), CallRecord(models={"gpt-image-2": "mine"}))
    gate(first, "--update", "--reason", "R")

    assert "of a run with" not in gate(first)[1]
    status, output = gate(other)
    assert status == 0
    told = " ".join(output.split())
    assert (
        "the accepted findings are of a run with --auth header:api-key and --header "
        "x-team and no --model, this report is of one with --auth bearer and no "
        "--header and --model gpt-image-2=mine."
    ) in told
    assert "of a run with" not in gate(called(other, None))[1]
