"""Facts of a page: changed names and numbers are seen, changed prose is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sources.facts import facts_of, is_word, words_of
from contracts.sources.lines import read_page
from contracts.sources.places import Hint, sections


def facts(text: str) -> frozenset[str]:
    return facts_of(read_page(text, is_html=text.startswith("<")).lines)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Between 1 and 10 images are made.", "You get from 1 up to 10 images."),
        ("The limit is 32,000 characters.", "At most 32000 characters are read."),
        ("The edit needs a mask.", "An edit is required to have a mask, as we said."),
        ("A file of 0-100 kB.", "Files have 0–100 kB."),  # noqa: RUF001
        ("1. Send `prompt`.", "2. Then send the `prompt`."),
        ("Last updated on 2026-05-04 at 13:50.", "Last updated on 2026-11-29."),
        ("<p>Use <code>url</code> here.</p>", "<div>Here, <code>url</code></div>"),
        ("<p>One text.</p><nav>v1 <a>v2</a></nav>", "<p>Other text.</p>"),
        ('{"created": 1779912000}', '{"created": 1788000000}'),
    ],
)
def test_prose_may_change(before, after):
    assert facts(before) == facts(after)


@pytest.mark.parametrize(
    ("before", "after", "gone", "new"),
    [
        ("At most 10 images.", "At most 8 images.", {"10"}, {"8"}),
        ("Send response_format.", "Send output.", {"response_format"}, set()),
        ("One of low, medium, high.", "One of low, high, max.", {"medium"}, {"max"}),
        ("可选:low、high、auto。", "可选:low、high、auto、max。", set(), {"max"}),
        ("png, jpeg or webp", "png, gif or webp", {"jpeg"}, {"gif"}),
        (
            "Defaults to png. One of png, jpeg, webp.",
            "Defaults to webp. One of png, jpeg, webp.",
            {"default=png"},
            {"default=webp"},
        ),
        (
            "| n | integer | No | 1 |",
            "| n | integer | Yes | 1 |",
            {"No", "[3]=No"},
            None,
        ),
        ("| n | 1 | 1 to 4 |", "| n | 4 | 1 to 4 |", {"[2]=1"}, {"[2]=4"}),
        ("integer | null", "integer", {"null"}, set()),
        ("prompt string required", "prompt string", {"required"}, set()),
        ("`mask` is there", "`picture` is there", {"mask"}, {"picture"}),
        ('{"quality": "low"}', '{"quality": "high"}', {"low", "quality=low"}, None),
        (
            "Streaming is supported.",
            "Streaming is not supported.",
            set(),
            {"unsupported"},
        ),
        ("POST /v1/images", "PUT /v2/images", {"POST", "/v1/images"}, None),
        (
            "<table><tr><td><p>n</p><td>integer</table>",
            "<table><tr><td><p>n</p><td>string</table>",
            {"integer", "[2]=integer"},
            {"string", "[2]=string"},
        ),
    ],
)
def test_changed_facts_are_seen(before, after, gone, new):
    old, now = facts(before), facts(after)

    assert old - now == gone
    assert new is None or now - old == new


LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=9)


@given(st.lists(LETTERS, min_size=3, max_size=12))
def test_a_sentence_of_plain_words_has_no_facts(words):
    words = [each for each in words if each not in {"bearer", "deprecated"}]
    sentence = " ".join(["The", *words, "here"]).capitalize()

    assert {each for each in facts(f"{sentence}.") if is_word(each)} == set()


PAGE = """\
# Guide
Intro with 7 things.
## Parameters
| Name | Type | Default |
|---|---|---|
| n | integer | 1 |
| size | string | auto |
| style | string | vivid |
Text with 99 below the table.
## Response
### size
The size, 512x512.
## Errors
Too many requests give 429, and `slow_down`.
No key gives 401.
"""


def test_places_are_headings_rows_lines_and_mentions():
    places = ("parameters", "n", "size", "response/size", "slow_down", "", "nowhere")
    found = sections(read_page(PAGE, is_html=False), dict.fromkeys(places, Hint()))
    has = {place: facts_of(lines) for place, lines in found.items()}

    assert set(found) == {*places} - {"nowhere"}
    assert {"n", "size", "style", "99"} <= has["parameters"]
    assert {"429", "512x512"}.isdisjoint(has["parameters"])
    assert "[3]=1" in has["n"]
    assert "[1]=size" not in has["n"]
    # A row belongs to the place before it if none cites it, so a new row is seen.
    assert {"[3]=auto", "[1]=style"} <= has["size"]
    assert {"512x512", "99"}.isdisjoint(has["size"])
    assert has["response/size"] == {"size", "512x512"}
    assert has["slow_down"] == {"429", "slow_down"}
    assert {"7", "99", "401"} <= has[""]


def test_a_place_can_be_told_by_the_lines_at_which_it_begins_and_ends():
    page = read_page(PAGE, is_html=False)
    hint = Hint(at="Name", to="Errors")

    (lines,) = sections(page, {"members": hint}).values()

    assert {"99", "512x512"} <= facts_of(lines)
    assert "429" not in facts_of(lines)
    assert sections(page, {"members": Hint(at="No such line")}) == {}


def test_html_is_read_as_its_text_without_what_surrounds_it():
    page = read_page(
        "<html><head><title>9</title><style>p {width: 8px}</style></head><body><nav>7"
        "</nav><p>outside</p><main><h2 id=one>First <code>n</code></h2>"
        "<pre>a: 1\nb: 2</pre><table><tr><th>k<th>v<tr id=row><td>x | y<td>&lt;3"
        "</table></main></body>",
        is_html=True,
    )

    assert [line.text for line in page.lines] == [
        "First `n`",
        "a: 1",
        "b: 2",
        "k | v",
        "x | y | <3",
    ]
    assert (page.lines[0].level, page.lines[0].ids) == (2, {"one"})
    assert (page.lines[4].cells, page.lines[4].ids) == (("x | y", "<3"), {"row"})
    assert {"n", "a", "1", "3"} <= words_of(page.lines)
