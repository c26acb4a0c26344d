"""Print the results of sources: lines of text, and rows of JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from contracts.sources.check import PlaceResult, SourceResult, Status
from contracts.sources.fingerprints import fingerprint
from contracts.text import join_some, join_words, one_line, pluralize

WIDTH = 100  # columns
MAX_FACTS = 8  # of a place that are named
WHOLE_PAGE = "whole page"


def list_lines(results: Sequence[SourceResult], *, is_verbose: bool) -> Iterator[str]:
    """A table of sources, with their places if `is_verbose`."""
    width = max(len("source"), *(len(each.cited.source.id) for each in results))
    yield f"{'source':<{width}}  day of page  claims  fingerprint (places)     title"
    for result in results:
        source = result.cited.source
        state = _record_state(result)
        start = f"{source.id:<{width}}  {source.date:<11}  {result.cited.count:>6}"
        yield _clip(f"{start}  {state:<23}  {source.title}")
        if is_verbose:
            yield from _place_lines(result)
    yield ""
    yield _summary(results)


def _record_state(result: SourceResult) -> str:
    if result.status is Status.NO_PAGE:
        return result.reason
    recorded = _recorded(result)
    if not recorded:
        return "not recorded"
    return f"{_fingerprint(result)} ({len(recorded)} of {len(result.places)})"


def _place_lines(result: SourceResult) -> Iterator[str]:
    if not result.cited.no_page:
        yield f"    {result.cited.source.url}"
    if result.day:
        yield f"    recorded on {result.day}"
    for place in result.places:
        count = pluralize(len(place.citations), "claim")
        state = "not recorded" if place.facts is None else fingerprint(place.facts)
        state = "" if place.status is Status.NO_PAGE else f": {state}"
        yield f"    {_place_name(place)}{state}, {count}"


def _summary(results: Sequence[SourceResult]) -> str:
    """The number of sources that are recorded, are not, and have no page."""
    counts = Counter(
        "no page"
        if each.status is Status.NO_PAGE
        else "recorded"
        if _recorded(each)
        else "not recorded"
        for each in results
    )
    parts = [
        f"{counts[name]} {text}"
        for name, text in {
            "recorded": "recorded",
            "not recorded": "not recorded",
            "no page": "without a page that shows the claims",
        }.items()
        if counts[name]
    ]
    return f"{pluralize(len(results), 'source')}: {join_words(parts)}."


def check_lines(results: Sequence[SourceResult], *, is_verbose: bool) -> Iterator[str]:
    """The claims that are doubtful, what was not checked and why, and a count."""
    for result in results:
        if result.status is Status.DOUBTFUL:
            yield from _doubtful_lines(result)
    for result in results:
        yield from _reason_lines(result, Status.NOT_CHECKED, "Not checked")
    unrecorded = [
        each.cited.source.id for each in results if each.status is Status.NOT_RECORDED
    ]
    if unrecorded:
        shown = join_words(unrecorded) if is_verbose else join_some(unrecorded, 8)
        yield f"With places that were not recorded: {shown}"
    found = [place for each in results for place in each.places]
    places = Counter(place.status for place in found)
    doubtful = sum(
        len(place.citations) for place in found if place.status is Status.DOUBTFUL
    )
    yield (
        f"{pluralize(places[Status.UNCHANGED], 'place')} unchanged, "
        f"{places[Status.DOUBTFUL]} doubtful ({pluralize(doubtful, 'claim')}), "
        f"{places[Status.NOT_CHECKED]} not checked, "
        f"{places[Status.NOT_RECORDED]} not recorded."
    )


def _doubtful_lines(result: SourceResult) -> Iterator[str]:
    source = result.cited.source
    yield f"Doubtful: {source.id}, {one_line(source.title)}"
    yield f"    {source.url}"
    yield f"    read as of {source.date}, recorded on {result.day}"
    for place in result.places:
        if place.status is not Status.DOUBTFUL:
            continue
        yield _clip(f"  {_place_name(place)}: {_difference(place)}")
        for citation in place.citations:
            text = f": {citation.sentence}" if citation.sentence else ""
            yield _clip(f"    {citation.provider} {citation.id}{text}")
    yield ""


def _difference(place: PlaceResult) -> str:
    if place.reason:
        return place.reason
    parts = {"gone": place.gone, "new": place.new}
    return "; ".join(
        f"{name} {one_line(join_some(words, MAX_FACTS))}"
        for name, words in parts.items()
        if words
    )


def _reason_lines(result: SourceResult, status: Status, title: str) -> Iterator[str]:
    """The reason why places have a status: one line if all have the same."""
    source = result.cited.source
    places = [each for each in result.places if each.status is status]
    if result.reason and places:
        yield _clip(f"{title}: {source.id}, {result.reason}")
        if source.url:
            yield f"    {source.url}"
        return
    for place in places:
        yield _clip(f"{title}: {source.id} {_place_name(place)}, {place.reason}")


def record_lines(results: Sequence[SourceResult]) -> Iterator[str]:
    """The pages that were recorded, and the places that were not, with the reason."""
    for result in results:
        recorded = _recorded(result)
        if recorded and not result.reason:
            count = pluralize(len(result.places), "place")
            yield f"Recorded: {result.cited.source.id}, {len(recorded)} of {count}"
        if not result.cited.no_page:
            yield from _reason_lines(result, Status.NOT_RECORDED, "Not recorded")


def source_row(result: SourceResult) -> dict[str, Any]:
    """A line of `sources --json`."""
    source = result.cited.source
    return {
        "source": source.id,
        "title": source.title,
        "url": source.url,
        "grade": source.grade,
        "date": source.date,
        "status": str(result.status),
        "reason": result.reason,
        "recorded": result.day,
        "fingerprint": _fingerprint(result),
        "places": [_place_row(each) for each in result.places],
    }


def _place_row(place: PlaceResult) -> dict[str, Any]:
    return {
        "place": place.place,
        "status": str(place.status),
        "reason": place.reason,
        "fingerprint": "" if place.facts is None else fingerprint(place.facts),
        "gone": list(place.gone),
        "new": list(place.new),
        "claims": [
            {"provider": each.provider, "id": each.id, "sentence": each.sentence}
            for each in place.citations
        ],
    }


def _recorded(result: SourceResult) -> list[PlaceResult]:
    return [each for each in result.places if each.facts is not None]


def _fingerprint(result: SourceResult) -> str:
    """The fingerprint of all recorded places of a source; empty if there is none."""
    facts = [
        f"{place.place} {fact}"
        for place in _recorded(result)
        for fact in place.facts or ()
    ]
    return fingerprint(facts) if facts else ""


def _place_name(place: PlaceResult) -> str:
    return f"#{place.place}" if place.place else WHOLE_PAGE


def _clip(line: str) -> str:
    """A line that fits into the terminal."""
    line = " ".join(line.splitlines())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
