"""Each format says what the report says, whatever the provider put into its answers."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from contracts.report import (
    ClaimRecord,
    Finding,
    Kind,
    Outcome,
    Report,
    RunMetadata,
    TargetRecord,
)
from contracts.reporters import REPORTERS
from contracts.reporters.html import render as page
from contracts.reporters.text import differences, summary

HOSTILE = "</script><b onclick=x>bold</b> | `tick` ```` {{ 7*7 }} [link](javascript:x)"
CONTROLS = "\x00\x1b[31mred\x07\ud800\uffff\u202etxt.exe"
VOID = {"meta", "input", "br", "rect", "link", "img"}


def claim(id_="createImage/request/n/maximum", **changes):
    record = ClaimRecord(
        id=id_,
        operation="createImage",
        subject="request",
        sentence="n must be at most 10",
        source="S1#n",
        source_title="One: images",
        source_url="https://one.example/docs",
        source_date="2026-05",
        basis="documented",
        pointer="/components/schemas/N",
    )
    return replace(record, **changes)


def finding(**changes):
    made = Finding(
        kind=Kind.ACCEPTS_INVALID,
        check="invalid_request_is_refused",
        claim="createImage/request/n/maximum",
        basis="documented",
        source="One: images",
        source_url="https://one.example/docs",
        message="n = 11 was accepted",
        expected="status 400",
        case="createImage/n/above",
        fingerprint="f" * 16,
        request={
            "curl": "curl -d '{\"n\": 11}' https://one.example",
            "python": "requests.post()",
            "summary": "n = 11",
        },
        answer={"status": 200, "content_type": "application/json", "excerpt": "{}"},
    )
    return replace(made, **changes)


def outcome(provider="one", findings=(), **changes):
    made = Outcome(
        provider=provider,
        case="createImage/n/above",
        operation="createImage",
        origin="probe",
        expectation="invalid",
        claims=("createImage/request/n/maximum",),
        status=200,
        seconds=0.25,
        cost=0.5,
        findings=tuple(findings),
    )
    return replace(made, **changes)


def target(provider="one", **changes):
    made = TargetRecord(
        provider=provider,
        title=provider.capitalize(),
        base_url=f"http://127.0.0.1:1/{provider}/v1",
        is_mock=True,
        document="2026",
        planned=2,
        currency="USD",
        claims=(
            claim(asked=1),
            claim("createImage/request/n/minimum", sentence="n >= 1"),
        ),
    )
    return replace(made, **changes)


def report(*outcomes, targets=None, stopped=None):
    targets = targets or (target("one"), target("two", currency="EUR"))
    run = RunMetadata("9.8.7", "2026-11-21T13:05:00+00:00", 42, targets)
    return Report(run, outcomes, stopped)


CONFORMING = report(outcome("one"), outcome("two"))
DIFFERENCE = finding(
    kind=Kind.WRONG_ERROR,
    basis="assumed",
    message=HOSTILE + CONTROLS,
    expected=HOSTILE,
    source_url="javascript:alert(1)",
    fingerprint="d" * 16,
    request={
        "curl": "curl " + HOSTILE + CONTROLS,
        "python": HOSTILE,
        "summary": HOSTILE,
    },
    answer={"status": None, "content_type": HOSTILE, "excerpt": HOSTILE + CONTROLS},
)
BROKEN = report(outcome("one", [finding(), DIFFERENCE]), outcome("two"))
STOPPED = report(outcome("one"), stopped="budget")
UNASKED = report()
ALL = {
    "conforming": CONFORMING,
    "broken": BROKEN,
    "stopped": STOPPED,
    "unasked": UNASKED,
}
ROWS = [
    {
        "feature": "prefix",
        "group": "transport",
        "cells": {
            "one": {"value": "/v1", "source": "S1#path", "basis": "documented"},
            "two": {"value": "/v1", "source": "S2#path", "basis": "documented"},
            "three": {"value": HOSTILE, "basis": "assumed", "note": "A note."},
        },
    },
    {
        "feature": "scheme",
        "group": "transport",
        "cells": {name: {"value": "Bearer"} for name in ("one", "two", "three")},
    },
]


class Page(HTMLParser):
    """What a browser would make of a page: its elements, ids, links, balance."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.unbalanced = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def all(self, tag):
        return [attrs for each, attrs in self.elements if each == tag]

    def values(self, name):
        return [attrs[name] for _, attrs in self.elements if name in attrs]


def printed(show, subject, width=80):
    out = StringIO()
    show(subject, Console(file=out, width=width))
    return out.getvalue()


def words(text):
    return " ".join(text.split())


def cells(text):
    """The letters of the claims table, with the words a screen reader says."""
    return re.findall(r'class="cell \w[^>]*>(.)<span class="vh"> ([a-z ]+)<', text)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("format_", REPORTERS)
def test_every_format_can_be_written_to_a_file(name, format_):
    assert REPORTERS[format_](ALL[name]).encode("utf-8")


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_balanced_and_its_ids_are_unique(name):
    parsed = Page(page(ALL[name], ROWS))

    assert (parsed.unbalanced, parsed.open) == ([], [])
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ALL)
def test_a_page_loads_nothing(name):
    text = page(ALL[name], ROWS)
    parsed = Page(text)

    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base"}
    assert parsed.values("src") == []
    assert "url(" not in text
    assert "@import" not in text
    links = {each for each in parsed.values("href") if not each.startswith("#")}
    assert links <= {"https://one.example/docs"}


def test_every_link_within_a_page_leads_somewhere():
    parsed = Page(page(BROKEN, ROWS))

    links = {each[1:] for each in parsed.values("href") if each.startswith("#")}

    assert "f" * 16 in links
    assert links <= set(parsed.values("id"))


def test_hostile_text_stays_text_in_a_page():
    title = '"><img src=x onerror=alert(1)>'
    targets = (target("one", title=title, base_url="javascript:x"), target("two"))
    hostile = replace(BROKEN, metadata=replace(BROKEN.metadata, targets=targets))

    text = page(hostile, ROWS)

    parsed = Page(text)
    assert len(parsed.all("script")) == 1
    assert parsed.all("img") == []
    assert parsed.values("onclick") == []
    assert "&lt;/script&gt;&lt;b onclick=x&gt;" in text
    assert "{{ 7*7 }}" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202e]", text)
    assert "\\x1b[31mred" in text


def test_a_page_shows_both_findings_with_all_that_is_needed_to_believe_them():
    text = page(BROKEN)
    parsed = Page(text)

    found = [
        each for each in parsed.all("details") if "finding" in each.get("class", "")
    ]
    assert [(each["id"], each["class"]) for each in found] == [
        ("f" * 16, "finding broken"),
        ("d" * 16, "finding difference"),
    ]
    for needed in ("n = 11 was accepted", "status 400", "n must be at most 10"):
        assert needed in text
    assert "curl -d &#39;{&#34;n&#34;: 11}&#39;" in text


def test_a_page_tells_kept_broken_unasked_and_unclaimed_apart():
    both = (target("one"), target("two", claims=(claim(asked=1),)))
    mixed = report(outcome("one", [finding()]), outcome("two"), targets=both)

    assert cells(page(mixed)) == [
        ("B", "broken"),
        ("K", "kept"),
        ("·", "not asked"),
        ("\N{EN DASH}", "not claimed"),
    ]


def test_a_finding_on_an_assumed_claim_is_a_difference():
    one = (target("one", claims=(claim(basis="assumed"),)),)
    assumed = report(outcome("one", [finding(basis="assumed")]), targets=one)

    text = page(assumed)

    assert cells(text) == [("D", "differs")]
    assert "<h1>One keeps what it promises</h1>" in text


def test_a_case_without_an_answer_keeps_no_claim():
    one = (target("one", claims=(claim(),)),)

    assert cells(page(report(outcome(status=None), targets=one))) == [
        ("·", "not asked")
    ]


def test_the_same_fingerprint_at_two_providers_is_two_findings():
    twice = report(outcome("one", [finding()]), outcome("two", [finding()]))

    parsed = Page(page(twice))

    assert {"f" * 16, "f" * 16 + "-two"} <= set(parsed.values("id"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("conforming", "Both keep what they promise"),
        ("broken", "1 of 2 breaks promises"),
        ("stopped", "One keeps what it promises, as far as asked"),
        ("unasked", "Nothing was asked, so nothing is known"),
    ],
)
def test_the_verdict_is_the_same_everywhere(name, sentence):
    subject = ALL[name]

    assert f"<h1>{sentence}</h1>" in page(subject)
    assert REPORTERS["markdown"](subject).startswith(f"## {sentence}\n")
    assert f"{sentence}." in words(printed(summary, subject))


@pytest.mark.parametrize(("name", "alerts"), [("stopped", 1), ("conforming", 0)])
def test_a_run_cut_short_says_so(name, alerts):
    subject = ALL[name]
    reason = "allowed no more. 1 of 4 planned requests were asked"

    assert Page(page(subject)).values("role").count("alert") == alerts
    for text in (
        page(subject),
        REPORTERS["markdown"](subject),
        REPORTERS["sarif"](subject),
        REPORTERS["junit"](subject),
        words(printed(summary, subject)),
    ):
        assert (reason in text) == bool(alerts)


def test_money_of_different_currencies_is_not_added():
    assert "0.50 USD + 0.50 EUR" in page(CONFORMING)
    assert "0.50 USD + 0.50 EUR" in REPORTERS["markdown"](CONFORMING)


def test_a_feature_off_the_majority_is_marked_and_what_all_agree_on_is_folded():
    text = page(CONFORMING, ROWS)

    marked = re.findall(r'<td class="([^"]*)"', text)
    assert marked[:3] == ["", "", "odd soft"]
    assert "1 feature on which all agree" in text
    assert '<li id="note-1">A note.</li>' in text


def test_without_differences_there_is_no_such_part():
    assert "Where providers differ" in page(CONFORMING, ROWS)
    assert "Where providers differ" not in page(CONFORMING)


def test_a_page_of_five_providers_stays_small():
    names = ("a", "b", "c", "d", "e")
    many = tuple(claim(f"createImage/request/p{n}/maximum") for n in range(250))
    targets = tuple(target(name, claims=many, planned=300) for name in names)
    outcomes = [
        outcome(name, case=f"case {n}", claims=(many[n % 250].id,))
        for name in names
        for n in range(300)
    ]

    assert len(page(report(*outcomes, targets=targets)).encode()) < 2_000_000


def test_a_summary_in_markdown_comes_before_the_folds_and_is_short():
    many = tuple(target(f"p{n}") for n in range(60))
    text = REPORTERS["markdown"](
        report(outcome("p0", [finding()]), targets=many, stopped="interrupt")
    )

    head, fold, _ = text.partition("<details>")

    assert fold
    assert len(head.splitlines()) <= 40
    assert "| P0 (mock) | 1 | 0 | **1** | 0 | 0.50 USD |" in head


def test_hostile_text_does_not_leave_its_place_in_markdown():
    targets = (target("one", title="a|b\n\n# c <i> @all"), target("two"))
    hostile = replace(BROKEN, metadata=replace(BROKEN.metadata, targets=targets))

    text = REPORTERS["markdown"](hostile)

    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [row.count("|") for row in rows] == [7] * 4
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)
    assert "\n`````sh\ncurl </script>" in text
    assert "`````" not in outside
    assert not re.search(r"(?<!\\)<b|(?<!\\)<i|@all|\n# c", outside)
    assert "](<javascript" not in outside
    assert text.count("<details>") == text.count("</details>") == 2
    assert "\x1b" not in text


def test_junit_has_a_case_for_each_claim_asked_and_for_no_other():
    root = ET.fromstring(REPORTERS["junit"](BROKEN))

    one, two = root.findall("testsuite")
    assert (one.get("tests"), one.get("failures")) == ("1", "1")
    assert (two.get("tests"), two.get("failures")) == ("1", "0")
    (case,) = one.findall("testcase")
    assert case.get("classname") == "createImage"
    assert case.get("name") == "createImage/request/n/maximum"
    (failure,) = case.findall("failure")
    assert failure.get("type") == "accepts-invalid"
    assert failure.get("message") == "n = 11 was accepted"
    assert "<b onclick=x>" in case.findtext("system-out", "")


def test_junit_does_not_lose_a_finding_about_no_listed_claim():
    stray = report(outcome("one", [finding(claim="elsewhere")]))

    root = ET.fromstring(REPORTERS["junit"](stray))

    (failure,) = root.iter("failure")
    assert root.get("failures") == "1"
    assert failure.get("type") == "accepts-invalid"


def test_sarif_has_what_its_schema_requires():
    log = json.loads(REPORTERS["sarif"](BROKEN))

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


def test_sarif_tells_broken_promises_from_differences():
    (run,) = json.loads(REPORTERS["sarif"](BROKEN))["runs"]

    found = [
        (each["level"], each["partialFingerprints"]["imageparity/v1"])
        for each in run["results"]
    ]
    assert found == [("error", "f" * 16), ("note", "d" * 16)]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["defaultConfiguration"] == {"level": "error"}


def test_a_conforming_run_has_no_results():
    (run,) = json.loads(REPORTERS["sarif"](CONFORMING))["runs"]

    assert run["results"] == []
    assert list(ET.fromstring(REPORTERS["junit"](CONFORMING)).iter("failure")) == []


def test_a_summary_in_text_needs_neither_colours_nor_a_wide_window():
    text = printed(summary, BROKEN)

    prose = [line for line in text.splitlines() if "curl" not in line]
    assert max(map(len, prose)) <= 80
    assert "\x1b" not in text
    assert "curl -d '{\"n\": 11}' https://one.example" in text
    assert "accepts-invalid, broken promise" in text
    assert "wrong-error, difference" in text


def test_hostile_text_does_not_leave_its_place_in_a_terminal():
    targets = (target("one", title="[red]a\nb\x1b[2J"), target("two"))
    hostile = replace(BROKEN, metadata=replace(BROKEN.metadata, targets=targets))

    text = printed(summary, hostile)

    assert "[red]a b\\x1b[2J" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)


def test_differences_in_text_are_only_those_rows_that_differ():
    text = printed(differences, ROWS)

    assert "prefix" in text
    assert "scheme" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_differences_in_text_are_at_most_fifteen():
    rows = [{**ROWS[0], "feature": f"f{n}"} for n in range(18)]

    text = printed(differences, rows, width=200)

    assert "f14" in text
    assert "f15" not in text
    assert "3 more in the HTML report" in text
