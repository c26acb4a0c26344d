"""The findings that fail a run, as selected by `--fail-on`."""

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.relays import on_refusal, relay, replace
from support.reports import finding, outcome, report, target

import contracts
import specs
from contracts.cli.main import main
from contracts.judging.guarantees.table import GUARANTEES
from contracts.judging.tasks.guarantees import TASK_GUARANTEES
from contracts.report.failure_policy import CHECKS, KINDS, FailurePolicy
from contracts.report.model import CheckName, FindingKind
from mockserver.cli.common import UsageError
from mockserver.embedded.starter import serve_in_thread

SIZE = finding(
    kind=FindingKind.WRONG_RESPONSE,
    check="size-as-asked",
    claim="createImage/200/guarantees/size-as-asked",
)
ASSUMED = finding(basis="assumed")
EXTRA = finding(kind=FindingKind.UNDOCUMENTED)


@pytest.mark.parametrize(
    ("pattern", "failing"),
    [
        ("broken", [SIZE]),
        ("difference", [SIZE, ASSUMED]),
        ("wrong-response", [SIZE]),
        ("wrong-*", [SIZE]),
        ("size-as-asked", [SIZE]),
        ("createImage/*/size-as-asked", [SIZE]),
        ("accepts-invalid", []),
        ("undocumented", []),
    ],
)
def test_a_pattern_is_for_kind_check_or_claim_of_what_is_promised(pattern, failing):
    fail_on = FailurePolicy((pattern,))

    assert [e for e in (SIZE, ASSUMED, EXTRA) if fail_on.fails(e)] == failing


kinds, bases = st.sampled_from(FindingKind), st.sampled_from(["documented", "assumed"])


@given(kind=kinds, basis=bases, pattern=st.sampled_from(["*", *KINDS, *CHECKS]))
def test_no_pattern_but_difference_fails_what_is_not_promised(kind, basis, pattern):
    found = finding(kind=kind, basis=basis)

    assert FailurePolicy().fails(found) == found.breaks
    assert FailurePolicy(("difference",)).fails(found) == (
        kind is not FindingKind.UNDOCUMENTED
    )
    if FailurePolicy((pattern,)).fails(found):
        assert found.breaks
        assert FailurePolicy(("difference",)).fails(found)


def literal_checks():
    """The checks of observations that are written as text, not as a `CheckName`."""
    for file in Path(contracts.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id == "Observation" and len(node.args) > 1:
                check = node.args[1]
                if isinstance(check, ast.Constant):
                    yield check.value


def test_every_check_can_be_named():
    assert list(literal_checks()) == []
    assert set(GUARANTEES) == set(specs.GUARANTEES)
    assert {*CheckName, *GUARANTEES, *TASK_GUARANTEES} == set(CHECKS)


@pytest.mark.parametrize("pattern", ["rejects_valid", "createImag/*", "undocumented"])
def test_a_pattern_that_nothing_can_fit_is_refused(pattern):
    with pytest.raises(UsageError, match=pattern.replace("*", r"\*")):
        FailurePolicy(("broken", pattern)).validate(
            lambda: ["createImage/request/n/maximum"]
        )


def test_patterns_that_something_can_fit_are_taken():
    claims = ["createImage/request/n/maximum"]

    for pattern in (*KINDS, *CHECKS, "createImage/request/n/*", "schemathesis:*"):
        policy = FailurePolicy((pattern,))
        assert policy.validate(lambda: claims) is None
        assert policy.patterns == (pattern,)


def status(*words):
    done = CliRunner().invoke(
        main, list(map(str, words)), env={"TOKENHUB_API_KEY": "th-very-secret"}
    )
    assert done.exit_code != 2 or done.output.startswith("Error: "), done.output
    return done.exit_code


@pytest.fixture
def written(tmp_path):
    """A file with a report that has a failed claim and a warning."""
    found = [SIZE, finding(basis="assumed", fingerprint="d" * 16)]
    made = report(outcome("one", found), targets=(target("one"),))
    made.write(tmp_path / "report.jsonl")
    return tmp_path / "report.jsonl"


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("broken", 1),
        ("size-as-asked", 1),
        ("rejects-valid", 0),
        ("rejects-valid,wrong-response", 1),
        ("difference", 1),
        ("nothing-of-this-name", 2),
    ],
)
def test_show_and_gate_fail_on_what_is_named(written, patterns, expected):
    option = f"--fail-on={patterns}"

    assert status("show", written, option) == expected
    assert status("gate", written, "--baseline", "none.yaml", option) == expected


def test_a_baseline_takes_in_no_more_than_what_fails(written, tmp_path):
    words = ("gate", written, "--baseline", tmp_path / "b.yaml")

    status(*words, "--fail-on=broken", "--update")

    assert status(*words) == 0
    assert status(*words, "--fail-on=difference") == status(*words, "--strict") == 1


def test_a_run_fails_on_what_is_named(mock):
    crash = on_refusal(lambda said: replace(said, status=500))
    words = ("--no-fuzz", "--only", "createImage/request/n/")
    with serve_in_thread(relay(mock.url, answer=crash)) as (url, _):
        run = ("run", f"tokenhub={url}/tokenhub/api/v1", *words)

        assert status(*run, "--fail-on=crash") == 1
        assert status(*run, "--fail-on=rejects-valid") == 0
        assert status(*run, "--fail-on=crash", "--max-cases=3") == 3
    assert status("run", "tokenhub", "--fail-on=crashes", *words) == 2
    both = ("run", "--same-questions", "--fail-on=crash")
    assert status(*both) == 2
