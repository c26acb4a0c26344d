"""What several targets did that were asked the same questions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from contracts.compare.documents.model import Deeds, Measured, Standing, TargetFacts
from contracts.compare.measured.claim_rows import GUARANTEED, WHOLE
from contracts.compare.servers.aspects import OUTCOME
from contracts.compare.servers.model import Difference, Differences, Row
from contracts.judging.outcome import Verdict
from specs import Provider

RESPONDS = "responds to "
# What came of the questions about one member, the worst first: each value that a
# document allows is asked for, and is lawfully refused by a document that does not.
RANKED = (
    Verdict.REFUSED_BADLY,
    Verdict.IGNORED,
    Verdict.ALTERED,
    Verdict.HONOURED,
    Verdict.RENAMED,
    Verdict.REFUSED,
    Verdict.UNTESTED,
)
# The row that an aspect of an answer belongs to; a member's own, where none is named.
ASPECTS = {
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
ANSWERED = ("delivery", "usage", "revised_prompt", "members")
ADDRESSES = {"request": "path", "as JSON": "media", "as a form": "media"}


def of_differences(
    report: Differences, known: Mapping[str, Provider]
) -> Iterator[Deeds]:
    """What each target did that was asked the same questions as others."""
    for target in report.targets:
        if target.provider not in known:
            continue
        found = dict(_combined(report.rows, target.label))
        for each in report.alarms:
            if target.label in each.sides:
                place = _place(each)
                found[place] = _alarmed(found.get(place), each, target.label)
        yield Deeds(
            TargetFacts(
                label=target.label,
                provider=target.provider,
                title=target.title,
                base_url=target.base_url,
                is_mock=None,
                started="",
                asked=target.asked,
            ),
            found,
            frozenset(map(_place, report.alarms)),
        )


def _combined(rows: Sequence[Row], label: str) -> Iterator[tuple[str, Measured]]:
    """What one target did about each feature: of several values, the worst."""
    found: dict[str, list[tuple[Verdict, Row]]] = defaultdict(list)
    for row in rows:
        cell = row.cells[label]
        if row.group == "answer" and row.feature in ANSWERED:
            place = f"{row.operation}/{ASPECTS[row.feature]}"
            yield place, Measured(Standing.KEPT, asked=1, value=cell.value)
        elif row.group == "request" and cell.verdict is not None:
            found[_feature(row)].append((cell.verdict, row))
    for place, pairs in found.items():
        verdict, row = min(pairs, key=lambda pair: RANKED.index(pair[0]))
        cell = row.cells[label]
        tested = sum(each is not Verdict.UNTESTED for each, _ in pairs)
        is_said = verdict not in (Verdict.HONOURED, Verdict.UNTESTED)
        yield (
            place,
            Measured(
                standing=_heeded(verdict),
                verdict=verdict if "/request/" in place else None,
                asked=tested,
                value=cell.value if is_said else "",
                note=cell.note,
                case=row.question if is_said else "",
            ),
        )


def _feature(row: Row) -> str:
    if row.feature in ADDRESSES:
        return f"{row.operation}/{ADDRESSES[row.feature]}"
    return f"{row.operation}/request/{row.feature}"


def _heeded(verdict: Verdict) -> Standing:
    """How a verdict stands to a document that promises nothing of it."""
    if verdict is Verdict.UNTESTED:
        return Standing.UNTESTED
    is_as_wished = verdict in (Verdict.HONOURED, Verdict.RENAMED, Verdict.REFUSED)
    return Standing.KEPT if is_as_wished else Standing.DIFFERS


def _alarmed(known: Measured | None, found: Difference, label: str) -> Measured:
    """The deed of a target that does not do as others do who promise the same."""
    standing = Standing.KEPT if found.odd else Standing.DIFFERS
    if label in found.odd:
        standing = Standing.BROKEN
    side = found.sides[label]
    before = known or Measured(standing, asked=found.tries)
    return replace(
        before,
        standing=standing,
        value=before.value or side.value,
        note=side.note or f"{side.value}, where its document says {side.promise}",
        fingerprint=found.fingerprint,
        case=found.question,
    )


def _place(found: Difference) -> str:
    """The row that a difference belongs to."""
    if found.aspect == OUTCOME:
        member = [*found.asked][-1:]
        return "/".join((found.operation, "request" if member else "path", *member))
    if found.aspect.startswith(RESPONDS):
        return f"{found.operation}/request/{found.aspect.removeprefix(RESPONDS)}"
    known = {**GUARANTEED, **ASPECTS}
    return f"{found.operation}/{known.get(found.aspect, WHOLE)}"
