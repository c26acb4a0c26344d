"""Questions whose answers only say something beside one another."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.judging.guarantees import FAR_APART, question
from contracts.media.image.samples import judged
from contracts.planning.case import Case
from specs import Provider, State, effective


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
class _Member:
    """The member that a guarantee is about, and which values of it must tell."""

    name: str
    tells: Callable[[Any, Any], bool]
    has: Callable[[Any], bool] = lambda value: True


def _count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


MEMBERS: Mapping[str, _Member] = {
    "compression-as-asked": _Member(
        "output_compression",
        tells=lambda one, other: abs(one - other) >= FAR_APART,
        has=lambda value: isinstance(value, int),
    ),
    "mask-matters": _Member(
        "mask", tells=lambda one, other: (one is None) is not (other is None)
    ),
    "every-image-matters": _Member(
        "image", tells=lambda one, other: _count(one) != _count(other)
    ),
    "pictures-differ": _Member("prompt", tells=lambda one, other: one != other),
}
"""By the name of the guarantee."""


def relations(provider: Provider, cases: Iterable[Case]) -> Iterator[Relation]:
    """Every comparison that these cases allow, in their order."""
    groups: dict[tuple[str, str, str], list[tuple[Case, Any]]] = {}
    for case in cases:
        if case.expectation is not State.VALID or not case.is_plain:
            continue
        asked = _asked(provider, case)
        if asked is None or asked.get("stream") is True:
            continue
        for guarantee in provider.operations[case.operation].success.guarantees:
            member = MEMBERS.get(guarantee.name)
            if member is None or not guarantee.applies_to(asked):
                continue
            value = asked.get(member.name)
            if member.has(value):
                rest = question(asked, case.media_type or "", without=member.name)
                group = groups.setdefault((case.operation, guarantee.name, rest), [])
                group.append((case, value))
    for (operation, name, _), group in groups.items():
        found = _telling(group, MEMBERS[name])
        if len(found) > 1:
            status = provider.operations[operation].success.status
            yield Relation(f"{operation}/{status}/guarantees/{name}", found)


def _asked(provider: Provider, case: Case) -> dict[str, Any] | None:
    operation = provider.operations[case.operation]
    body = operation.bodies.get(case.media_type or "")
    if body is None:
        return None
    return effective(provider.dialect, operation, body, case.payload)


def _telling(group: list[tuple[Case, Any]], member: _Member) -> tuple[Case, ...]:
    """The first case, and one for each value that must tell itself from the first."""
    first, value = group[0]
    others: dict[str, Case] = {}
    for case, each in group:
        if member.tells(value, each):
            others.setdefault(repr(judged(each)), case)
    return (first, *others.values())
