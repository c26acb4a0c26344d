"""The planted defects that show that the check of a claim can fail."""

import json

import pytest
from click.testing import CliRunner
from support.reports import claim, report, target

import specs
from contracts.cli.main import main
from contracts.judging.guarantees.table import GUARANTEES
from contracts.report.exercised import (
    NEVER_SEEN_TO_FAIL,
    counterpart,
    exercised_by,
    planted_defects,
)
from contracts.report.model import Report

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("createImage/request/n/maximum", "createImageEdit/request-form/n/maximum"),
        ("createImage/request/n/maximum", "createImageEdit/request-json/n/maximum"),
        ("createImage/auth", "createImageEdit/auth"),
        ("createImage/errors/rate_limited", "createImageEdit/errors/rate_limited"),
        ("createImage/400/error/required", "createImageEdit/401/error/required"),
        ("createImage/400/error/required", "createImage/4XX/error/required"),
        (
            "createImage/200/events/image_generation.completed/usage/required",
            "createImageEdit/200/events/image_edit.completed/usage/required",
        ),
    ],
)
def test_claims_that_the_same_code_checks_are_counterparts(one, other):
    assert counterpart(one) == counterpart(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("createImage/request/n/maximum", "createImage/request/n/minimum"),
        ("createImage/request/n/type", "createImage/request/size/type"),
        ("createImage/200/type", "createImage/400/type"),
        ("createImageEdit/request-form", "createImageEdit/request-json"),
        ("createImage/request/type", "createImage/request"),
        (
            "createImage/200/events/image_generation.completed/b64_json/required",
            "createImage/200/events/image_generation.partial_image/b64_json/required",
        ),
    ],
)
def test_claims_about_different_things_are_no_counterparts(one, other):
    assert counterpart(one) != counterpart(other)


def test_the_evidence_names_claims_of_the_documents():
    names = {each.provider for each in planted_defects().values()}
    providers = [specs.load(name) for name in names]
    dated = [specs.load(f"{it.id}@{day}") for it in providers for day in it.dates.all]
    known = {
        (provider.undated_id, each.id)
        for provider in (*providers, *dated)
        for each in specs.claims(provider)
    }
    unlisted = {
        claim.partition("/")[2]
        for each in planted_defects().values()
        for claim in each.claims
        if (each.provider, claim) not in known
    }

    assert unlisted <= {"200/events"}  # the claim of events that are not documented


def test_the_nearest_defect_comes_first():
    provider = specs.load(specs.names()[0])
    found = 0
    for listed in specs.claims(provider):
        ids = exercised_by(provider.id, listed.id)
        defects = [planted_defects()[id_] for id_ in ids]
        is_own = [
            one.provider == provider.id and listed.id in one.claims for one in defects
        ]
        assert is_own == sorted(is_own, reverse=True)
        found += any(is_own)
    assert found


def test_every_documented_guarantee_is_exercised():
    claims = [each for name in specs.names() for each in specs.claims(specs.load(name))]
    guarantees = [
        each.id for each in claims if each.id.rpartition("/")[2] in GUARANTEES
    ]

    assert guarantees
    assert all(exercised_by("", each) for each in guarantees)


def test_a_claim_whose_check_never_failed_has_no_evidence():
    assert exercised_by("", "createImage/request/no-such-field/type") == ()


def test_the_report_keeps_the_evidence_and_leaves_out_an_empty_one():
    seen = claim(exercised_by=("one:createImage/n-of-eleven",))
    made = report(targets=(target("one", claims=(seen, claim("createImage/auth"))),))

    lines = list(made.to_lines())

    first, second = json.loads(lines[0])["targets"][0]["claims"]
    assert first["exercised_by"] == ["one:createImage/n-of-eleven"]
    assert "exercised_by" not in second
    assert Report.from_lines(lines) == made


@pytest.mark.providers("llmapi")
def test_the_command_claims_shows_the_evidence(provider):
    result = CliRunner().invoke(main, ["claims", provider.id])
    rows = CliRunner().invoke(main, ["claims", provider.id, "--json"])

    listed = [json.loads(line) for line in rows.output.splitlines()]
    unseen = sum("exercised_by" not in each for each in listed)
    assert (
        f"{len(listed):,} claims, {unseen} with a {NEVER_SEEN_TO_FAIL}" in result.output
    )
    assert result.output.count("    check seen to fail on ") == len(listed) - unseen
    assert result.output.count(f"    {NEVER_SEEN_TO_FAIL}\n") == unseen
