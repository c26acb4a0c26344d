"""A verdict on a feature needs a response in which an output was really decoded."""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web
from faulty_servers.catalogue import DOCUMENTS, correct_server
from rich.console import Console
from support.campaigns import run_against

import specs
from contracts import compare as comparison
from contracts.compare import Conformance, MeasuredBehavior
from contracts.compare.measured.evidence import NO_OUTPUT, NOT_FETCHED
from contracts.judging.evidence import deliveries_of
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import Report
from contracts.reporters.comparison.text import print_comparison
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

OPENAI = DOCUMENTS["openai"]
EVIDENCE = {"images", "not_fetched", "echoed", "deliveries", "model"}
GOOD_VERDICTS = {FeatureVerdict.HONOURED, FeatureVerdict.RENAMED}
ELSEWHERE = "https://images.example.com/of-another-origin.png"


def server_of(answer: Callable[[dict], object]) -> web.Application:
    """A server that answers 200 to everything, with what `answer` makes of a body."""

    async def handle(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = {}
        return web.json_response(answer(body if isinstance(body, dict) else {}))

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def error(body: dict) -> object:
    return {"error": {"message": "no", "type": "server_error"}}


def no_images(body: dict) -> object:
    return {"created": 1_700_000_000, "data": []}


def link_elsewhere(body: dict) -> object:
    count = body.get("n")
    items = count if isinstance(count, int) and 0 < count < 11 else 1
    return {"created": 1_700_000_000, "data": [{"url": ELSEWHERE}] * items}


def report_of(name: str, answer: Callable[[dict], object]) -> Report:
    begin = specs.load(name).base_path
    with serve_in_thread(server_of(answer)) as (url, _):
        return run_against(
            name, f"{url}{begin}", fuzz=False, only=("createImage/request",)
        )


def measured(name: str, report: Report) -> dict[str, MeasuredBehavior]:
    found = comparison.compare([specs.load(name)], [report])
    return {
        row.id: behavior
        for row in found.rows
        for cell in row.cells.values()
        for behavior in cell.measured.values()
    }


@pytest.mark.parametrize("answer", [error, no_images, link_elsewhere])
@pytest.mark.parametrize("name", [OPENAI, "tokenhub"])
def test_without_a_decoded_image_nothing_is_honoured_or_passed(name, answer):
    report = report_of(name, answer)

    found = measured(name, report)

    assert all(each.images == 0 for each in report.outcomes)
    assert {each.verdict for each in found.values()} & GOOD_VERDICTS == set()
    assert not [row for row, each in found.items() if each.standing is Conformance.KEPT]
    outcomes = comparison.parameter_outcomes(report, [specs.load(name)])
    assert {each.verdict for each in outcomes} & GOOD_VERDICTS == set()


def test_an_error_in_a_success_leaves_a_field_untested_with_a_reason():
    found = measured("tikhub", report_of("tikhub", error))

    size = found["createImage/request/size"]
    assert size.verdict is FeatureVerdict.UNTESTED
    assert size.note == NO_OUTPUT


def test_a_link_that_was_not_fetched_leaves_a_field_untested_with_a_reason():
    report = report_of("tikhub", link_elsewhere)

    found = measured("tikhub", report)

    valid = [each for each in report.outcomes if each.expectation == "valid"]
    assert valid
    assert all(each.not_fetched for each in valid)
    size = found["createImage/request/size"]
    assert (size.verdict, size.note) == (FeatureVerdict.UNTESTED, NOT_FETCHED)
    url = found["createImage/answer/data[].url"]
    assert (url.standing, url.note) == (Conformance.UNTESTED, NOT_FETCHED)


@pytest.fixture(scope="module")
def correct_report() -> Report:
    with correct_server("openai") as url:
        only = ("createImage/request", "createImage/streams")
        return run_against(OPENAI, url, fuzz=False, only=only)


def test_a_decoded_image_shows_that_fields_are_honoured(correct_report):
    found = measured(OPENAI, correct_report)

    for field in ("n", "size", "output_format", "background", "stream", "prompt"):
        assert found[f"createImage/request/{field}"].verdict is FeatureVerdict.HONOURED
    assert found["createImage/answer/data[].b64_json"].standing is Conformance.KEPT


def test_a_repeated_value_is_needed_for_a_field_that_no_image_shows(correct_report):
    silent = tuple(replace(each, echoed=()) for each in correct_report.outcomes)
    row = "createImage/request/quality"

    with_echo = measured(OPENAI, correct_report)[row]
    without = measured(OPENAI, replace(correct_report, outcomes=silent))[row]

    assert with_echo.verdict is FeatureVerdict.HONOURED
    assert without.verdict is FeatureVerdict.UNTESTED


def test_a_cell_that_fails_is_not_called_honoured(correct_report):
    """The server honours each valid `n`, and accepts an invalid one as well."""
    wrong = next(
        finding
        for outcome in report_of(OPENAI, no_images).outcomes
        if outcome.case == "createImage/request/n/maximum/above-maximum-10"
        for finding in outcome.findings
        if finding.breaks
    )
    with_failure = tuple(
        replace(each, findings=(wrong,)) if each.case == wrong.case else each
        for each in correct_report.outcomes
    )
    report = replace(correct_report, outcomes=with_failure)

    found = measured(OPENAI, report)["createImage/request/n"]

    assert (found.verdict, found.standing) == (None, Conformance.BROKEN)
    out = io.StringIO()
    openai = specs.load(OPENAI)
    compared = comparison.compare([openai], [report])
    print_comparison(compared, [openai], Console(file=out, width=120))
    assert "honoured, failed" not in out.getvalue()


def test_evidence_is_optional_in_a_report(tmp_path, correct_report):
    file = tmp_path / "report.jsonl"
    correct_report.write(file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    older = [
        {key: value for key, value in row.items() if key not in EVIDENCE}
        for row in rows
    ]

    assert Report.read(file) == correct_report
    assert all("not_fetched" not in row for row in rows)
    lines = (json.dumps(each) for each in older)
    assert {each.images for each in Report.from_lines(lines).outcomes} == {0}


def test_the_report_has_the_model_and_the_deliveries_of_images(correct_report):
    plain = next(each for each in correct_report.outcomes if each.images)
    rejected = [each for each in correct_report.outcomes if each.status == 400]

    assert plain.deliveries == ("b64_json",)
    assert plain.model == "gpt-image-2"
    assert {each.deliveries for each in rejected} == {()}


@pytest.mark.parametrize(
    ("item", "deliveries"),
    [
        ({"b64_json": "AAAA", "url": None}, ["b64_json"]),
        ({"url": "https://a.example/1.png"}, ["url"]),
        ({"url": "data:image/png;base64,AAAA"}, ["data_uri"]),
        ({"b64_json": "AAAA", "url": "https://a.example"}, ["b64_json", "url"]),
        ({"b64_json": "", "url": 7}, []),
    ],
)
def test_an_entry_has_its_image_in_the_deliveries_that_are_not_empty(item, deliveries):
    assert list(deliveries_of(item)) == deliveries
