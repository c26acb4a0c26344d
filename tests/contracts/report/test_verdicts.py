"""The verdicts on a server as a whole, and how reports show them."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from support.reports import claim, finding, outcome, report, target

import specs
from contracts.report.model import FindingKind
from contracts.report.summary import all_findings, provider_summaries
from contracts.report.verdicts import documentation_verdicts, reference_verdicts
from contracts.reporters import REPORTERS
from contracts.reporters.run.text import print_summary
from contracts.reporters.run.verdicts import verdict_rows
from specs.clients import clients

REFERENCE = claim("createImage/request/n/minimum", basis="reference", asked=1)
BOTH = target("one", claims=(claim(asked=1), REFERENCE))
DOCUMENTED = finding()
REFERRING = finding(
    claim=REFERENCE.id, basis="reference", fingerprint="e" * 16, case="x"
)


def rows(*outcomes, targets=(BOTH,)):
    made = report(*outcomes, targets=targets)
    found = all_findings(provider_summaries(made))
    return dict(verdict_rows(made, found))


def own_and_reference(*findings, targets=(BOTH,)):
    found = [*rows(outcome("one", findings), targets=targets).items()]
    return [text for _, text in found[:2]]


def test_the_reference_is_the_provider_that_says_so():
    marked = [
        each for each in map(specs.load, specs.names()) if each.dialect.is_reference
    ]

    assert [each.title for each in marked] == [specs.reference_title()]


def test_a_server_without_findings_keeps_both():
    assert own_and_reference() == ["yes", "yes"]


def test_a_documented_finding_counts_for_both():
    assert own_and_reference(DOCUMENTED) == ["no (finding 1)", "no (finding 1)"]


def test_a_finding_about_the_reference_counts_for_the_reference_only():
    assert own_and_reference(REFERRING) == ["yes", "no (finding 1)"]


@pytest.mark.parametrize(
    "changes",
    [{"basis": "assumed"}, {"kind": FindingKind.UNDOCUMENTED}, {"flaky": True}],
    ids=str,
)
def test_what_no_page_says_or_was_not_seen_again_counts_for_none(changes):
    assert own_and_reference(replace(REFERRING, **changes)) == ["yes", "yes"]


def test_the_checks_of_a_cause_decide_not_only_the_one_that_is_shown():
    assumed = replace(DOCUMENTED, basis="assumed", fingerprint="c" * 16)
    made = report(outcome("one", (assumed, REFERRING)), targets=(BOTH,))
    cause = replace(
        assumed,
        provider="one",
        fingerprint="a" * 16,
        members=(assumed.fingerprint, REFERRING.fingerprint),
    )
    made = replace(made, causes=(cause,))

    assert [each.findings for each in reference_verdicts(made)] == [(cause,)]
    assert [each.findings for each in documentation_verdicts(made)] == [()]


def test_a_document_that_takes_nothing_from_the_reference_has_no_second_verdict():
    own = target("one", claims=(claim(asked=1),))

    assert list(reference_verdicts(report(outcome("one"), targets=(own,)))) == []


def test_an_untested_document_is_neither_kept_nor_broken():
    unasked = target("one", claims=(claim(), replace(REFERENCE, asked=0)))

    assert own_and_reference(targets=(unasked,)) == ["not tested", "not tested"]


def test_several_targets_share_a_line():
    targets = (BOTH, replace(BOTH, provider="two", title="Two"))

    found = rows(outcome("one", [DOCUMENTED]), outcome("two"), targets=targets)
    same = rows(outcome("one"), outcome("two"), targets=targets)

    assert found["conforms to its documentation"] == "no: One (finding 1); yes: Two"
    assert same["conforms to its documentation"] == "yes: all two"


def test_many_findings_are_counted_not_listed():
    many = [replace(DOCUMENTED, fingerprint=f"{n:016}") for n in range(9)]

    first, _ = own_and_reference(*many)

    assert first == "no (findings 1, 2, 3, 4, 5, 6 and 3 more)"


def test_the_terminal_and_markdown_show_the_verdicts():
    made = report(outcome("one", [DOCUMENTED]), targets=(BOTH,))
    console = Console(file=io.StringIO(), width=80)
    print_summary(made, console)
    text, markdown = console.file.getvalue(), REPORTERS["markdown"].render(made)

    question = f"behaves as {specs.reference_title()}'s reference"
    for shown in (text, markdown):
        assert "conforms to its documentation" in shown
        assert question in shown
        assert all(each in shown for each in clients())
        assert "1. One: failed" in shown
    assert f"- **{question}:** no (finding 1)" in markdown
