"""The results of requirements, from what a report has of a target."""

from dataclasses import replace

import pytest
from support.reports import claim, finding, outcome, report, target

from contracts.judging.requirements import requirements_record
from contracts.report.model import Report
from contracts.report.records import CallRecord
from contracts.report.requirements import (
    ReachedLevel,
    RequirementResult,
    RequirementStatus,
    RequirementVerdict,
)
from specs.requirement_sets import Exclusion, Level, Requirement, RequirementSet

MAXIMUM = "createImage/request/n/maximum"
SIZE = "createImage/200/guarantees/size-as-asked"
PATH, EDIT = "createImage/path", "createImageEdit/request-form/image/required"
SENTENCES = {MAXIMUM: "n must be at most 10", SIZE: "as asked", PATH: "it responds"}
WANTED = RequirementSet(
    *("a-set", "A set", 1, "2026-12-01", "A document", "0" * 64),
    requirements=(
        Requirement("images", Level.MUST, "It responds.", {PATH: SENTENCES[PATH]}),
        Requirement(
            "range", Level.MUST, "n ends at 10.", {MAXIMUM: SENTENCES[MAXIMUM]}
        ),
        Requirement("size", Level.SHOULD, "As asked.", {SIZE: "as asked"}, "images"),
        Requirement("edits", Level.MAY, "Edits.", {EDIT: "image is required"}),
    ),
    excluded=(Exclusion("a default is not seen", ("*/default",)),),
    proves_not=("That it is good.",),
)


def claims(**sentences: str):
    known = {**SENTENCES, SIZE: "as asked", **sentences}
    return tuple(
        claim(id_, sentence=sentence, asked=1, operation=id_.partition("/")[0])
        for id_, sentence in known.items()
    )


def rejected(*findings, **changes):
    """The outcome of a case that must be rejected, and is."""
    return outcome(findings=findings, status=400, **changes)


def answered(*findings, **changes):
    """The outcome of a valid case that gets an image of the requested size."""
    options = {"images": 1, "fields": {"size": "1024x1024"}, "claims": (PATH,)}
    return outcome(findings=findings, expectation="valid", **{**options, **changes})


def results(*outcomes, own=None, **changes) -> dict[str, RequirementResult]:
    tested = target("one", claims=claims() if own is None else own, **changes)
    record = requirements_record(WANTED, report(*outcomes, targets=(tested,)))
    return {each.id: each for each in record.verdicts[0].results}


def statuses(*outcomes, **options) -> list[str]:
    return [str(each.status) for each in results(*outcomes, **options).values()]


NO_EDITS = "does not apply"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([rejected(), answered()], ["passed", "passed", "passed", NO_EDITS]),
        ([rejected()], ["not tested", "passed", "not tested", NO_EDITS]),
        # An accepted request without an image shows nothing.
        ([answered(images=0)], ["not tested", "not tested", "not tested", NO_EDITS]),
        # Without a requested size no image shows that it is kept.
        ([answered(fields={})], ["passed", "not tested", "not tested", NO_EDITS]),
        (
            [rejected(finding()), answered()],
            ["passed", "failed", "passed", NO_EDITS],
        ),
        (
            [rejected(finding(flaky=True)), answered()],
            ["passed", "inconclusive", "passed", NO_EDITS],
        ),
        # A warning by a page of the provider is no contradiction of one.
        (
            [rejected(finding(basis="assumed")), answered()],
            ["passed", "passed", "passed", NO_EDITS],
        ),
        (
            [rejected(finding(basis="reference")), answered()],
            ["passed", "failed", "passed", NO_EDITS],
        ),
        (
            [rejected(), answered(finding(claim=PATH))],
            ["failed", "passed", NO_EDITS, NO_EDITS],
        ),
        (
            [rejected(not_tested="rate limited"), answered()],
            ["passed", "not tested", "passed", NO_EDITS],
        ),
    ],
)
def test_responses_decide(outcomes, expected):
    assert statuses(*outcomes) == expected


def test_a_failed_requirement_names_its_claims_and_failed_checks():
    failed = results(rejected(finding()), answered())["range"]

    assert failed.reason == f"contradicted: {MAXIMUM}"
    assert failed.checks == (finding().fingerprint,)
    assert failed.claims == (MAXIMUM,)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (claims(**{MAXIMUM: "n must be at most 4"}), "says otherwise: n must be at"),
        (claims()[1:], "makes no such claim"),
        (
            tuple(replace(each, basis="assumed") for each in claims()),
            f"no page says it: {MAXIMUM} is assumed",
        ),
    ],
)
def test_a_document_that_does_not_say_the_same_is_not_judged(own, reason):
    found = results(rejected(finding()), answered(), own=own)["range"]

    assert found.status is RequirementStatus.DOES_NOT_APPLY
    assert reason in found.reason


def test_an_operation_that_was_left_out_is_not_judged():
    call = CallRecord(operations=("createImageEdit",))
    found = results(rejected(), answered(), call=call)

    assert found["range"].reason == "createImage was left out with --operations"


def test_the_one_body_of_an_operation_is_that_of_the_reference():
    own = (
        claim("createImageEdit/request", sentence="a request body is multipart/x"),
        claim("createImageEdit/request/image/required", sentence="image is required"),
    )
    own = tuple(replace(each, operation="createImageEdit", asked=1) for each in own)
    edit = rejected(claims=(own[1].id,), operation="createImageEdit")

    found = results(edit, own=own)["edits"]

    assert found.status is RequirementStatus.PASSED
    assert found.claims == (own[1].id,)


def test_tested_claims_beyond_the_set_are_counted_and_not_scored():
    own = (*claims(), *map(claim, ("createImage/x", "createImage/x/default")))
    own = tuple(replace(each, asked=1) for each in own)
    record = requirements_record(
        WANTED, report(answered(), targets=(target("one", claims=own),))
    )

    assert record.verdicts[0].not_scored == 1


def test_a_report_keeps_the_results():
    written = report(
        rejected(finding()), answered(), targets=(target(claims=claims()),)
    )
    written = replace(written, requirements=requirements_record(WANTED, written))

    assert Report.from_lines(written.to_lines()) == written


@pytest.mark.parametrize(
    ("counts", "reached"),
    [
        ({"passed": 5}, ReachedLevel.ALL),
        ({"passed": 5, "does not apply": 9}, ReachedLevel.ALL),
        ({"passed": 4, "failed": 1}, ReachedLevel.MOST),
        ({"passed": 4, "inconclusive": 1}, ReachedLevel.MOST),
        ({"passed": 4, "not tested": 1}, ReachedLevel.MOST),
        ({"passed": 3, "failed": 1}, ReachedLevel.NONE),
        ({"does not apply": 5}, ReachedLevel.NONE),
    ],
)
def test_the_level_is_the_share_of_musts_that_passed(counts, reached):
    found = tuple(
        RequirementResult("each", "must", "It does.", RequirementStatus(status))
        for status, count in counts.items()
        for _ in range(count)
    )
    shoulds = RequirementResult("o", "should", "It may.", RequirementStatus.FAILED)

    assert RequirementVerdict("one", (*found, shoulds)).reached is reached
