"""Deed against paper and against peers: the seven verdicts, and the kinds apart."""

import asyncio
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liars.cast import Liar, right
from liars.lies import crashing
from liars.minimal import serving
from liars.openai import service
from questioning import asked_of
from rich.console import Console

import specs
from contracts import compare as comparison
from contracts.compare import Comparison, Conformance, DifferenceKind, MeasuredBehavior
from contracts.compare.measured.claim_rows import row_of
from contracts.compare.servers import run as differential
from contracts.compare.servers.model import Differences
from contracts.execution.client import Target
from contracts.execution.targets import NamedTarget
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import BadReport, Report
from contracts.reporters.run.text import print_summary

EVERY = [specs.load(name) for name in specs.names()]
# A lie about one parameter, and what is then said of it.
LIES = (
    ("openai", "createImage", "n", "n-ignored", FeatureVerdict.IGNORED),
    ("openai", "createImage", "n", "one-too-many", FeatureVerdict.ALTERED),
    ("openai", "createImage", "n", "two-refused", FeatureVerdict.REFUSED),
    ("openai", "createImage", "size", "size-ignored", FeatureVerdict.IGNORED),
    ("openai", "createImage", "size", "one-pixel-short", FeatureVerdict.ALTERED),
    ("openai", "createImage", "size", "sides-swapped", FeatureVerdict.ALTERED),
    (
        "openai",
        "createImage",
        "output_format",
        "format-ignored",
        FeatureVerdict.IGNORED,
    ),
    (
        "openai",
        "createImage",
        "background",
        "background-ignored",
        FeatureVerdict.IGNORED,
    ),
    ("openai", "createImage", "stream", "stream-ignored", FeatureVerdict.IGNORED),
    (
        *("openai", "createImage", "output_compression", "compression-ignored"),
        FeatureVerdict.IGNORED,
    ),
    ("openai", "createImageEdit", "mask", "mask-ignored", FeatureVerdict.IGNORED),
    (
        "openai",
        "createImageEdit",
        "image",
        "second-image-ignored",
        FeatureVerdict.IGNORED,
    ),
    (
        "tikhub",
        "createImage",
        "prompt",
        "same-for-every-prompt",
        FeatureVerdict.IGNORED,
    ),
    (
        *("tikhub", "createImage", "response_format", "response-format-ignored"),
        FeatureVerdict.IGNORED,
    ),
)


def asked(name: str, url: str, operation: str, member: str) -> Report:
    """What comes of the questions about one parameter, and of the plain ones."""
    begin = [f"{operation}/request{kind}" for kind in ("", "-form")]
    wanted = [f"{each}/{member}" for each in begin]
    wanted += [f"{each}/{part}" for each in begin for part in ("plain", "other", "str")]
    return asked_of(name, url, fuzz=False, only=tuple(wanted))


def measured(name: str, report: Report, row: str) -> MeasuredBehavior:
    found = comparison.compare([specs.load(name)], [report])
    (cell,) = next(each for each in found.rows if each.id == row).cells.values()
    return cell.measured[name]


@pytest.mark.parametrize(("name", "operation", "member", "lie", "verdict"), LIES)
def test_a_lie_about_a_parameter_is_its_verdict(name, operation, member, lie, verdict):
    with Liar(name, f"{operation}/{lie}").serving() as url:
        report = asked(name, url, operation, member)

    deed = measured(name, report, f"{operation}/request/{member}")

    assert deed.verdict is verdict
    assert deed.standing is not Conformance.KEPT
    assert deed.fingerprint in {each.fingerprint for each in report.findings}


@pytest.mark.parametrize("member", ["n", "size", "output_format", "quality", "stream"])
def test_a_right_server_honours_what_its_answers_show(member):
    with right("openai") as url:
        report = asked("openai", url, "createImage", member)

    deed = measured("openai", report, f"createImage/request/{member}")

    assert (deed.verdict, deed.standing) == (FeatureVerdict.HONOURED, Conformance.KEPT)
    assert deed.asked > 1


def test_what_no_answer_shows_is_untested():
    with right("openai") as url:
        report = asked("openai", url, "createImage", "user")

    deed = measured("openai", report, "createImage/request/user")

    assert deed.verdict is FeatureVerdict.UNTESTED
    assert "no answer shows" in deed.note


def test_a_crash_on_what_may_be_asked_is_a_bad_refusal():
    liar = service()
    crashing(lambda each: each.get("n") == 2)(liar["createImage"])
    with serving(liar) as url:
        report = asked("openai", url, "createImage", "n")

    deed = measured("openai", report, "createImage/request/n")

    assert deed.verdict is FeatureVerdict.REFUSED_BADLY
    assert deed.standing is Conformance.BROKEN


def test_an_ignored_parameter_that_a_page_promises_is_a_broken_promise():
    with Liar("openai", "createImage/size-ignored").serving() as url:
        report = asked("openai", url, "createImage", "size")

    deed = measured("openai", report, "createImage/request/size")

    assert deed.standing is Conformance.BROKEN
    assert deed.value == "1024x1024"
    assert not report.conforms


@pytest.fixture(scope="module")
def reports(mock):
    """A run of two mocks, and one of a server that forgets n."""
    kept = [
        asked(name, mock.base_urls[name], "createImage", "n")
        for name in ("openai", "tokenhub", "aihubmix")
    ]
    with Liar("openai", "createImage/n-ignored").serving() as url:
        return [*kept, asked("openai", url, "createImage", "n")]


@pytest.fixture(scope="module")
def compared(reports) -> Comparison:
    return comparison.compare(EVERY, reports)


def row(found: Comparison, id_: str) -> comparison.ComparisonRow:
    return next(each for each in found.rows if each.id == id_)


def test_three_kinds_of_difference_are_kept_apart(compared):
    found = row(compared, "createImage/request/n")

    assert found.cells["openai"].letter == found.cells["aihubmix"].letter
    assert found.kinds == (
        DifferenceKind.OWN_DOCUMENT,
        DifferenceKind.PEERS_AGREE,
        DifferenceKind.PEERS_DIFFER,
    )
    assert row(compared, "createImage/request/size").kinds == (
        DifferenceKind.PEERS_DIFFER,
    )
    assert row(compared, "createImage/path").kinds == ()


def test_two_targets_of_a_provider_have_labels_of_their_own(compared):
    cell = row(compared, "createImage/request/n").cells["openai"]

    assert {label: each.verdict for label, each in cell.measured.items()} == {
        "openai": FeatureVerdict.HONOURED,
        "openai 2": FeatureVerdict.IGNORED,
    }
    assert [each.label for each in compared.targets][-1] == "openai 2"


def test_deeds_that_differ_alarm_only_where_documents_agree(reports):
    apart = [each for each in EVERY if each.id in ("openai", "tokenhub")]
    (right_one, other, _, liar) = reports

    found = row(comparison.compare(apart, [other, liar]), "createImage/request/n")

    assert found.cells["openai"].letter != found.cells["tokenhub"].letter
    assert DifferenceKind.PEERS_AGREE not in found.kinds
    assert right_one.conforms


def test_a_rename_is_told_with_its_name(mock):
    report = asked("tokenhub", mock.base_urls["tokenhub"], "createImage", "format")

    deed = measured("tokenhub", report, "createImage/request/output_format")

    assert (deed.verdict, deed.value) == (FeatureVerdict.RENAMED, "format")


def test_an_ignored_parameter_is_told_by_name(reports):
    (fate,) = [
        each
        for each in comparison.parameter_outcomes(reports[-1], EVERY)
        if each.verdict is FeatureVerdict.IGNORED
    ]

    assert (fate.title, fate.operation, fate.member) == ("OpenAI", "createImage", "n")
    out = io.StringIO()
    print_summary(reports[-1], Console(file=out, width=100), [fate])
    assert "OpenAI, parameters: 1 ignored (n of createImage)" in out.getvalue()
    assert "failed, wrong-response, n is ignored" in out.getvalue()


def test_every_claim_has_a_row(provider):
    known = {each.id: each for each in comparison.compare(EVERY).rows}

    for claim in specs.claims(provider):
        assert row_of(provider, claim.id) in known, claim.id


def test_a_claim_about_a_parameter_is_put_to_a_row_that_its_document_states(provider):
    known = {each.id: each for each in comparison.compare(EVERY).rows}

    for claim in specs.claims(provider):
        found = known[row_of(provider, claim.id)]
        if found.is_member:
            assert found.cells[provider.id].stated, claim.id


@given(st.text(max_size=40))
def test_a_name_of_nothing_has_no_row_or_one_of_its_operation(text):
    (provider,) = [each for each in EVERY if each.id == "tokenhub"]

    assert row_of(provider, text) == "" or "/" in row_of(provider, text)
    assert row_of(provider, f"createImage/{text}").count("/")


SAME = {
    "format": "imageparity-differences/1",
    "version": "1",
    "seed": 0,
    "targets": [
        {
            "label": label,
            "provider": "openai",
            "title": "OpenAI",
            "base_url": "http://127.0.0.1:1/v1",
            "currency": None,
            "asked": 3,
            "seconds": None,
            "cost": None,
            "stopped": None,
        }
        for label in ("mine", "theirs")
    ],
    "questions": 3,
    "rows": [
        {
            "operation": "createImage",
            "group": "request",
            "feature": "n",
            "asked": value,
            "question": f"createImage/n={value}",
            "cells": {
                "mine": {"verdict": mine, "value": "1", "note": ""},
                "theirs": {"verdict": "honoured", "value": value, "note": ""},
            },
            "kind": None,
            "odd": [],
        }
        for value, mine in (("1", "honoured"), ("2", "ignored"))
    ],
    "differences": [
        {
            "kind": "documents-agree",
            "operation": "createImage",
            "aspect": "pictures",
            "question": "createImage/n=2",
            "asked": {"n": "2"},
            "sides": {
                label: {
                    "value": value,
                    "note": "",
                    "promise": "count-equals-n: 2",
                    "summary": "n=2",
                    "curl": "curl",
                }
                for label, value in (("mine", "1"), ("theirs", "2"))
            },
            "odd": ["mine"],
            "fingerprint": "0" * 16,
            "also": [],
            "seen": 1,
            "tries": 1,
            "alarms": True,
        }
    ],
}


def test_the_same_questions_to_several_are_read_as_deeds(tmp_path):
    file = tmp_path / "deeds.json"
    file.write_text(json.dumps(SAME))

    found = comparison.compare(EVERY, [comparison.read(file)])
    deeds = row(found, "createImage/request/n").cells["openai"].measured

    assert deeds["mine"].verdict is FeatureVerdict.IGNORED
    assert deeds["mine"].standing is Conformance.BROKEN
    assert deeds["theirs"].standing is Conformance.KEPT
    assert deeds["theirs"].verdict is FeatureVerdict.HONOURED
    assert DifferenceKind.PEERS_AGREE in row(found, "createImage/request/n").kinds


@pytest.fixture(scope="module")
def differing() -> Differences:
    """The same questions to a right server and to one that forgets n."""
    openai = specs.load("openai")
    with (
        right("openai") as one,
        Liar("openai", "createImage/n-ignored").serving() as two,
    ):
        targets = [
            NamedTarget(label, openai, Target(url, "a-secret-key"))
            for label, url in (("right", one), ("liar", two))
        ]
        only = ("createImage/n=",)
        return asyncio.run(differential.execute(targets, only=only))


def test_what_differential_runs_write_is_read_as_it_was(tmp_path, differing):
    file = tmp_path / "deeds.json"
    file.write_text(differing.json_text())

    found = comparison.read(file)

    assert isinstance(found, Differences)
    assert found.json_text() == differing.json_text()
    assert found.alarms == differing.alarms


def test_where_documents_agree_and_deeds_do_not_peers_are_told_apart(differing):
    found = row(comparison.compare(EVERY, [differing]), "createImage/request/n")

    deeds = found.cells["openai"].measured
    assert (deeds["right"].verdict, deeds["liar"].verdict) == (
        FeatureVerdict.HONOURED,
        FeatureVerdict.IGNORED,
    )
    assert deeds["liar"].fingerprint == differing.alarms[0].fingerprint
    assert found.kinds == (DifferenceKind.PEERS_AGREE, DifferenceKind.PEERS_DIFFER)


def test_a_report_of_a_run_is_read_as_what_it_is(tmp_path, reports):
    file = tmp_path / "report.jsonl"
    reports[0].write(file)

    assert comparison.read(file) == reports[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no report of ours"),
        ("{}", "no report of ours"),
        ("[1]", "not an object"),
        (json.dumps(SAME | {"rows": [{}]}), "/rows/0"),
        (json.dumps({k: v for k, v in SAME.items() if k != "seed"}), "seed"),
    ],
)
def test_what_is_no_report_is_refused_in_a_line(tmp_path, text, problem):
    file = tmp_path / "none.json"
    file.write_text(text)

    with pytest.raises(BadReport, match=problem) as refused:
        comparison.read(file)

    assert len(str(refused.value).splitlines()) == 1


def test_a_report_of_another_provider_tells_nothing(reports):
    (tikhub,) = [each for each in EVERY if each.id == "tikhub"]

    assert comparison.compare([tikhub], reports).targets == ()


def test_a_report_of_another_document_does_not_disturb(reports):
    (target,) = reports[0].metadata.targets
    claims = tuple(
        replace(each, id=f"elsewhere/{each.id}", operation="elsewhere")
        for each in target.claims
    )
    metadata = replace(reports[0].metadata, targets=(replace(target, claims=claims),))

    found = comparison.compare(EVERY, [replace(reports[0], metadata=metadata)])

    assert row(found, "createImage/request/n").cells["openai"].measured
