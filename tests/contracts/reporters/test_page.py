"""The HTML of the page; test_page_in_a_browser has the tests in a browser."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from support.reports import (
    ALL,
    BROKEN,
    CONFORMING,
    HOSTILE,
    claim,
    finding,
    outcome,
    report,
    target,
)

import specs
from contracts import compare as comparison
from contracts.cli.main import main
from contracts.compare import (
    Comparison,
    ComparisonRow,
    Conformance,
    Contradiction,
    DifferenceKind,
    MeasuredBehavior,
    ProviderCell,
    ProviderColumn,
    Section,
    Statement,
)
from contracts.judging.outcome import FeatureVerdict
from contracts.reporters.page.render import page

VOID = {"meta", "input", "br", "rect", "link", "img", "polyline", "circle"}
PICTURE = "data:image/webp;base64,UklGRg=="


def said(value, letter="A", **more):
    return ProviderCell(value, source="S1#path", letter=letter, **more)


def row(id_, cells, *kinds):
    group, section, feature = id_.split("/")
    return ComparisonRow(id_, feature, group, Section(section), cells, kinds=kinds)


COMPARED = Comparison(
    providers=tuple(
        ProviderColumn(name, name.capitalize(), "2026", ("createImage",))
        for name in ("one", "two", "three")
    ),
    rows=(
        row(
            "createImage/request/n",
            {
                "one": said("1\N{HORIZONTAL ELLIPSIS}10"),
                "two": said("1\N{HORIZONTAL ELLIPSIS}10"),
                "three": said(HOSTILE, "B", basis="assumed", note="A `note`."),
            },
            DifferenceKind.PEERS_DIFFER,
        ),
        row(
            "createImage/request/prompt",
            {name: said("string") for name in ("one", "two", "three")},
        ),
    ),
    contradictions=(
        Contradiction(
            "three/createImage/request/n",
            "three",
            "createImage/request/n",
            "openapi.yaml#/",
            (Statement("yes", "S1"), Statement("no", "S2", source_url="javascript:x")),
            "maybe",
        ),
    ),
)


def measured(**cells):
    """`COMPARED` with measured behavior of `n` at some servers."""
    first = COMPARED.rows[0]
    found = {
        name: replace(cell, measured={name: cells[name]}) if name in cells else cell
        for name, cell in first.cells.items()
    }
    return replace(COMPARED, rows=(replace(first, cells=found), *COMPARED.rows[1:]))


class Page(HTMLParser):
    """Parse a page into its elements; `unbalanced` are unexpected end tags."""

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

    def classed(self, name):
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]

    def values(self, name):
        return [attrs[name] for _, attrs in self.elements if name in attrs]


def results(text):
    """By column, the results of its claims, as the script shows them."""
    data = data_of(text)
    found = {column: [] for column in data["claim_columns"]}
    for group in data["claims"]:
        for _, cells, _ in group["rows"]:
            for column, letter, *_ in cells:
                name = data["claim_columns"][column]
                found[name].append(data["marks"][letter][0])
    return found


def data_of(text):
    _, _, rest = text.partition('<script type="application/json" id="data">')
    return json.loads(rest.partition("</script>")[0])


@pytest.mark.parametrize("compared", [COMPARED, None], ids=["compared", "alone"])
@pytest.mark.parametrize("name", ALL)
def test_a_page_is_balanced_and_its_ids_are_unique(name, compared):
    parsed = Page(page(compared, ALL[name], [ALL[name]]))

    assert (parsed.unbalanced, parsed.open) == ([], [])
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", [*ALL, None])
def test_a_page_loads_nothing(name):
    text = page(COMPARED, ALL.get(name))
    parsed = Page(text)

    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base"}
    assert parsed.values("src") == []
    assert "url(" not in text
    assert "@import" not in text
    links = {each for each in parsed.values("href") if not each.startswith("#")}
    assert links <= {"https://one.example/docs"}
    (policy,) = [a for a in parsed.all("meta") if a.get("http-equiv")]
    assert policy["content"].startswith("default-src 'none'; img-src data:; style-src")


@pytest.mark.parametrize("compared", [COMPARED, None], ids=["compared", "alone"])
def test_every_link_within_a_page_has_a_target(compared):
    text = page(compared, BROKEN)
    parsed = Page(text)
    data = data_of(text)

    links = [unquote(each[1:]) for each in parsed.values("href") if each[0] == "#"]
    places = {each for each in links if "=" not in each}
    assert ("f" * 16 in places) == (compared is None)
    assert places <= set(parsed.values("id"))
    for link in links:
        kind, _, name = link.partition("=")
        id_, _, provider = name.rpartition("@")
        if kind == "cell":
            assert data["features"][id_][data["columns"].index(provider)]["value"]
        elif kind == "claim":
            column = data["claim_columns"].index(provider)
            assert (id_, column) in {
                (f"{group['operation']}/{name}", cell[0])
                for group in data["claims"]
                for name, cells, _ in group["rows"]
                for cell in cells
            }


def test_hostile_text_stays_text_in_a_page():
    title = '"><img src=x onerror=alert(1)>'
    targets = (target("one", title=title, base_url="javascript:x"), target("two"))
    hostile = replace(BROKEN, metadata=replace(BROKEN.metadata, targets=targets))

    text = page(COMPARED, hostile)

    parsed = Page(text)
    assert [each.get("type") for each in parsed.all("script")] == [
        *(None, "application/json", None)
    ]
    assert parsed.all("img") == []
    assert parsed.values("onclick") == []
    assert "&lt;/script&gt;&lt;b onclick=x&gt;" in text
    assert "{{ 7*7 }}" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202e]", text)
    assert "\\x1b[31mred" in text
    data = data_of(text)
    cell = data["features"]["createImage/request/n"][data["columns"].index("three")]
    assert cell["value"] == HOSTILE


def test_only_data_uris_of_images_are_shown():
    def shown(thumbnail):
        shots = [{"format": "webp", "width": 8, "height": 9, "thumbnail": thumbnail}]
        answer = {"status": 200, "content_type": "", "excerpt": "", "pictures": shots}
        text = page(None, report(outcome("one", [finding(answer=answer)])))
        assert "webp, 8\N{MULTIPLICATION SIGN}9" in text
        return [each["src"] for each in Page(text).all("img")]

    assert shown(PICTURE) == [PICTURE]
    for url in ("", "https://x.example/a.png", "data:text/html;base64,AAAA", "x"):
        assert shown(url) == []


def test_a_page_shows_findings_with_their_evidence():
    request = {"curl": "c1", "python": "p1", "node": "n1", "summary": "n = 11"}
    text = page(
        None,
        report(outcome("one", [finding(request=request)]), *BROKEN.outcomes),
    )
    parsed = Page(text)

    found = parsed.classed("finding")
    assert [(each["id"], each["class"]) for each in found] == [
        ("f" * 16, "finding failed"),
        ("d" * 16, "finding warning"),
    ]
    for needed in ("n = 11 was accepted", "status 400", "n must be at most 10"):
        assert needed in text
    for snippet in ("c1", "p1", "n1"):
        assert f">{snippet}</pre>" in text
    command = "imageparity run one --only createImage/n/above --seed 42"
    assert f">{command}</pre>" in text


def test_a_report_without_node_snippets_shows_none():
    text = page(None, BROKEN)

    assert 'data-tab="python"' in text
    assert 'data-tab="node"' not in text
    assert "curl -d &#39;{&#34;n&#34;: 11}&#39;" in text


def test_claims_are_passed_failed_not_tested_or_not_documented():
    both = (target("one"), target("two", claims=(claim(asked=1),)))
    mixed = report(outcome("one", [finding()]), outcome("two"), targets=both)

    assert results(page(None, mixed)) == {
        "two": ["passed"],
        "one": ["failed", "not tested"],
    }


def test_a_finding_about_an_assumed_claim_is_a_warning():
    one = (target("one", claims=(claim(basis="assumed"),)),)
    assumed = report(outcome("one", [finding(basis="assumed")]), targets=one)

    text = page(None, assumed)

    assert results(text) == {"one": ["warning"]}
    assert "<h1>One conforms to its documentation</h1>" in text


def test_a_case_without_a_response_passes_no_claim():
    one = (target("one", claims=(claim(),)),)

    text = page(None, report(outcome(status=None), targets=one))

    assert results(text) == {"one": ["not tested"]}


def test_the_same_fingerprint_at_two_providers_is_two_findings():
    twice = report(outcome("one", [finding()]), outcome("two", [finding()]))

    parsed = Page(page(None, twice))

    assert {"f" * 16, "f" * 16 + "-two"} <= set(parsed.values("id"))


def test_providers_are_sorted_by_failures_then_by_differences():
    def order(*args):
        return data_of(page(*args))["columns"]

    assert order(COMPARED) == ["one", "two", "three"]
    assert order(COMPARED, BROKEN) == ["two", "three", "one"]


def test_a_cell_that_differs_from_the_majority_has_another_letter_and_color():
    text = page(COMPARED)

    row = text[text.index('data-id="createImage/request/n"') :]
    assert re.findall(r'<td class="([^"]*)"', row)[:3] == ["l-a", "l-a", "l-b soft"]
    assert re.findall(r'class="lt">(.)<', row)[:3] == ["a", "a", "b"]
    assert ">1 of 3 differ</small>" in row
    assert "1 feature on which all agree" in text
    assert "<li>A <code>note</code>.</li>" in text


def test_measured_behavior_is_shown_with_the_documented_value():
    behavior = MeasuredBehavior(
        Conformance.BROKEN,
        FeatureVerdict.IGNORED,
        3,
        note="One came.",
        fingerprint="f" * 16,
    )
    text = page(measured(one=behavior), BROKEN)

    assert '<span class="chip B"><b>I</b> ignored</span>' in text
    assert '<span class="chip K"><b>H</b> honoured</span>' not in text
    (marked,) = [a for a in Page(text).all("tr") if a.get("data-kind") == "cell"][:1]
    assert marked["data-id"] == "createImage/request/n"
    assert "data-i" in marked
    data = data_of(text)
    cell = data["features"]["createImage/request/n"][data["columns"].index("one")]
    assert cell["measured"]["one"]["note"] == "One came."


def test_a_contradiction_shows_both_statements_and_the_interpretation():
    text = page(COMPARED)

    assert "1 contradiction within a provider" in text
    assert "<b>Interpretation:</b> maybe" in text
    assert not [each for each in Page(text).values("href") if "javascript" in each]


def test_without_a_comparison_there_are_no_features():
    assert "Differences between providers" in page(COMPARED, CONFORMING)
    assert "Differences between providers" not in page(None, CONFORMING)


def test_a_page_without_a_report_shows_documents_only():
    text = page(COMPARED)

    assert "<h1>Where three image APIs differ: 1 of 2 features</h1>" in text
    assert "No request was sent to a live service" in text
    assert 'id="findings"' not in text
    both = page(measured(one=MeasuredBehavior(Conformance.KEPT)))
    assert "with the measured behavior of servers" in both
    assert "No request was sent" not in both


OLD = report(outcome("one", [finding(fingerprint="a" * 16)]), outcome("two"))
OLD = replace(OLD, metadata=replace(OLD.metadata, started="2026-10-01T00:00:00+00:00"))


def changes(text):
    """The counts of new, fixed and unknown findings per provider."""
    return re.findall(r"<b>(\d+)</b> (new|fixed|not tested again)</span>", text)


def test_history_shows_new_and_fixed_findings():
    text = page(None, BROKEN, [OLD])

    assert 'id="history"' in text
    assert "<b>2 new</b>, <b>1 fixed</b> since 1 Oct 2026, 00:00 UTC" in text
    assert changes(text) == [
        *[("2", "new"), ("1", "fixed")],
        *[("0", "new"), ("0", "fixed")],
    ]
    assert "1 Oct 2026, 00:00 UTC" in text
    assert 'id="history"' not in page(None, BROKEN)


def test_show_renders_the_page_with_history(tmp_path):
    paths = [tmp_path / "new.jsonl", tmp_path / "old.jsonl"]
    last = report(outcome("one", [finding()]), outcome("two"))
    for path, each in zip(paths, (last, OLD), strict=True):
        each.write(path)
    new, old = map(str, paths)

    def shown(*words):
        return CliRunner().invoke(main, ["show", *words], prog_name="imageparity")

    made = shown(new, "--format", "html", "--history", old)
    assert (made.exit_code, made.output) == (1, page(None, last, [OLD]))
    useless = shown(new, "--history", old)
    assert (useless.exit_code, "--history" in useless.output) == (2, True)
    missing = shown(new, "--format", "html", "--history", f"{old}.gone")
    assert (missing.exit_code, "cannot be read" in missing.output) == (2, True)


def test_a_finding_that_was_not_tested_again_is_not_fixed():
    unasked = (target("one", claims=(claim(asked=0),)), target("two"))
    nothing = report(outcome("two"), targets=unasked)

    text = page(None, nothing, [OLD])

    assert changes(text)[:3] == [
        ("0", "new"),
        ("0", "fixed"),
        ("1", "not tested again"),
    ]


def test_a_client_is_affected_by_what_it_sends_and_reads():
    providers = [specs.load(each) for each in ("openai", "tokenhub")]
    parsed = Page(page(comparison.compare(providers)))
    heard = {
        attrs["data-id"]: set(attrs["data-c"].split())
        for attrs in parsed.all("tr")
        if attrs.get("data-kind") == "cell"
    }

    everyone = set(specs.clients.clients())
    assert heard["transport/base-url"] == everyone
    assert heard["createImage/request/size"] == everyone
    assert heard["createImage/request/response_format"] == everyone - {"litellm"}
    only_b64 = everyone - {"ai-sdk-openai"}
    assert heard["createImage/answer/data[].url"] == only_b64
    assert heard["createImage/answer/data[].b64_json"] == everyone


def test_a_page_of_twenty_providers_stays_small():
    names = tuple(f"p{number}" for number in range(20))
    many = tuple(claim(f"createImage/request/p{n}/maximum") for n in range(250))
    targets = tuple(target(name, claims=many, planned=300) for name in names)
    outcomes = [
        outcome(name, case=f"case {n}", claims=(many[n % 250].id,))
        for name in names
        for n in range(300)
    ]

    text = page(None, report(*outcomes, targets=targets))

    assert len(text.encode()) < 500_000
