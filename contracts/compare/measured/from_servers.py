"""Measured behaviour of servers that got the same requests."""

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
from contracts.compare.measured.evidence import NO_OUTPUT
from contracts.compare.servers.model import Difference, Differences, FeatureRow
from contracts.compare.servers.observed_aspects import OUTCOME
from contracts.judging.outcome import FeatureVerdict
from specs import Provider

RESPONDS_PREFIX = "responds to "
# The verdicts on one field, the worst first. REFUSED is among the harmless ones: every
# value that some document allows is sent to all servers, and a server may reject a
# value that its own document does not allow.
VERDICTS_BY_SEVERITY = (
    FeatureVerdict.REFUSED_BADLY,
    FeatureVerdict.IGNORED,
    FeatureVerdict.ALTERED,
    FeatureVerdict.HONOURED,
    FeatureVerdict.RENAMED,
    FeatureVerdict.REFUSED,
    FeatureVerdict.UNTESTED,
)
EXPECTED_VERDICTS = (
    FeatureVerdict.HONOURED,
    FeatureVerdict.RENAMED,
    FeatureVerdict.REFUSED,
)
# The row of an aspect of a response, below the operation.
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
# Aspects of responses to minimal requests that belong to no request field.
ANSWER_ASPECTS = ("delivery", "usage", "revised_prompt", "members")
ROW_OF_REQUEST_FEATURE = {"request": "path", "as JSON": "media", "as a form": "media"}


def measurements_of_differences(
    report: Differences, known: Mapping[str, Provider]
) -> Iterator[TargetMeasurements]:
    """The measured behaviour of each target of a known provider, by provider id."""
    for target in report.targets:
        if target.provider not in known:
            continue
        measured = dict(_behaviors(report.rows, target.label))
        for alarm in report.alarms:
            if target.label in alarm.sides:
                id_ = _row_id(alarm)
                measured[id_] = _apply_alarm(measured.get(id_), alarm, target.label)
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
            measured,
            frozenset(map(_row_id, report.alarms)),
        )


def _behaviors(
    rows: Sequence[FeatureRow], label: str
) -> Iterator[tuple[str, MeasuredBehavior]]:
    """The behaviour of one target by row id; of several values, the worst."""
    verdicts: dict[str, list[tuple[FeatureVerdict, FeatureRow]]] = defaultdict(list)
    answered = set(_operations_with_output(rows, label))
    for row in rows:
        cell = row.cells[label]
        if row.group == "answer" and row.feature in ANSWER_ASPECTS:
            id_ = f"{row.operation}/{ROW_OF_ASPECT[row.feature]}"
            is_seen = bool(cell.value) and row.operation in answered
            standing = Conformance.KEPT if is_seen else Conformance.UNTESTED
            note = "" if is_seen else NO_OUTPUT
            yield id_, MeasuredBehavior(standing, asked=1, value=cell.value, note=note)
        elif row.group == "request" and cell.verdict is not None:
            verdicts[_request_row_id(row)].append((cell.verdict, row))
    for id_, pairs in verdicts.items():
        verdict, row = min(pairs, key=lambda pair: VERDICTS_BY_SEVERITY.index(pair[0]))
        cell = row.cells[label]
        has_value = verdict not in (FeatureVerdict.HONOURED, FeatureVerdict.UNTESTED)
        yield (
            id_,
            MeasuredBehavior(
                standing=_conformance(verdict),
                verdict=verdict if "/request/" in id_ else None,
                asked=sum(each is not FeatureVerdict.UNTESTED for each, _ in pairs),
                value=cell.value if has_value else "",
                note=cell.note,
                case=row.question if has_value else "",
            ),
        )


def _operations_with_output(rows: Sequence[FeatureRow], label: str) -> Iterator[str]:
    """The operations in whose response to a plain request an image was decoded."""
    for row in rows:
        is_plain = row.group == "request" and row.feature == "request"
        if is_plain and row.cells[label].verdict is FeatureVerdict.HONOURED:
            yield row.operation


def _request_row_id(row: FeatureRow) -> str:
    part = ROW_OF_REQUEST_FEATURE.get(row.feature, f"request/{row.feature}")
    return f"{row.operation}/{part}"


def _conformance(verdict: FeatureVerdict) -> Conformance:
    """The conformance for a verdict alone, without regard to the document."""
    if verdict is FeatureVerdict.UNTESTED:
        return Conformance.UNTESTED
    is_expected = verdict in EXPECTED_VERDICTS
    return Conformance.KEPT if is_expected else Conformance.DIFFERS


def _apply_alarm(
    known: MeasuredBehavior | None, alarm: Difference, label: str
) -> MeasuredBehavior:
    """
    The behaviour of a target in a difference that its document agrees on with others.

    It is BROKEN at a target that is not with the majority, KEPT at the others, and
    DIFFERS if there is no majority.
    """
    standing = Conformance.KEPT if alarm.odd else Conformance.DIFFERS
    if label in alarm.odd:
        standing = Conformance.BROKEN
    side = alarm.sides[label]
    before = known or MeasuredBehavior(standing, asked=alarm.tries)
    return replace(
        before,
        standing=standing,
        value=before.value or side.value,
        note=side.note or f"{side.value}, but its document states: {side.promise}",
        fingerprint=alarm.fingerprint,
        case=alarm.question,
    )


def _row_id(difference: Difference) -> str:
    """The id of the row that a difference belongs to."""
    operation, aspect = difference.operation, difference.aspect
    if aspect == OUTCOME:
        fields = [*difference.asked]
        return f"{operation}/request/{fields[-1]}" if fields else f"{operation}/path"
    if aspect.startswith(RESPONDS_PREFIX):
        return f"{operation}/request/{aspect.removeprefix(RESPONDS_PREFIX)}"
    known_rows = {**GUARANTEE_ROWS, **ROW_OF_ASPECT}
    return f"{operation}/{known_rows.get(aspect, WHOLE_ANSWER)}"
