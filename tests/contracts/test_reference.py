"""The reference page lists all words, and is as the tables are."""

from support.paths import ROOT

from contracts.reference import reference_page
from specs.validation import vocabulary

PAGE = ROOT / "docs" / "pages" / "words.md"


def test_the_page_is_up_to_date():
    """`make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == reference_page()


def test_each_word_is_on_the_page_with_its_meaning():
    page = reference_page()

    for word in (*vocabulary.KEYWORDS, *vocabulary.ANNOTATIONS):
        assert f"### {word}\n" in page
        assert word in vocabulary.USES[word][1]
    for name, meaning in vocabulary.GUARANTEES.items():
        assert f"| `{name}` | {meaning} |" in page
    for key in ("live.base_url", "delivery[].give", "prices.per_image[].price"):
        assert f"| `{key}` (needed)" in page
