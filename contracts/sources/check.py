"""Compare the pages as they are with the facts that were recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.sources.citations import Citation, CitedSource
from contracts.sources.facts import facts_of, is_word, words_of
from contracts.sources.fingerprints import RecordedPage, RecordedPlace
from contracts.sources.lines import Form, Line, Page
from contracts.sources.places import sections

MIN_LENGTH = (
    100  # characters of a page; with fewer it needs JavaScript to show its text
)
MIN_SHARED = 0.3  # of the recorded words; a page with fewer is another one
NO_TEXT = "it has no text without JavaScript"
OTHER_PAGE = (
    "the page that came is another one: it has hardly any of the recorded facts"
)


class Status(StrEnum):
    """The result of a place or source; of a source, the first that a place has."""

    DOUBTFUL = "doubtful"
    NOT_CHECKED = "not checked"
    NOT_RECORDED = "not recorded"
    UNCHANGED = "unchanged"
    RECORDED = "recorded"
    NO_PAGE = "no page"


@dataclass(frozen=True)
class PlaceResult:
    """
    The result of one place, with the facts that it no longer has or that are new.

    `facts` are those that are or were recorded, None if none were.
    """

    place: str
    status: Status
    citations: Sequence[Citation]
    reason: str = ""
    gone: Sequence[str] = ()
    new: Sequence[str] = ()
    facts: frozenset[str] | None = None


@dataclass(frozen=True)
class SourceResult:
    """The results of a source; `day` is when its page was recorded, or empty."""

    cited: CitedSource
    places: Sequence[PlaceResult]
    day: str = ""
    reason: str = ""

    @property
    def status(self) -> Status:
        """The first status, in the order of `Status`, that a place has."""
        found = {each.status for each in self.places}
        return next((each for each in Status if each in found), Status.NO_PAGE)


def needs_check(cited: CitedSource, recorded: RecordedPage | None) -> bool:
    """True if facts of a page were recorded at a place that is cited."""
    return (
        not cited.no_page
        and recorded is not None
        and any(recorded.facts_at(place) is not None for place in cited.places)
    )


def list_source(cited: CitedSource, recorded: RecordedPage | None) -> SourceResult:
    """The places of a source, and which of them are recorded; no page is read."""
    if cited.no_page:
        none = [
            PlaceResult(place, Status.NO_PAGE, citations)
            for place, citations in cited.places.items()
        ]
        return SourceResult(cited, none, reason=cited.no_page)
    recorded = recorded or RecordedPage()
    results = []
    for place, citations in cited.places.items():
        facts = recorded.facts_at(place)
        status = Status.NOT_RECORDED if facts is None else Status.RECORDED
        results.append(PlaceResult(place, status, citations, facts=facts))
    return SourceResult(cited, results, recorded.day)


def check_source(
    cited: CitedSource, recorded: RecordedPage, page: Page | str
) -> SourceResult:
    """Compare a page, or the reason why it could not be read, with its record."""
    reason = page if isinstance(page, str) else _unusable(page, recorded)
    if reason or isinstance(page, str):
        results = []
        for place, citations in cited.places.items():
            facts = recorded.facts_at(place)
            status = Status.NOT_RECORDED if facts is None else Status.NOT_CHECKED
            results.append(PlaceResult(place, status, citations, reason, facts=facts))
        return SourceResult(cited, results, recorded.day, reason)
    found = _sections(cited, recorded, page)
    is_other_form = recorded.form is not page.form
    results = []
    for place, citations in cited.places.items():
        facts = recorded.facts_at(place)
        if facts is None:
            result = PlaceResult(place, Status.NOT_RECORDED, citations)
        elif is_other_form and (not place or place not in found):
            reason = (
                f"recorded as {recorded.form}, came as {page.form}: record it again"
            )
            result = PlaceResult(
                place, Status.NOT_CHECKED, citations, reason, facts=facts
            )
        elif place not in found:
            reason = "the place is no longer on the page"
            result = PlaceResult(
                place, Status.DOUBTFUL, citations, reason, sorted(facts), (), facts
            )
        else:
            gone, new = _differences(facts, found[place], recorded.form, page.form)
            status = Status.DOUBTFUL if gone or new else Status.UNCHANGED
            result = PlaceResult(place, status, citations, "", gone, new, facts)
        results.append(result)
    return SourceResult(cited, results, recorded.day)


def record_source(
    cited: CitedSource, recorded: RecordedPage | None, page: Page | str, day: str
) -> tuple[SourceResult, RecordedPage | None]:
    """
    The facts of a page at the places that are cited, with what could not be recorded.

    The record is None if the page could not be read: the old one remains.
    """
    old = recorded or RecordedPage()
    reason = page if isinstance(page, str) else ""
    if not isinstance(page, str) and page.length < MIN_LENGTH:
        reason = NO_TEXT
    found = {} if isinstance(page, str) or reason else _sections(cited, old, page)
    missing = "the page has no such place: write with which line it begins as `at`"
    results, places = [], {}
    for place, citations in cited.places.items():
        facts = facts_of(found[place]) if place in found else None
        status = Status.RECORDED if facts else Status.NOT_RECORDED
        why = reason or (
            "" if facts else missing if facts is None else "it has no facts"
        )
        results.append(PlaceResult(place, status, citations, why, facts=facts or None))
        hint = old.hint_at(place)
        if facts or hint.at:
            places[place] = RecordedPlace(facts or None, hint)
    if reason or isinstance(page, str) or not found:
        return SourceResult(cited, results, old.day, reason), None
    made = RecordedPage(day, page.form, places)
    return SourceResult(cited, results, day), made


def _sections(
    cited: CitedSource, recorded: RecordedPage, page: Page
) -> Mapping[str, Sequence[Line]]:
    known = [*cited.places, *recorded.places]
    return sections(page, {place: recorded.hint_at(place) for place in known})


def _unusable(page: Page, recorded: RecordedPage) -> str:
    """The reason why a page proves nothing, or an empty text."""
    if page.length < MIN_LENGTH:
        return NO_TEXT
    facts = {
        each for place in recorded.places for each in recorded.facts_at(place) or ()
    }
    words = {each for each in facts if is_word(each)}
    shared = words & words_of(page.lines)
    return OTHER_PAGE if len(shared) < MIN_SHARED * len(words) else ""


def _differences(
    facts: frozenset[str], lines: Sequence[Line], recorded: Form, current: Form
) -> tuple[list[str], list[str]]:
    """
    The facts that are gone, and those that are new.

    In another form of a page more or less is marked as code, so only the words that
    occur nowhere any more count.
    """
    if recorded is current:
        now = facts_of(lines)
        return sorted(facts - now), sorted(now - facts)
    words = words_of(lines)
    return sorted(each for each in facts if is_word(each) and each not in words), []
