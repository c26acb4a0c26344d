"""What several targets did that were asked the same questions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from contracts.compare.documents.model import (
    Conformance,
    MeasuredBehavior,
    MeasuredTarget,
    TargetMeasurements,
)
from contracts.compare.measured.claim_rows import GUARANTEE_ROWS, WHOLE_ANSWER
from contracts.compare.servers.model import Difference, Differences, FeatureRow
from contracts.compare.servers.observed_aspects import OUTCOME
from contracts.judging.outcome import FeatureVerdict
from specs import Provider

RESPONDS_PREFIX = "responds to "
# What came of the questions about one member, the worst first: each value that a
# document allows is asked for, and is lawfully refused by a document that does not.
VERDICTS_BY_SEVERITY = (
    FeatureVerdict.REFUSED_BADLY,
    FeatureVerdict.IGNORED,
    FeatureVerdict.ALTERED,
    FeatureVerdict.HONOURED,
    FeatureVerdict.RENAMED,
    FeatureVerdict.REFUSED,
    FeatureVerdict.UNTESTED,
)
# The row that an aspect of an answer belongs to; a member's own, where none is named.
ROW_OF_ASPECT = {
    "delivery": "delivery",
    "usage": "answer/usage",
    "revised_prompt": "answer/data[].revised_prompt",
    "members": "answer/whole",
    "schema": "answer/whole",
    "pictures": "request/n",
    "size": "request/size",
    "format": "request/output_format",
    "transparency": "request/background",
    "body": "request/stream",
    "partial pictures": "request/partial_images",
    "event types": "events/types",
    "several pictures": "request/n",
    "quality said": "request/quality",
    "status": "errors/statuses",
    "error members": "errors/envelope",
    "error type": "errors/envelope",
    "error code": "errors/envelope",
    "blamed member": "errors/envelope",
}
# What the plain answers show, of the aspects that no member is asked for.
ANSWER_ASPECTS = ("delivery", "usage", "revised_prompt", "members")
ROW_OF_REQUEST_FEATURE = {"request": "path", "as JSON": "media", "as a form": "media"}


def measurements_of_differences(
    report: Differences, known: Mapping[str, Provider]
) -> Iterator[TargetMeasurements]:
    """What each target did that was asked the same questions as others."""
    for target in report.targets:
        if target.provider not in known:
            continue
        found = dict(_combine(report.rows, target.label))
        for each in report.alarms:
            if target.label in each.sides:
                place = _row_id(each)
                found[place] = _apply_alarm(found.get(place), each, target.label)
        yield TargetMeasurements(
            MeasuredTarget(
                label=target.label,
                provider=target.provider,
                title=target.title,
                base_url=target.base_url,
                is_mock=None,
                started="",
                asked=target.asked,
            ),
            found,
            frozenset(map(_row_id, report.alarms)),
        )


def _combine(
    rows: Sequence[FeatureRow], label: str
) -> Iterator[tuple[str, MeasuredBehavior]]:
    """What one target did about each feature: of several values, the worst."""
    found: dict[str, list[tuple[FeatureVerdict, FeatureRow]]] = defaultdict(list)
    for row in rows:
        cell = row.cells[label]
        if row.group == "answer" and row.feature in ANSWER_ASPECTS:
            place = f"{row.operation}/{ROW_OF_ASPECT[row.feature]}"
            yield place, MeasuredBehavior(Conformance.KEPT, asked=1, value=cell.value)
        elif row.group == "request" and cell.verdict is not None:
            found[_request_row_id(row)].append((cell.verdict, row))
    for place, pairs in found.items():
        verdict, row = min(pairs, key=lambda pair: VERDICTS_BY_SEVERITY.index(pair[0]))
        cell = row.cells[label]
        tested = sum(each is not FeatureVerdict.UNTESTED for each, _ in pairs)
        is_said = verdict not in (FeatureVerdict.HONOURED, FeatureVerdict.UNTESTED)
        yield (
            place,
            MeasuredBehavior(
                standing=_conformance(verdict),
                verdict=verdict if "/request/" in place else None,
                asked=tested,
                value=cell.value if is_said else "",
                note=cell.note,
                case=row.question if is_said else "",
            ),
        )


def _request_row_id(row: FeatureRow) -> str:
    if row.feature in ROW_OF_REQUEST_FEATURE:
        return f"{row.operation}/{ROW_OF_REQUEST_FEATURE[row.feature]}"
    return f"{row.operation}/request/{row.feature}"


def _conformance(verdict: FeatureVerdict) -> Conformance:
    """How a verdict stands to a document that promises nothing of it."""
    if verdict is FeatureVerdict.UNTESTED:
        return Conformance.UNTESTED
    is_as_wished = verdict in (
        FeatureVerdict.HONOURED,
        FeatureVerdict.RENAMED,
        FeatureVerdict.REFUSED,
    )
    return Conformance.KEPT if is_as_wished else Conformance.DIFFERS


def _apply_alarm(
    known: MeasuredBehavior | None, difference: Difference, label: str
) -> MeasuredBehavior:
    """The deed of a target that does not do as others do who promise the same."""
    standing = Conformance.KEPT if difference.odd else Conformance.DIFFERS
    if label in difference.odd:
        standing = Conformance.BROKEN
    side = difference.sides[label]
    before = known or MeasuredBehavior(standing, asked=difference.tries)
    return replace(
        before,
        standing=standing,
        value=before.value or side.value,
        note=side.note or f"{side.value}, where its document says {side.promise}",
        fingerprint=difference.fingerprint,
        case=difference.question,
    )


def _row_id(difference: Difference) -> str:
    """The row that a difference belongs to."""
    if difference.aspect == OUTCOME:
        member = [*difference.asked][-1:]
        return "/".join(
            (difference.operation, "request" if member else "path", *member)
        )
    if difference.aspect.startswith(RESPONDS_PREFIX):
        return f"{difference.operation}/request/{difference.aspect.removeprefix(RESPONDS_PREFIX)}"
    known = {**GUARANTEE_ROWS, **ROW_OF_ASPECT}
    return f"{difference.operation}/{known.get(difference.aspect, WHOLE_ANSWER)}"
