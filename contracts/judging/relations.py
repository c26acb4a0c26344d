"""Questions whose answers only say something beside one another."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.judging.guarantees import MIN_COMPRESSION_GAP, request_key
from contracts.media.image.samples import with_file_facts
from contracts.planning.case import Case
from specs import Provider, State


@dataclass(frozen=True, slots=True)
class Relation:
    """
    What a guarantee compares: a case, and those whose answers must differ from its.

    They differ in one member of what they ask, and in nothing else.
    """

    claim: str
    cases: tuple[Case, ...]

    @property
    def id(self) -> str:
        """`createImageEdit/200/guarantees/mask-matters/request-form/plain`."""
        return f"{self.claim}/{self.cases[0].id.partition('/')[2]}"


@dataclass(frozen=True, slots=True)
class _ComparedField:
    """The member that a guarantee is about, and which values of it must tell."""

    name: str
    must_differ: Callable[[Any, Any], bool]
    is_eligible: Callable[[Any], bool] = lambda value: True


def _item_count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


COMPARED_FIELDS: Mapping[str, _ComparedField] = {
    "compression-as-asked": _ComparedField(
        "output_compression",
        must_differ=lambda one, other: abs(one - other) >= MIN_COMPRESSION_GAP,
        is_eligible=lambda value: isinstance(value, int),
    ),
    "mask-matters": _ComparedField(
        "mask", must_differ=lambda one, other: (one is None) is not (other is None)
    ),
    "every-image-matters": _ComparedField(
        "image", must_differ=lambda one, other: _item_count(one) != _item_count(other)
    ),
    "pictures-differ": _ComparedField(
        "prompt", must_differ=lambda one, other: one != other
    ),
}
"""By the name of the guarantee."""


def relations(provider: Provider, cases: Iterable[Case]) -> Iterator[Relation]:
    """Every comparison that these cases allow, in their order."""
    groups: dict[tuple[str, str, str], list[tuple[Case, Any]]] = {}
    for case in cases:
        if case.expectation is not State.VALID or not case.is_payload_only:
            continue
        asked = provider.canonical_request(
            case.operation, case.media_type, case.payload
        )
        if not asked or asked.get("stream") is True:
            continue
        for guarantee in provider.operations[case.operation].success.guarantees:
            member = COMPARED_FIELDS.get(guarantee.name)
            if member is None or not guarantee.applies_to(asked):
                continue
            value = asked.get(member.name)
            if member.is_eligible(value):
                rest = request_key(asked, case.media_type or "", without=member.name)
                group = groups.setdefault((case.operation, guarantee.name, rest), [])
                group.append((case, value))
    for (operation, name, _), group in groups.items():
        found = _cases_to_compare(group, COMPARED_FIELDS[name])
        if len(found) > 1:
            status = provider.operations[operation].success.status
            yield Relation(f"{operation}/{status}/guarantees/{name}", found)


def _cases_to_compare(
    group: list[tuple[Case, Any]], field: _ComparedField
) -> tuple[Case, ...]:
    """The first case, and one for each value that must tell itself from the first."""
    first, value = group[0]
    others: dict[str, Case] = {}
    for case, each in group:
        if field.must_differ(value, each):
            others.setdefault(repr(with_file_facts(each)), case)
    return (first, *others.values())
