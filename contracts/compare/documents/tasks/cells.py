"""Cells for the tasks themselves: ids, states, times, results, lifetimes, webhooks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.compare.documents.cells import (
    NOT_DOCUMENTED,
    cell,
    in_document,
    unstated_cell,
)
from contracts.compare.documents.field_texts import join_values
from contracts.compare.documents.model import Fact, ProviderCell
from specs import Evidence, Operation, Phase, Provider, Role, TaskKind, values_at
from specs.documents.reading.file_names import DIALECT

NONE = "none"
UNITS = {"s": "seconds", "ms": "milliseconds", "iso": "ISO 8601"}
_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\d+))?\}")
_PLACEHOLDER_NOUNS = {
    "digits": "digits",
    "hex": "hex digits",
    "letters": "letters or digits",
}


@dataclass(frozen=True)
class TaskColumn:
    """A kind of task of a provider; `id` is such as `gateway/videoTask`."""

    provider: Provider
    kind: TaskKind

    @property
    def id(self) -> str:
        return f"{self.provider.id}/{self.kind.name}"

    @property
    def title(self) -> str:
        """The title of the provider, with the kind if the provider has several."""
        title = self.provider.title
        return f"{title} {self.kind.name}" if len(self.provider.tasks) > 1 else title

    def operations(self, role: Role) -> tuple[Operation, ...]:
        return self.provider.operations_on(self.kind.name, role)

    def cell(
        self,
        value: str,
        evidence: Evidence,
        pointer: str,
        facts: Mapping[str, Any] | None = None,
    ) -> ProviderCell:
        """A cell that was read from a place of the document."""
        place = in_document(pointer)
        stated = {
            name: Fact(each, evidence.source, evidence.basis, place)
            for name, each in (facts or {}).items()
        }
        return cell(
            self.provider,
            value,
            evidence,
            note=self.node(pointer).get("x-note", ""),
            pointer=place,
            facts=stated,
        )

    def node(self, pointer: str) -> Mapping[str, Any]:
        """The object at a place of the document; empty if it is none."""
        found = next(values_at(self.provider.document, pointer), None)
        return found if isinstance(found, Mapping) else {}


def medium_cell(column: TaskColumn) -> ProviderCell:
    kind = column.kind
    return column.cell(kind.medium, kind.evidence, kind.pointer)


def id_cell(column: TaskColumn) -> ProviderCell:
    """The place of the id, and its form."""
    id_ = column.kind.id
    text = f"`{id_.place.at}`, {form_words(id_.form)}"
    if id_.alias:
        text += f"; or the request's `{id_.alias}`"
    facts = {"place": id_.place.at, "form": id_.form}
    if id_.alias:
        facts["alias"] = id_.alias
    return column.cell(text, id_.place.evidence, id_.place.pointer, facts)


def id_place_cell(column: TaskColumn) -> ProviderCell:
    place = column.kind.id.place
    return column.cell(f"`{place.at}`", place.evidence, place.pointer)


def id_form_cell(column: TaskColumn) -> ProviderCell:
    id_ = column.kind.id
    return column.cell(form_words(id_.form), id_.place.evidence, id_.place.pointer)


def form_words(form: str) -> str:
    """`cgt-<5 letters or digits>` for `cgt-{letters:5}`."""

    def words(match: re.Match[str]) -> str:
        name, count = match.groups()
        noun = _PLACEHOLDER_NOUNS.get(name, name)
        return f"<{count} {noun}>" if count else f"<{noun}>"

    return _PLACEHOLDER.sub(words, form)


def state_place_cell(column: TaskColumn) -> ProviderCell:
    place = column.kind.state
    return column.cell(f"`{place.at}`", place.evidence, place.pointer)


def phase_cell(column: TaskColumn, phase: Phase) -> ProviderCell:
    """The words for a phase; a state without a word is marked."""
    kind = column.kind
    states = kind.states_in(phase)
    if not states:
        return unstated_cell(NONE)
    names = [each.name for each in states]
    words = [
        each.name if each.schema is None else f"({each.name}, by other fields)"
        for each in states
    ]
    pointer = f"{kind.pointer}/states/{names[0]}"
    evidence = kind.state.evidence.within(column.node(pointer))
    return column.cell(join_values(words), evidence, pointer, {"states": words})


def moves_cell(column: TaskColumn) -> ProviderCell:
    """The direct moves between states, such as `queued → running, cancelled`."""
    moves = column.kind.moves
    if moves is None:
        return unstated_cell(NOT_DOCUMENTED)
    following: dict[str, list[str]] = {}
    for state in column.kind.states:
        after = [each for each in column.kind.states if (state, each) in moves.allowed]
        if after:
            following[state] = after
    text = "; ".join(
        f"{state} \N{RIGHTWARDS ARROW} {', '.join(after)}"
        for state, after in following.items()
    )
    return column.cell(text, moves.evidence, moves.pointer, {"moves": following})


def times_cell(column: TaskColumn) -> ProviderCell:
    """The unit of points in time, and which there are."""
    times = column.kind.times
    if not times:
        return unstated_cell(NONE)
    units = dict.fromkeys(UNITS[each.unit] for each in times.values())
    first = next(iter(times.values()))
    text = f"{join_values(units)}: {', '.join(times)}"
    facts = {name: f"{each.at} ({each.unit})" for name, each in times.items()}
    return column.cell(text, first.evidence, first.pointer, facts)


def time_places_cell(column: TaskColumn) -> ProviderCell:
    """The places of points in time."""
    times = column.kind.times
    if not times:
        return unstated_cell(NONE)
    first = next(iter(times.values()))
    text = ", ".join(f"{name} `{each.at}`" for name, each in times.items())
    return column.cell(text, first.evidence, first.pointer)


def unit_cell(column: TaskColumn) -> ProviderCell:
    """The unit of points in time."""
    times = column.kind.times
    if not times:
        return unstated_cell(NONE)
    first = next(iter(times.values()))
    units = dict.fromkeys(UNITS[each.unit] for each in times.values())
    return column.cell(join_values(units), first.evidence, first.pointer)


def progress_cell(column: TaskColumn) -> ProviderCell:
    place = column.kind.progress
    if place is None:
        return unstated_cell(NONE)
    text = f"`{place.at}`, {place.minimum:g}…{place.maximum:g}"
    return column.cell(text, place.evidence, place.pointer)


def result_cell(column: TaskColumn) -> ProviderCell:
    """The places and forms of results."""
    results = column.kind.results
    if not results:
        return unstated_cell(NOT_DOCUMENTED)
    texts = [_result_words(column, each.form, each.place.at) for each in results]
    first = results[0].place
    facts = {"places": [f"{each.form} {each.place.at}".strip() for each in results]}
    return column.cell("; ".join(texts), first.evidence, first.pointer, facts)


def _result_words(column: TaskColumn, form: str, at: str) -> str:
    if at:
        return f"{form} at `{at}`"
    content = column.operations(Role.CONTENT)
    return f"the file by {content[0].method} `…/content`" if content else form


def failure_place_cell(column: TaskColumn) -> ProviderCell:
    """The place of the reason of a failed task."""
    place = column.kind.error
    if place is None:
        return unstated_cell(NOT_DOCUMENTED)
    return column.cell(f"`{place.at}`", place.evidence, place.pointer)


def failures_cell(column: TaskColumn) -> ProviderCell:
    """The errors that a failed task can have, by their code or name."""
    kind = column.kind
    if not kind.failures:
        return unstated_cell(NOT_DOCUMENTED)
    codes = [str(each["code"]) or name for name, each in kind.failures.items()]
    name = next(iter(kind.failures))
    pointer = f"{kind.pointer}/failures/{name}"
    evidence = kind.evidence.within(column.node(pointer))
    shown = join_values(codes[:3])
    more = f" and {len(codes) - 3} more" if len(codes) > 3 else ""
    return column.cell(f"{shown}{more}", evidence, pointer, {"codes": codes})


def seconds_cell(column: TaskColumn, name: str) -> ProviderCell:
    """A number of seconds: `result_lifetime`, `task_lifetime` or `poll_interval`."""
    seconds = getattr(column.kind, name)
    if seconds is None:
        return unstated_cell(NOT_DOCUMENTED)
    facts = {"seconds": seconds.value}
    text = duration_words(seconds.value)
    return column.cell(text, seconds.evidence, seconds.pointer, facts)


def duration_words(seconds: float) -> str:
    """`7 days` for 604800: the largest unit in which it is a whole number above 1."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds % size == 0 and seconds / size > 1:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} seconds"


def webhook_cell(column: TaskColumn) -> ProviderCell:
    """The field of the request, the signature and the repetitions."""
    hook = column.kind.webhook
    if hook is None:
        return unstated_cell(NOT_DOCUMENTED)
    texts = [f"`{hook.field}`", ", ".join(hook.states)]
    if hook.events:
        texts.append(f"chosen by `{hook.events}`")
    texts.append(f"signed ({hook.signature})" if hook.signature else "not signed")
    delays = ", ".join(f"{each:g}" for each in hook.delays)
    texts.append(f"repeated after {delays} s" if delays else "repetition not stated")
    facts: dict[str, Any] = {
        "field": hook.field,
        "states": list(hook.states),
        "signature": hook.signature,
        "delays": list(hook.delays),
    }
    return column.cell("; ".join(texts), hook.evidence, hook.pointer, facts)


def price_cell(column: TaskColumn) -> ProviderCell:
    """The range of the prices of a second of a video."""
    prices = column.provider.dialect.prices
    entries = prices.per_second if prices else ()
    if column.kind.medium != "video":
        return unstated_cell("not per second")
    if prices is None or not entries:
        return unstated_cell(NOT_DOCUMENTED)
    amounts = sorted({each.price for each in entries})
    span = f"{amounts[0]:g}"
    if len(amounts) > 1:
        span += f" to {amounts[-1]:g}"
    pointer = f"{DIALECT}#/prices"
    facts = {
        f"entry {number}": Fact(
            {"when": each.when.schema, **each.amounts}, each.source, pointer=pointer
        )
        for number, each in enumerate(entries, 1)
    }
    text = f"{span} {prices.currency} per second"
    made = cell(column.provider, text, Evidence(entries[0].source), pointer=pointer)
    return replace(made, facts=facts)


def sizes_cell(column: TaskColumn) -> ProviderCell:
    """The resolutions and aspect ratios of the tables of video sizes."""
    tables = column.provider.dialect.video.sizes
    if column.kind.medium != "video" or not tables:
        return unstated_cell(NOT_DOCUMENTED)
    resolutions = dict.fromkeys(name for each in tables for name in each.table)
    ratios = dict.fromkeys(
        ratio for each in tables for row in each.table.values() for ratio in row
    )
    text = f"{join_values(resolutions)} in {join_values(ratios)}"
    pointer = f"{DIALECT}#/video/sizes"
    facts = {
        f"table {number}": Fact(
            {"when": each.when.schema, "sizes": each.table},
            each.source,
            each.basis,
            pointer,
        )
        for number, each in enumerate(tables, 1)
    }
    evidence = Evidence(tables[0].source, tables[0].basis)
    made = cell(column.provider, text, evidence, pointer=pointer)
    return replace(made, facts=facts)
