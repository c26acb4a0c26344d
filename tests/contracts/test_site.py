"""What is published is what the documents say, the same at every making."""

import json
from pathlib import Path

import pytest

import specs
from contracts import site
from contracts.compare import compare

ROOT = Path(__file__).parents[2]
PROVIDERS = [specs.load(name) for name in specs.names()]


@pytest.fixture(scope="module")
def twice():
    few = [specs.load(name) for name in ("tokenhub", "tikhub")]
    only = ("createImage/request/n/",)
    return site.files(few, only), site.files(few, only)


def test_it_is_the_same_to_the_byte_at_every_making(twice):
    first, second = twice

    assert first == second
    assert set(first) == {"index.html", "comparison.json"}


def test_it_holds_neither_the_port_nor_the_pace_of_a_run(twice):
    for text in twice[0].values():
        assert "http://127.0.0.1:8080/tokenhub/api/v1" in text
    targets = json.loads(twice[0]["comparison.json"])["targets"]
    assert [each["started"] for each in targets] == ["2026-11", "2026-11"]


def test_its_mocks_keep_what_they_promise(twice):
    page = twice[0]["index.html"]

    assert "<h1>Both conform to their documentation</h1>" in page
    assert '<span class="chip K"><b>H</b> honoured</span>' in page


def test_what_is_published_is_what_the_documents_say():
    """After a change of the documents: `make site`."""
    published = json.loads((ROOT / "site" / "comparison.json").read_text("utf-8"))
    told = json.loads(site.comparison_json(compare(PROVIDERS)))

    for row in published["rows"]:
        for cell in row["cells"].values():
            cell["measured"] = {}
    said = ("id", "feature", "group", "section", "majority", "cells")
    assert [{name: row[name] for name in said} for row in published["rows"]] == [
        {name: row[name] for name in said} for row in told["rows"]
    ]
    assert published["contradictions"] == told["contradictions"]
    assert (ROOT / "site" / "index.html").stat().st_size < 2_000_000


def test_the_table_of_the_readme_is_made():
    """After a change of the documents: `make site`."""
    readme = (ROOT / "README.md").read_text("utf-8")

    assert site.insert_table(readme, site.table(PROVIDERS)) == readme


def test_a_readme_without_marks_is_not_written():
    with pytest.raises(ValueError, match="lacks <!-- differences -->"):
        site.insert_table("# A\n", "| |\n")


def test_the_table_is_short_and_keeps_to_its_cells():
    lines = site.table(PROVIDERS).splitlines()

    assert len(lines) == 2 + site.MAX_TABLE_ROWS
    assert {line.count("|") for line in lines} == {len(PROVIDERS) + 2}
    assert len({line.split("|")[1] for line in lines}) == len(lines)
