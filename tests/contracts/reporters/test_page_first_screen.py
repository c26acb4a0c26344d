"""The first screen of the page answers the reader's question."""

import json
import re
from dataclasses import replace

from support.providers import IMAGE_PROVIDERS
from support.reports import claim, finding, outcome, report, target

import specs
from contracts import compare as comparison
from contracts.reporters.page.ranking import MAX_DIVERGENT
from contracts.reporters.page.render import page

SERVER = target(
    "one",
    is_mock=False,
    planned=9,
    claims=(claim(asked=5), claim("createImage/request/n/minimum", asked=0)),
)
TITLES = ("Every edit with a mask fails", "n is ignored", "size is ignored", "Rare")


def cause(number, **changes):
    made = finding(
        fingerprint=str(number) * 16,
        title=TITLES[number],
        provider="one",
        cases=90 - number,
        members=(f"{number}a" * 8,),
        claims=("createImage/request/n/maximum", "createImage/request/n/minimum"),
    )
    return replace(made, **changes)


def server_report(*causes, stopped=None):
    """A report of one server: 2 failed, 1 passed, 3 not tested cases, 3 not sent."""
    outcomes = [
        outcome("one", [finding()]),
        outcome("one", [finding()]),
        outcome("one"),
        *[outcome("one", status=None, not_tested="rate limited") for _ in range(2)],
        outcome("one", status=None, not_tested="depends on createImage/plain"),
    ]
    made = report(*outcomes, targets=(SERVER,), stopped=stopped)
    return replace(made, causes=tuple(causes))


def first_screen(text):
    return text[text.index("<body>") : text.index('<div class="panel')]


def tabs(text):
    return re.findall(r'<a href="#(\w+)" data-tab="\1">', text)


def counts(text):
    return dict(re.findall(r"<dt>([a-z ]+)</dt><dd>([\d,]+)</dd>", first_screen(text)))


FAILING = page(None, server_report(*map(cause, range(4))))
CONFORMING = page(
    None,
    report(
        outcome("one"), targets=(replace(SERVER, planned=1, claims=(claim(asked=1),)),)
    ),
)


def claim_letters(text):
    """The claims of a page of one server, with their letters."""
    _, _, rest = text.partition('<script type="application/json" id="data">')
    groups = json.loads(rest.partition("</script>")[0])["claims"]
    return [(name, cell[1]) for group in groups for name, (cell,), _ in group["rows"]]


def test_the_first_screen_has_the_verdict_and_the_three_heaviest_findings():
    screen = first_screen(FAILING)

    assert "<h1>The server deviates from the documentation of One</h1>" in screen
    found = re.findall(r'<li><a href="#(\w+)">([^<]+)</a>', screen)
    assert found == [(str(at) * 16, TITLES[at]) for at in range(3)]
    assert "90 test cases" in screen
    assert '<a href="#findings">All 4 findings</a>' in screen


def test_the_counts_have_one_unit():
    assert counts(FAILING) == {
        "findings": "4",
        "test cases": "9",
        "failed": "2",
        "warning": "0",
        "passed": "1",
        "not tested": "6",
    }


def test_the_first_screen_says_why_cases_were_not_tested():
    screen = first_screen(FAILING)

    assert re.findall(r"<li><b>([^<]+)</b>: ([^<(]+)", screen) == [
        ("3 test cases", "not sent"),
        ("2 test cases", "rate limited; send fewer requests per minute with --rate"),
        ("1 test case", "depends on createImage/plain"),
        (
            "1 of 2 claims",
            "no test case with a response tested it. By subject: request 1. ",
        ),
    ]


def test_seed_version_and_date_are_in_the_footer_only():
    head, _, foot = FAILING.partition('<footer id="reading">')

    assert "imageparity 9.8.7 · 21 Nov 2026, 13:05 UTC · seed 42" in foot
    for text in ("9.8.7", "21 Nov 2026"):
        assert text not in head


def test_a_single_server_has_no_matrix_and_no_letters():
    providers = [specs.load("openai")]
    one = replace(SERVER, provider="openai")
    made = server_report(cause(0, provider="openai"))
    made = replace(
        made,
        metadata=replace(made.metadata, targets=(one,)),
        outcomes=tuple(replace(each, provider="openai") for each in made.outcomes),
    )

    text = page(comparison.compare(providers, [made]), made)
    shown = text[text.index("<body>") : text.index('<script type="application/json"')]

    assert tabs(text) == ["findings", "differences", "claims"]
    assert '<a href="#differences" data-tab="differences">Features' in text
    assert not re.search(r'class="lt"|class="heat"|data-key="compare"|disagree', shown)
    assert "F" in {letter for _, letter in claim_letters(text)}


def test_a_tab_without_content_is_missing():
    assert tabs(FAILING) == ["findings", "claims"]
    assert tabs(CONFORMING) == []  # claims alone need no tab
    assert 'id="claims"' in CONFORMING
    assert 'id="findings"' not in CONFORMING


def test_empty_states_say_what_was_seen():
    assert "No findings: all responses conform to the document." in CONFORMING
    assert "each claim was tested" in first_screen(CONFORMING)
    stopped = page(None, server_report(stopped="budget"))
    assert "No findings in the cases that were run." in stopped
    nothing = page(None, report(targets=(SERVER,)))
    assert "No case was run." in nothing
    assert "<h1>Nothing was tested</h1>" in nothing


def test_a_finding_has_its_sentence_its_count_and_all_its_claims():
    card = FAILING[FAILING.index('<section class="part" id="findings"') :]

    assert 'role="heading" aria-level="3">Every edit with a mask fails</span>' in card
    assert "<b>90 test cases</b> showed this" in card
    assert "Contradicts 2 claims" in card
    for id_ in ("maximum", "minimum"):
        assert f'<a href="#claim=createImage/request/n/{id_}@one">' in card
    assert f'data-print="{"0" * 16} {"0a" * 8}"' in card


def test_a_claim_that_only_a_cause_names_has_failed():
    assert [letters for _, letters in claim_letters(FAILING)] == ["F", "F"]


def test_a_finding_without_a_title_gets_the_claim_and_what_came():
    made = report(outcome("one", [finding()]), targets=(SERVER,))

    assert ">n must be at most 10: n = 11 was accepted</a>" in first_screen(
        page(None, made)
    )


def test_a_comparison_ranks_providers_and_features():
    providers = [specs.load(name) for name in IMAGE_PROVIDERS]
    text = page(comparison.compare(providers))
    screen = first_screen(text)

    title = re.search(r"<h1>Where five image APIs differ: (\d+) of (\d+) f", screen)
    differing, total = map(int, title.groups())
    assert 0 < differing < total
    assert "Furthest from OpenAI, the reference" in screen
    distances = [int(each) for each in re.findall(r"distance\"><b>(\d+)</b>", screen)]
    assert len(distances) == 4
    assert distances == sorted(distances, reverse=True)
    assert f"Features that differ, of {total}" in screen
    assert "Different statements among 5 providers" in screen
    statements = [int(each) for each in re.findall(r"<td><b>(\d+)</b></td>", screen)]
    assert len(statements) == MAX_DIVERGENT
    assert statements == sorted(statements, reverse=True)
    assert re.search(r'data-column="(\w+)"', text)[1] == "openai"


def test_a_single_document_is_not_ranked():
    screen = first_screen(page(comparison.compare([specs.load("tikhub")])))

    assert re.search(r"<h1>\d+ features of TikHub</h1>", screen)
    assert "Furthest" not in screen


def test_rules_are_in_words():
    names = ("openai@2026-08-21", "tokenhub")
    text = page(comparison.compare([specs.load(name) for name in names]))

    row = text[text.index('data-id="createImage/request/size"') :].partition("</tr>")[0]
    for words in (
        "<b>gpt-image-2:</b> auto or WIDTHxHEIGHT, both edges divisible by 16",
        "ratio at most 3:1",
        "<b>dall-e-2:</b> 256x256 \N{MIDDLE DOT} 512x512",
    ):
        assert words in row
    assert not re.search(r"\d rules", row)
    assert "keeps maxRatio" not in text


def test_tinted_values_differ_from_the_reference():
    names = ("tikhub", "openai", "tokenhub")
    text = page(comparison.compare([specs.load(name) for name in names]))

    row = text[text.index('data-id="createImage/request/size"') :].partition("</tr>")[0]
    letters = re.findall(r'class="lt">(.)<', row)
    assert letters[0] == "a"
    assert set(letters[1:]) == {"b", "c"}
    assert '<small class="dissent">2 of 2 differ</small>' in row


def test_two_providers_have_no_letters():
    text = page(comparison.compare([specs.load("openai"), specs.load("tokenhub")]))

    assert 'class="lt"' not in text.partition("<script>")[0]


def test_failures_come_first_among_claims():
    claims = (
        claim("createImage/request/n/type", asked=1),
        claim(asked=1),
        claim("createImage/answer/created/type", subject="answer", asked=1),
    )
    one = replace(SERVER, planned=1, claims=claims)

    text = page(None, report(outcome("one", [finding()]), targets=(one,)))

    assert [name for name, _ in claim_letters(text)] == [
        "request/n/maximum",
        "request/n/type",
        "answer/created/type",
    ]
