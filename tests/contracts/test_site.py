"""The published site matches the documents and is reproducible."""

import json
import re

import pytest
from support.paths import ROOT
from support.providers import SHIPPED

import specs
from contracts import site
from contracts.compare import compare
from contracts.published.site import read_submissions, result_files
from specs.documents.reading.file_names import SOURCES
from specs.documents.reading.yaml_files import read_yaml

pytestmark = pytest.mark.slow

PROVIDERS = [specs.load(name) for name in specs.names()]


@pytest.fixture(scope="module")
def twice():
    few = [specs.load(name) for name in ("tokenhub", "tikhub")]
    only = ("createImage/request/n/",)
    return site.files(few, only), site.files(few, only)


def test_the_files_are_the_same_byte_by_byte(twice):
    first, second = twice

    assert first == second
    assert set(first) == {"index.html", "comparison.json"}


def test_the_files_hold_neither_ports_nor_times(twice):
    for text in twice[0].values():
        assert set(re.findall(r"127\.0\.0\.1:\d+", text)) <= {"127.0.0.1:8080"}
    targets = json.loads(twice[0]["comparison.json"])["targets"]
    assert targets[0]["base_url"] == "http://127.0.0.1:8080/tokenhub/api/v1"
    days = {row["date"] for row in read_yaml(SHIPPED, SOURCES).values()}
    assert {each["started"] for each in targets} <= days


def test_the_page_is_about_the_documents_and_ends_with_a_self_check(twice):
    page = twice[0]["index.html"]

    assert re.search(r"<h1>Where two image APIs differ: \d+ of \d+ features</h1>", page)
    assert "conform to their documentation" not in page
    head, _, foot = page.partition('<footer id="reading">')
    assert "Self-check" not in head
    assert re.search(r"Self-check: .*: 0 failed, 0 warning, \d+ passed", foot)
    assert '<span class="chip K">' not in head.partition('id="claims"')[0]
    assert '<a href="results.html">' in head


def test_the_published_comparison_is_up_to_date():
    """If this fails after a change of the documents, run `make site`."""
    published = json.loads((ROOT / "site" / "comparison.json").read_text("utf-8"))
    current = json.loads(site.comparison_json(compare(PROVIDERS)))

    for row in published["rows"]:
        for cell in row["cells"].values():
            cell["measured"] = {}
    names = ("id", "feature", "group", "section", "majority", "cells")
    assert [{name: row[name] for name in names} for row in published["rows"]] == [
        {name: row[name] for name in names} for row in current["rows"]
    ]
    assert published["contradictions"] == current["contradictions"]
    assert (ROOT / "site" / "index.html").stat().st_size < 2_200_000


def test_the_published_results_are_up_to_date():
    """If this fails after a new result, run `python -m contracts.published site`."""
    made = result_files(read_submissions(ROOT / "site"))

    for name, text in made.items():
        assert (ROOT / "site" / name).read_text("utf-8") == text


def test_the_table_in_the_readme_is_up_to_date():
    """If this fails after a change of the documents, run `make site`."""
    readme = (ROOT / "README.md").read_text("utf-8")

    assert site.insert_table(readme, site.table(PROVIDERS)) == readme


def test_a_readme_without_marks_is_rejected():
    with pytest.raises(ValueError, match="lacks <!-- differences -->"):
        site.insert_table("# A\n", "| |\n")


def test_the_table_has_a_line_per_provider_and_few_columns():
    lines = site.table(PROVIDERS).splitlines()

    assert len(lines) == 2 + len(compare(PROVIDERS).providers)
    assert {line.count("|") for line in lines} == {site.MAX_TABLE_COLUMNS + 2}
    assert len({line.split("|")[1] for line in lines}) == len(lines)
