"""Every format shows the report, also with hostile text in responses."""

import json
import re
from dataclasses import replace
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from support.reports import ALL, BROKEN, CONFORMING, finding, outcome, report, target

from contracts.reporters import REPORTERS
from contracts.reporters.page.render import render as page
from contracts.reporters.run.text import print_summary


def printed(show, subject, width=80):
    out = StringIO()
    show(subject, Console(file=out, width=width))
    return out.getvalue()


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("format_", REPORTERS)
def test_every_format_can_be_written_to_a_file(name, format_):
    assert REPORTERS[format_].render(ALL[name]).encode("utf-8")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("conforming", "Both conform to their documentation"),
        ("broken", "1 of 2 deviates from its documentation"),
        ("stopped", "One conforms to its documentation, as far as tested"),
        ("unasked", "Nothing was tested"),
    ],
)
def test_every_format_has_the_same_verdict(name, sentence):
    subject = ALL[name]

    assert f"<h1>{sentence}</h1>" in page(subject)
    assert REPORTERS["markdown"].render(subject).startswith(f"## {sentence}\n")
    assert f"{sentence}." in words(printed(print_summary, subject))


@pytest.mark.parametrize(("name", "alerts"), [("stopped", 1), ("conforming", 0)])
def test_every_format_names_the_reason_of_a_stopped_run(name, alerts):
    subject = ALL[name]
    reason = "was reached. 1 of 4 planned cases were run"

    assert page(subject).count('role="alert"') == alerts
    for text in (
        page(subject),
        REPORTERS["markdown"].render(subject),
        REPORTERS["sarif"].render(subject),
        REPORTERS["junit"].render(subject),
        words(printed(print_summary, subject)),
    ):
        assert (reason in text) == bool(alerts)


def test_money_of_different_currencies_is_not_added():
    assert "0.50 USD + 0.50 EUR" in page(CONFORMING)
    assert "0.50 USD + 0.50 EUR" in REPORTERS["markdown"].render(CONFORMING)


@pytest.mark.parametrize(
    ("base_url", "is_mock", "label"),
    [
        ("http://127.0.0.1:9000/v1", False, "At list prices: 0.50 USD"),
        ("http://[::1]:9000/v1", False, "At list prices: 0.50 USD"),
        ("https://one.example/v1", False, "Cost: 0.50 USD"),
        ("http://[", False, "Cost: 0.50 USD"),
        ("http://127.0.0.1:1", True, "Estimated cost of live requests: 0.50 USD"),
    ],
)
def test_the_cost_of_a_server_on_this_machine_is_only_that_of_its_prices(
    base_url, is_mock, label
):
    tested = target("one", base_url=base_url, is_mock=is_mock)
    made = report(outcome("one"), targets=(tested,))

    assert f"{label}." in words(printed(print_summary, made))
    assert f"{label}." in REPORTERS["markdown"].render(made)
    shown = page(made)
    assert label in shown
    assert "list prices: 0.50 USD at list prices" not in shown


def test_the_markdown_summary_is_short_and_precedes_the_folds():
    many = tuple(target(f"p{n}") for n in range(60))
    text = REPORTERS["markdown"].render(
        report(outcome("p0", [finding()]), targets=many, stopped="interrupt")
    )

    head, fold, _ = text.partition("<details>")

    assert fold
    assert len(head.splitlines()) <= 40
    assert "| P0 (mock) | 1 | 0 | **1** | 0 | 0 | 1 | 0.50 USD |" in head


def test_hostile_text_has_no_effect_in_markdown():
    targets = (target("one", title="a|b\n\n# c <i> @all"), target("two"))
    hostile = replace(BROKEN, metadata=replace(BROKEN.metadata, targets=targets))

    text = REPORTERS["markdown"].render(hostile)

    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [row.count("|") for row in rows] == [9] * 4
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)
    assert "\n`````sh\ncurl </script>" in text
    assert "`````" not in outside
    assert not re.search(r"(?<!\\)<b|(?<!\\)<i|@all|\n# c", outside)
    assert "](<javascript" not in outside
    assert text.count("<details>") == text.count("</details>") == 2
    assert "\x1b" not in text


def test_junit_has_a_case_for_each_finding_and_passed_claim():
    root = ET.fromstring(REPORTERS["junit"].render(BROKEN))

    one, two = root.findall("testsuite")
    assert (one.get("tests"), one.get("failures")) == ("2", "1")
    assert (two.get("tests"), two.get("failures")) == ("1", "0")
    case, warning = one.findall("testcase")
    assert case.get("classname") == "createImage"
    assert case.get("name") == "createImage/request/n/maximum"
    (failure,) = case.findall("failure")
    assert failure.get("type") == "accepts-invalid"
    assert failure.get("message") == "n = 11 was accepted"
    assert "<b onclick=x>" in warning.findtext("system-out", "")


def test_junit_keeps_a_finding_about_an_unlisted_claim():
    stray = report(outcome("one", [finding(claim="elsewhere")]))

    root = ET.fromstring(REPORTERS["junit"].render(stray))

    (failure,) = root.iter("failure")
    assert root.get("failures") == "1"
    assert failure.get("type") == "accepts-invalid"


def test_sarif_has_what_its_schema_requires():
    log = json.loads(REPORTERS["sarif"].render(BROKEN))

    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"]["name"] == "imageparity"
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]["artifactLocation"]
        assert place == {"uri": "specs/one/openapi.yaml"}
        (logical,) = location["logicalLocations"]
        assert logical["fullyQualifiedName"] == "/components/schemas/N"


def test_sarif_has_an_error_for_a_failure_and_a_note_for_a_warning():
    (run,) = json.loads(REPORTERS["sarif"].render(BROKEN))["runs"]

    found = [
        (each["level"], each["partialFingerprints"]["imageparity/v1"])
        for each in run["results"]
    ]
    assert found == [("error", "f" * 16), ("note", "d" * 16)]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["defaultConfiguration"] == {"level": "error"}


def test_a_conforming_run_has_no_results():
    (run,) = json.loads(REPORTERS["sarif"].render(CONFORMING))["runs"]

    assert run["results"] == []
    assert (
        list(ET.fromstring(REPORTERS["junit"].render(CONFORMING)).iter("failure")) == []
    )


def test_the_text_summary_fits_80_columns_without_colors():
    text = printed(print_summary, BROKEN)

    prose = [line for line in text.splitlines() if "curl" not in line]
    assert max(map(len, prose)) <= 80
    assert "\x1b" not in text
    assert "curl -d '{\"n\": 11}' https://one.example" in text
    assert "failed, accepts-invalid" in text
    assert "warning, wrong-error" in text


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (
            ".imageparity/last.jsonl",
            "imageparity show .imageparity/last.jsonl --format html > report.html",
        ),
        ("my report", "imageparity show 'my report' --format html > report.html"),
    ],
)
def test_findings_that_are_left_out_are_shown_by_a_command(path, hint):
    many = [finding(claim=f"createImage/{n}", fingerprint=f"{n:x}") for n in range(60)]
    out = StringIO()

    print_summary(report(outcome("one", many)), Console(file=out, width=60), path=path)

    (line,) = [each for each in out.getvalue().splitlines() if "more finding" in each]
    assert line == f"10 more findings: {hint}"


def test_hostile_text_has_no_effect_in_a_terminal():
    targets = (target("one", title="[red]a\nb\x1b[2J"), target("two"))
    hostile = replace(BROKEN, metadata=replace(BROKEN.metadata, targets=targets))

    text = printed(print_summary, hostile)

    assert "[red]a b\\x1b[2J" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)
