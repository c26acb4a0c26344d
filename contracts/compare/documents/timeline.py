"""Changes of a dated document, day by day, with the pages that state them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from specs import Claim, Provider, claims, load, named_values

MAX_MODELS = 8  # named in the text of a change
_BODY = re.compile(r"request(-form|-json)?/([^/]+)")
_RESPONSE_PART = re.compile(r"\d\w\w/(guarantees|headers|events/[^/]+)?/?(.*)")
_LISTED = re.compile(r"\S+ must (?P<no>not )?be one of (?P<values>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DatedChange:
    """
    One change of a document.

    `subject` is a field, rule, error or other part; `texts` are its new statements, or
    those that ended if it `ends`. `sources` are the pages of these statements.
    """

    provider: str
    date: str
    subject: str
    ends: bool
    texts: tuple[str, ...]
    sources: tuple[str, ...]
    operations: tuple[str, ...]


def timeline(providers: Sequence[Provider]) -> Iterator[DatedChange]:
    """
    The changes between the states of one document, the earliest and the latest.

    Nothing if the providers are not states of the same document. What no page says, a
    rule that is an assumption, is left out.
    """
    days = sorted({each.day for each in providers})
    if len({each.undated_id for each in providers}) != 1 or len(days) == 1:
        return
    first = providers[0]
    dates = [day for day in first.dates.changes if days[0] < day <= days[-1]]
    folder = str(Path(first.file).parent.parent)
    states = [load(f"{first.undated_id}@{day}", folder) for day in (days[0], *dates)]
    for before, after in pairwise(states):
        yield from _merged(_changes(before, after))


def _changes(before: Provider, after: Provider) -> Iterator[DatedChange]:
    old, new = _by_subject(before), _by_subject(after)
    yield from _operation_changes(before, after)
    for key in dict.fromkeys((*new, *old)):
        operation, subject = key
        if not {operation} & before.all_operations.keys() & after.all_operations.keys():
            continue
        was, is_ = old.get(key, {}), new.get(key, {})
        come = [each for id_, each in is_.items() if id_ not in was]
        gone = [each for id_, each in was.items() if id_ not in is_]
        texts, sources = [each.sentence for each in come], _sources(come)
        for id_ in is_:
            if id_ in was and is_[id_].sentence != was[id_].sentence:
                texts.append(_difference(was[id_].sentence, is_[id_].sentence))
                sources += _sources([is_[id_]])
        kept = bool(is_)
        if texts:
            yield _change(after, subject, operation, texts, sources)
        if gone and (not kept or not texts):
            ended = [each.sentence for each in gone]
            yield _change(after, subject, operation, ended, _sources(gone), ends=True)
    yield from _price_changes(before, after)


def _operation_changes(before: Provider, after: Provider) -> Iterator[DatedChange]:
    """Operations that are described from a day, or until it, each as one change."""
    for ends, one, other in ((False, after, before), (True, before, after)):
        for id_, operation in one.all_operations.items():
            if id_ not in other.all_operations:
                text = f"{operation.method} {operation.path} is described"
                note = operation.note.partition(". ")[0]
                texts = [f"{text}: {note}" if note and not ends else text]
                source = [operation.evidence.source]
                yield _change(after, id_, id_, texts, source, ends=ends)


def _change(
    provider: Provider,
    subject: str,
    operation: str,
    texts: Sequence[str],
    sources: Sequence[str],
    *,
    ends: bool = False,
) -> DatedChange:
    return DatedChange(
        provider.undated_id,
        provider.day,
        subject,
        ends,
        tuple(dict.fromkeys(texts)),
        tuple(dict.fromkeys(sources)),
        (operation,),
    )


def _sources(found: Sequence[Claim]) -> list[str]:
    return [
        each.evidence.source
        + ("" if each.is_documented else f" ({each.evidence.basis})")
        for each in found
    ]


def _by_subject(provider: Provider) -> dict[tuple[str, str], dict[str, Claim]]:
    """The claims by operation and subject, and by the rest of their ids."""
    found: dict[tuple[str, str], dict[str, Claim]] = {}
    for claim in claims(provider):
        rest = claim.id.removeprefix(f"{claim.operation}/")
        subject = _subject(rest)
        is_stated = claim.is_documented or claim.evidence.rule is None
        if subject and is_stated:
            found.setdefault((claim.operation, subject), {})[rest] = claim
    return found


def _subject(rest: str) -> str:
    """The subject of a claim, by its id without the operation; empty for a body."""
    body = _BODY.match(rest)
    if body is not None:
        return body[2]
    if rest.startswith("errors/"):
        return f"error {rest.removeprefix('errors/')}"
    response = _RESPONSE_PART.match(rest)
    if response is None:
        return rest
    part, name = response[1], response[2]
    if part and not part.startswith("events/"):
        return f"{part.removesuffix('s')} {name}"
    field, _, rest = name.partition("/")
    place = "event field" if part else "response field"
    return f"{place} {field}" if rest else ""


def _difference(before: str, after: str) -> str:
    """The new sentence, or what is new and gone in a list of values."""
    was, is_ = _LISTED.fullmatch(before), _LISTED.fullmatch(after)
    if was is None or is_ is None or was["no"] != is_["no"]:
        return f"{after} (before: {before})"
    old, new = was["values"].split(", "), is_["values"].split(", ")
    added = [each for each in new if each not in (*old, "null")]
    removed = [each for each in old if each not in (*new, "null")]
    word = "not allowed any more: " if is_["no"] else "new values: "
    parts = [f"{word}{', '.join(added)}"] if added else []
    parts += [f"no longer listed: {', '.join(removed)}"] if removed else []
    return "; ".join(parts)


def _price_changes(before: Provider, after: Provider) -> Iterator[DatedChange]:
    old, new = _price_terms(before), _price_terms(after)
    for ends, one, other in ((False, new, old), (True, old, new)):
        for text, source in one.items():
            if text not in other:
                yield _change(after, "price", "", [text], [source], ends=ends)


def _price_terms(provider: Provider) -> Mapping[str, str]:
    """The prices of images in words, with their sources."""
    prices = provider.dialect.prices
    found: dict[str, str] = {}
    for entry in prices.image_entries if prices else ():
        amounts = ", ".join(
            f"{name} {value:g}" for name, value in entry.amounts.items()
        )
        models = ", ".join(_models_in(entry.when.schema)) or "all models"
        unit = "" if "price" in entry.amounts else " per million tokens"
        found[f"{models}: {amounts} {prices.currency if prices else ''}{unit}"] = (
            entry.source
        )
    return found


def _models_in(schema: Any) -> list[str]:
    node = (schema or {}).get("properties", {}).get("model", {})
    named = [str(each) for each in islice(named_values(node), MAX_MODELS)]
    return named or [*filter(None, [node.get("pattern")])]


def _merged(found: Iterator[DatedChange]) -> Iterator[DatedChange]:
    """Merge the changes that are the same for several operations, in their order."""
    groups: dict[tuple[Any, ...], list[DatedChange]] = {}
    for change in found:
        key = change.subject, change.ends, change.texts, change.sources
        groups.setdefault(key, []).append(change)
    for same in groups.values():
        operations = dict.fromkeys(op for each in same for op in each.operations if op)
        yield replace(same[0], operations=tuple(operations))
