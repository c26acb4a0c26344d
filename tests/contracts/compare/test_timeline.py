"""The time line between two states of one document."""

import pytest

import specs
from contracts.compare.documents.timeline import timeline

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def changes():
    return list(timeline([specs.load("openai"), specs.load("openai@2026-10-31")]))


def test_changes_come_day_by_day_with_what_is_new_and_their_pages(changes):
    assert list(dict.fromkeys(each.date for each in changes)) == [
        "2026-11-05",
        "2026-11-12",
        "2026-12-01",
    ]
    by_subject = {(each.date, each.subject): each for each in changes}
    formats = by_subject["2026-11-05", "output_format"]
    assert "new values: gif" in "; ".join(formats.texts)
    assert "R-sdk-11#output_format" in formats.sources
    gone = by_subject["2026-12-01", "model-shut-down"]
    assert "gpt-image-1.5" in gone.texts[0]
    assert gone.sources == ("R-depr-11",)
    assert gone.operations == ("createImage", "createImageEdit")
    assert by_subject["2026-12-01", "size-gpt-image"].ends
    assert ("2026-11-05", "price") in by_subject


def test_what_is_assumed_of_several_fields_is_left_out(changes):
    assert not [each for each in changes if each.subject == "quality-gpt-image-2-6"]


def test_there_is_none_between_different_providers_or_for_one_state():
    one, other = specs.load("openai"), specs.load("tokenhub")

    assert not [*timeline([one, other]), *timeline([one])]
