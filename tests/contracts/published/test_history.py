"""Grades and changes follow from the results; page and feed show them."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from support.reports import CONTROLS, HOSTILE, finding, outcome
from support.submissions import LEVEL, submission

from contracts.published.history import Grade, published_results
from contracts.published.site import result_files

FAILED = outcome("one", [finding()])
FIRST = submission("2026-12-01", "Example Ltd", FAILED)
SECOND = submission("2026-12-02", "Other Person", FAILED)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def grades(*submissions):
    return {each.submission.path: each.grade for each in published_results(submissions)}


def test_a_result_is_reproduced_by_a_second_one_that_agrees():
    assert set(grades(FIRST).values()) == {Grade.SELF_REPORTED}
    assert set(grades(FIRST, SECOND).values()) == {Grade.REPRODUCED}


@pytest.mark.parametrize(
    "change",
    [
        {"measured_by": "EXAMPLE LTD"},
        {"contact": FIRST.contact + "/"},
        {"exchanges_sha256": FIRST.exchanges_sha256},
        {"stopped": "budget"},
        {"endpoint": "provider"},
        {"level": LEVEL},
        {"summary": submission("2026-12-02", "Other Person").summary},
        {
            "summary": replace(
                SECOND.summary,
                target=replace(SECOND.summary.target, document_sha256="b" * 64),
            )
        },
        {
            "summary": replace(
                SECOND.summary,
                target=replace(SECOND.summary.target, base_url="https://b.example"),
            )
        },
    ],
    ids="-".join,
)
def test_a_result_that_differs_reproduces_nothing(change):
    assert set(grades(FIRST, replace(SECOND, **change)).values()) == {
        Grade.SELF_REPORTED
    }


def test_a_mock_is_an_example_whoever_agrees():
    mocks = [replace(each, endpoint="mock") for each in (FIRST, SECOND)]

    assert set(grades(*mocks).values()) == {Grade.EXAMPLE}
    assert not any(each.reproductions for each in published_results(mocks))


def test_changes_are_those_since_the_result_before_of_the_same_server_and_set():
    lower = replace(LEVEL, reached="none", passed=12)
    other = replace(LEVEL, sha256="c" * 64)
    results = published_results(
        [
            submission("2026-12-05", "Example Ltd", outcome("one"), level=lower),
            submission("2026-12-04", "Example Ltd", FAILED, level=lower),
            submission("2026-12-03", "Example Ltd", FAILED, level=other),
            submission("2026-12-02", "Other Person", outcome("one"), level=LEVEL),
            submission("2026-12-01", "Example Ltd", outcome("one"), level=LEVEL),
        ]
    )

    assert [each.changes for each in results] == [
        ["1 finding gone"],
        ["level before: all musts", "1 finding new"],
        [],
        ["no change"],
        [],
    ]
    assert [
        each.submission.started[8:10] for each in results if each.has_new_level
    ] == ["04"]


def test_the_feed_has_an_entry_for_each_result_with_what_changed():
    lower = replace(LEVEL, reached="none", passed=12)
    first = replace(FIRST, level=LEVEL)
    later = replace(SECOND, level=lower)
    example = replace(FIRST, path="one/2026-11-30-example", endpoint="mock")

    root = ET.fromstring(result_files([first, example, later])["feed.xml"])
    before = ET.fromstring(result_files([first, example])["feed.xml"])

    entries = root.findall("a:entry", ATOM)
    assert [each.findtext("a:title", None, ATOM) for each in entries] == [
        "Changed level: One at https://gateway.example/v1, images-2026-12: no level",
        "New result: One at https://gateway.example/v1, images-2026-12: all musts",
        "Example: One at a mock of imageparity, no set of requirements",
    ]
    assert root.findtext("a:updated", None, ATOM) == later.started
    ids = [each.text for each in root.findall("a:entry/a:id", ATOM)]
    assert ids[1:] == [each.text for each in before.findall("a:entry/a:id", ATOM)]
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", each) for each in ids)
    terms = [each.get("term") for each in entries[0].findall("a:category", ATOM)]
    assert terms == ["new-result", "changed-level"]
    for entry in (root, *entries):
        for name in ("id", "title", "updated", "author/a:name", "link"):
            assert len(entry.findall(f"a:{name}", ATOM)) >= 1, name


def test_the_page_shows_each_result_with_its_grade_and_bundle():
    page = result_files([FIRST, SECOND])["results.html"]

    assert "<h1>Published results of 1 server</h1>" in page
    assert page.index("2026-12-02</a>") < page.index("2026-12-01</a>")
    assert page.count('<span class="tag">reproduced</span>') == 2
    assert '<a href="#one-2026-12-02-other-person">by Other Person</a>' in page
    assert 'href="results/one/2026-12-01-example-ltd/bundle.zip"' in page
    assert "No results have been submitted" not in page


def test_page_and_feed_without_results_say_so():
    found = result_files([])

    assert "No results have been submitted" in found["results.html"]
    root = ET.fromstring(found["feed.xml"])
    assert not root.findall("a:entry", ATOM)
    assert root.findtext("a:updated", None, ATOM)


def test_texts_of_others_are_no_markup():
    hostile = HOSTILE + CONTROLS
    found = result_files([replace(FIRST, measured_by=hostile, note=hostile)])

    assert "<b onclick" not in found["results.html"]
    assert ET.fromstring(found["feed.xml"]).findall("a:entry", ATOM)
