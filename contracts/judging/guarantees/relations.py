"""Groups of test cases that are judged by comparing their responses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contracts.judging.guarantees.table import GUARANTEES
from contracts.media.files import with_file_facts
from contracts.media.guarantee import Comparison, request_key
from contracts.planning.case import Case
from specs import Provider, State


@dataclass(frozen=True, slots=True)
class Relation:
    """
    A case and the cases with which a guarantee compares it.

    Their requests differ in one field, and their responses must differ.
    """

    claim: str
    cases: tuple[Case, ...]

    @property
    def id(self) -> str:
        """`createImageEdit/200/guarantees/mask-matters/request-form/plain`."""
        return f"{self.claim}/{self.cases[0].id.partition('/')[2]}"


def relations(provider: Provider, cases: Iterable[Case]) -> Iterator[Relation]:
    """Every comparison that these cases allow, in their order."""
    groups: dict[tuple[str, str, str], list[tuple[Case, Any]]] = {}
    for case in cases:
        if case.expectation is not State.VALID or not case.is_payload_only:
            continue
        request = provider.canonical_request(
            case.operation, case.media_type, case.payload
        )
        if not request or request.get("stream") is True:
            continue
        for documented in provider.all_operations[case.operation].success.guarantees:
            guarantee = GUARANTEES[documented.name]
            if guarantee.comparison is None or not documented.applies_to(request):
                continue
            value = request.get(guarantee.field)
            if guarantee.comparison.is_eligible(value):
                media_type = case.media_type or ""
                rest = request_key(request, media_type, without=guarantee.field)
                group = groups.setdefault((case.operation, documented.name, rest), [])
                group.append((case, value))
    for (operation, name, _), group in groups.items():
        comparison = GUARANTEES[name].comparison
        compared = _cases_to_compare(group, comparison) if comparison else ()
        if len(compared) > 1:
            status = provider.all_operations[operation].success.status
            yield Relation(f"{operation}/{status}/guarantees/{name}", compared)


def _cases_to_compare(
    group: list[tuple[Case, Any]], comparison: Comparison
) -> tuple[Case, ...]:
    """The first case, and one for each value that must differ from the first."""
    first, first_value = group[0]
    others: dict[str, Case] = {}
    for case, value in group:
        if comparison.must_differ(first_value, value):
            others.setdefault(repr(with_file_facts(value)), case)
    return (first, *others.values())
