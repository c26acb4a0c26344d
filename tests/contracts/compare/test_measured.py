"""Comparison of measured behaviour with documents and with other providers."""

import asyncio
import io
import json
from dataclasses import replace

import pytest
from aiohttp import ClientSession, web
from faulty_servers.catalogue import DOCUMENTS, FaultyServer, correct_server
from faulty_servers.defects import crashing
from faulty_servers.minimal import serving
from faulty_servers.openai import service
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.campaigns import run_against
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs
from contracts import compare as comparison
from contracts.compare import Comparison, Conformance, DifferenceKind, MeasuredBehavior
from contracts.compare.measured.claim_rows import has_nested_row, row_of
from contracts.compare.servers import run as differential
from contracts.compare.servers.model import Differences
from contracts.execution.sending.target import Target
from contracts.execution.targets import NamedTarget
from contracts.judging.outcome import FeatureVerdict
from contracts.media.registry import image_operations
from contracts.report.model import BadReport, Report
from contracts.reporters.run.text import print_summary
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

OPENAI = DOCUMENTS["openai"]
EVERY = [specs.load(name) for name in IMAGE_PROVIDERS]
# A fault in one parameter, and its verdict.
DEFECTS = (
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


def report_of(name: str, url: str, operation: str, member: str) -> Report:
    """A run of the cases about one parameter, and of the minimal requests."""
    begin = [f"{operation}/request{kind}" for kind in ("", "-form")]
    wanted = [f"{each}/{member}" for each in begin]
    wanted += [f"{each}/{part}" for each in begin for part in ("plain", "other", "str")]
    return run_against(name, url, fuzz=False, only=tuple(wanted))


def measured(name: str, report: Report, row: str) -> MeasuredBehavior:
    found = comparison.compare([specs.load(name)], [report])
    (cell,) = next(each for each in found.rows if each.id == row).cells.values()
    return cell.measured[name]


@pytest.mark.parametrize(("name", "operation", "member", "defect", "verdict"), DEFECTS)
def test_wrong_behaviour_for_a_field_has_its_verdict(
    name, operation, member, defect, verdict
):
    with FaultyServer(name, f"{operation}/{defect}").serving() as url:
        document = DOCUMENTS.get(name, name)
        report = report_of(document, url, operation, member)

    behavior = measured(document, report, f"{operation}/request/{member}")

    assert behavior.verdict is verdict
    assert behavior.standing is not Conformance.KEPT
    assert behavior.fingerprint in {each.fingerprint for each in report.failed_checks}


@pytest.mark.parametrize("member", ["n", "size", "output_format", "quality", "stream"])
def test_a_right_server_honours_the_fields_that_responses_show(member):
    with correct_server("openai") as url:
        report = report_of(OPENAI, url, "createImage", member)

    behavior = measured(OPENAI, report, f"createImage/request/{member}")

    assert (behavior.verdict, behavior.standing) == (
        FeatureVerdict.HONOURED,
        Conformance.KEPT,
    )
    assert behavior.asked > 1


@pytest.mark.parametrize("sent", [True, False])
def test_a_field_inside_others_has_a_verdict_of_its_own(sent):
    """The server behind the gateway gets it, or not."""

    async def forward(request: web.Request) -> web.Response:
        body = await request.json()
        if not sent:
            body.get("generationConfig", {}).get("imageConfig", {}).pop("aspectRatio")
        url = f"{upstream}{request.path}"
        key = {"x-goog-api-key": request.headers["x-goog-api-key"]}
        async with (
            ClientSession(headers=key) as session,
            session.post(url, json=body) as answer,
        ):
            return web.json_response(await answer.json(), status=answer.status)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/{path:.*}", forward)
    begin = specs.load("gemini").base_path
    field = "generationConfig/only-imageConfig-aspectRatio-value-"
    chosen = f"generateContent/request/{field}"
    with mockserver.running("gemini") as mock, serve_in_thread(app) as (url, _):
        upstream = mock.url
        base = f"{url}/gemini{begin}"
        report = run_against(
            "gemini", base, is_mock=True, fuzz=False, preflight=False, only=(chosen,)
        )

    found = comparison.compare([specs.load("gemini")], [report]).operations
    (row,) = (e for e in found.rows if e.id == "operations/request/aspect_ratio")
    (behavior,) = row.cells["gemini/generateContent"].measured.values()
    expected = FeatureVerdict.HONOURED if sent else FeatureVerdict.IGNORED
    assert behavior.verdict is expected


def test_a_field_without_visible_effect_is_untested():
    with correct_server("openai") as url:
        report = report_of(OPENAI, url, "createImage", "user")

    behavior = measured(OPENAI, report, "createImage/request/user")

    assert behavior.verdict is FeatureVerdict.UNTESTED
    assert "no response shows" in behavior.note


def test_a_crash_on_a_valid_value_is_refused_badly():
    faulty = service()
    crashing(lambda each: each.get("n") == 2)(faulty["createImage"])
    with serving(faulty) as url:
        report = report_of(OPENAI, url, "createImage", "n")

    behavior = measured(OPENAI, report, "createImage/request/n")

    assert behavior.verdict is FeatureVerdict.REFUSED_BADLY
    assert behavior.standing is Conformance.BROKEN


def test_ignoring_a_documented_field_violates_the_document():
    with FaultyServer("openai", "createImage/size-ignored").serving() as url:
        report = report_of(OPENAI, url, "createImage", "size")

    behavior = measured(OPENAI, report, "createImage/request/size")

    assert behavior.standing is Conformance.BROKEN
    assert behavior.value == "1024x1024"
    assert not report.conforms


@pytest.fixture(scope="module")
def reports(mock):
    """Reports of three mocks, and of a server that ignores n."""
    kept = [
        report_of(name, mock.base_urls[name], "createImage", "n")
        for name in ("openai", "tokenhub", "aihubmix")
    ]
    with FaultyServer("openai", "createImage/n-ignored").serving() as url:
        return [*kept, report_of("openai", url, "createImage", "n")]


@pytest.fixture(scope="module")
def compared(reports) -> Comparison:
    return comparison.compare(EVERY, reports)


def row(found: Comparison, id_: str) -> comparison.ComparisonRow:
    return next(each for each in found.rows if each.id == id_)


def test_three_kinds_of_difference_are_kept_apart(compared):
    found = row(compared, "createImage/request/n")

    assert found.kinds == (
        DifferenceKind.OWN_DOCUMENT,
        DifferenceKind.PEERS_AGREE,
        DifferenceKind.PEERS_DIFFER,
    )
    assert row(compared, "createImage/request/size").kinds == (
        DifferenceKind.PEERS_DIFFER,
    )
    assert row(compared, "createImage/path").kinds == ()


def test_two_targets_of_a_provider_have_different_labels(compared):
    cell = row(compared, "createImage/request/n").cells["openai"]

    assert {label: each.verdict for label, each in cell.measured.items()} == {
        "openai": FeatureVerdict.HONOURED,
        "openai 2": FeatureVerdict.IGNORED,
    }
    assert [each.label for each in compared.targets][-1] == "openai 2"


def test_behaviour_that_differs_is_of_this_kind_only_if_documents_agree(reports):
    apart = [each for each in EVERY if each.id in ("openai", "tokenhub")]
    (right_one, other, _, faulty) = reports

    found = row(comparison.compare(apart, [other, faulty]), "createImage/request/n")

    assert found.cells["openai"].letter != found.cells["tokenhub"].letter
    assert DifferenceKind.PEERS_AGREE not in found.kinds
    assert right_one.conforms


def test_a_renamed_field_is_shown_with_its_name(mock):
    report = report_of("tokenhub", mock.base_urls["tokenhub"], "createImage", "format")

    behavior = measured("tokenhub", report, "createImage/request/output_format")

    assert (behavior.verdict, behavior.value) == (FeatureVerdict.RENAMED, "format")


def test_an_ignored_field_is_shown_by_name(reports):
    (outcome,) = [
        each
        for each in comparison.parameter_outcomes(reports[-1], EVERY)
        if each.verdict is FeatureVerdict.IGNORED
    ]

    assert (outcome.title, outcome.operation, outcome.member) == (
        "OpenAI",
        "createImage",
        "n",
    )
    out = io.StringIO()
    print_summary(reports[-1], Console(file=out, width=100), [outcome])
    assert "OpenAI, parameters: 1 ignored (n of createImage)" in out.getvalue()
    assert "failed, wrong-response, n is ignored" in out.getvalue()


def image_claims(provider):
    operations = image_operations(provider)
    return [each for each in specs.claims(provider) if each.operation in operations]


@pytest.fixture(scope="module")
def shared() -> dict[str, comparison.ComparisonRow]:
    """The rows of all documents, by id."""
    return {each.id: each for each in comparison.compare(EVERY).rows}


@pytest.fixture
def known(provider, shared) -> dict[str, comparison.ComparisonRow]:
    """
    Also those of operations that not all providers have.

    A field inside others has its row in the table of operations.
    """
    own = comparison.compare([provider])
    nested = {
        f"{column.operation}/request/{name}": replace(
            row, cells={provider.id: row.cells[column.id]}
        )
        for row in own.operations.rows
        for column in own.operations.columns
        if has_nested_row(provider, column.operation, name := row.id.rpartition("/")[2])
    }
    return {each.id: each for each in own.rows} | nested | shared


def test_every_claim_has_a_row(provider, known):
    for claim in image_claims(provider):
        assert row_of(provider, claim.id) in known, claim.id


def test_a_claim_about_a_field_belongs_to_a_row_that_its_document_states(
    provider, known
):
    for claim in image_claims(provider):
        found = known[row_of(provider, claim.id)]
        if found.is_member:
            assert found.cells[provider.id].stated, claim.id


@given(st.text(max_size=40))
def test_an_arbitrary_name_has_no_row_or_one_of_its_operation(text):
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


def test_differences_of_servers_are_read_as_measurements(tmp_path):
    file = tmp_path / "differences.json"
    file.write_text(json.dumps(SAME))

    found = comparison.compare(EVERY, [comparison.read(file)])
    measured_by_label = row(found, "createImage/request/n").cells["openai"].measured

    assert measured_by_label["mine"].verdict is FeatureVerdict.IGNORED
    assert measured_by_label["mine"].standing is Conformance.BROKEN
    assert measured_by_label["theirs"].standing is Conformance.KEPT
    assert measured_by_label["theirs"].verdict is FeatureVerdict.HONOURED
    assert DifferenceKind.PEERS_AGREE in row(found, "createImage/request/n").kinds


@pytest.fixture(scope="module")
def differing() -> Differences:
    """The differences between a correct server and one that ignores n."""
    openai = specs.load("openai")
    with (
        correct_server("openai") as one,
        FaultyServer("openai", "createImage/n-ignored").serving() as two,
    ):
        targets = [
            NamedTarget(label, openai, Target(url, "a-secret-key"))
            for label, url in (("right", one), ("faulty", two))
        ]
        only = ("createImage/n=",)
        return asyncio.run(differential.execute(targets, only=only))


def test_written_differences_are_read_unchanged(tmp_path, differing):
    file = tmp_path / "differences.json"
    file.write_text(differing.json_text())

    found = comparison.read(file)

    assert isinstance(found, Differences)
    assert found.json_text() == differing.json_text()
    assert found.alarms == differing.alarms


def test_targets_of_one_provider_that_differ_have_different_verdicts(differing):
    found = row(comparison.compare(EVERY, [differing]), "createImage/request/n")

    measured_by_label = found.cells["openai"].measured
    assert (
        measured_by_label["right"].verdict,
        measured_by_label["faulty"].verdict,
    ) == (
        FeatureVerdict.HONOURED,
        FeatureVerdict.IGNORED,
    )
    assert measured_by_label["faulty"].fingerprint == differing.alarms[0].fingerprint
    assert found.kinds == (DifferenceKind.PEERS_AGREE, DifferenceKind.PEERS_DIFFER)


def test_a_report_of_a_run_is_read_unchanged(tmp_path, reports):
    file = tmp_path / "report.jsonl"
    reports[0].write(file)

    assert comparison.read(file) == reports[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not an imageparity report"),
        ("{}", "not an imageparity report"),
        ("[1]", "not an object"),
        (json.dumps(SAME | {"rows": [{}]}), "/rows/0"),
        (json.dumps({k: v for k, v in SAME.items() if k != "seed"}), "seed"),
    ],
)
def test_an_invalid_report_is_rejected_on_one_line(tmp_path, text, problem):
    file = tmp_path / "none.json"
    file.write_text(text)

    with pytest.raises(BadReport, match=problem) as raised:
        comparison.read(file)

    assert len(str(raised.value).splitlines()) == 1


def test_a_report_of_another_provider_is_ignored(reports):
    (tikhub,) = [each for each in EVERY if each.id == "tikhub"]

    assert comparison.compare([tikhub], reports).targets == ()


def test_claims_of_an_unknown_operation_are_ignored(reports):
    (target,) = reports[0].metadata.targets
    claims = tuple(
        replace(each, id=f"elsewhere/{each.id}", operation="elsewhere")
        for each in target.claims
    )
    metadata = replace(reports[0].metadata, targets=(replace(target, claims=claims),))

    found = comparison.compare(EVERY, [replace(reports[0], metadata=metadata)])

    assert row(found, "createImage/request/n").cells["openai"].measured
