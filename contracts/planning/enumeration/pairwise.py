"""
Few requests in which every two values stand together that may.

Of members with few values, every three: there it costs few requests more.
"""

import random
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from itertools import combinations, product
from typing import Any

from contracts.planning.case import Case, Origin
from contracts.planning.classification import basis_of
from contracts.planning.request_model import RequestModel
from contracts.planning.values import Value, is_small
from specs import State

THREE_WAY_MAX_VALUES = 3
MAX_ROWS = 60
Row = tuple[tuple[str, Value], ...]
Combination = tuple[tuple[str, Hashable], ...]


def pairwise_cases(request_model: RequestModel, seed: int) -> Iterator[Case]:
    """Rows of a covering array, as cases; dear values left out."""
    domains = {
        member: [
            value
            for value in request_model.values(member)
            if _is_cheap(value.value)
            and request_model.state(
                {**request_model.minimal_request, member: value.value}
            )
            is State.VALID
        ][:6]
        for member in request_model.body.properties
        if request_model.canonical_name(member)
        not in {"prompt", "model", "image", "mask", "user"}
    }
    domains = {member: values for member, values in domains.items() if values}
    for number, row in enumerate(
        _covering_array(request_model, domains, random.Random(seed)), 1
    ):
        yield Case(
            id=f"{request_model.name}/pairs/{number}",
            operation=request_model.operation.id,
            origin=Origin.PAIRS,
            expectation=State.VALID,
            media_type=request_model.body.media_type,
            payload={**request_model.minimal_request, **row},
            basis=basis_of(request_model, row, row),
        )


def _is_cheap(value: Any) -> bool:
    """True unless a value is large, or the number of more than three images."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_small(value) and not (is_number and value in range(4, 11))


def _covering_array(
    request_model: RequestModel, domains: Mapping[str, list[Value]], rng: random.Random
) -> Iterator[dict[str, Any]]:
    """Greedy rows until all that can be valid together has been seen together."""
    switches = {
        member
        for member, values in domains.items()
        if len(values) <= THREE_WAY_MAX_VALUES
    }
    named = [[(member, each) for each in values] for member, values in domains.items()]
    unseen: dict[Combination, Row] = {
        _combination(group): group
        for members in (*combinations(named, 3), *combinations(named, 2))
        if len(members) == 2 or all(each[0][0] in switches for each in members)
        for group in product(*members)
        if request_model.state({**request_model.minimal_request, **_payload(group)})
        is State.VALID
    }
    for _ in range(MAX_ROWS):
        if not unseen:
            return
        first = next(iter(unseen.values()))
        rows = [_complete_row(request_model, domains, rng, first) for _ in range(12)]
        row = max(
            rows,
            key=lambda row: sum(
                g in unseen for g in _covered_combinations(row, switches)
            ),
        )
        for group in _covered_combinations(row, switches):
            unseen.pop(group, None)
        yield _payload(row)


def _complete_row(
    request_model: RequestModel,
    domains: Mapping[str, list[Value]],
    rng: random.Random,
    first: Row,
) -> Row:
    """What goes together with the first, in the order of the document."""
    row = dict(first)
    others = [member for member in domains if member not in row]
    for member in rng.sample(others, len(others)):
        value = rng.choice(domains[member])
        payload = {**request_model.minimal_request, **_payload(row.items())}
        if request_model.state({**payload, member: value.value}) is State.VALID:
            row[member] = value
    return tuple((member, row[member]) for member in domains if member in row)


def _payload(row: Iterable[tuple[str, Value]]) -> dict[str, Any]:
    return {member: each.value for member, each in row}


def _combination(row: Iterable[tuple[str, Value]]) -> Combination:
    return tuple((member, each.key) for member, each in row)


def _covered_combinations(row: Row, switches: Collection[str]) -> Iterator[Combination]:
    """The pairs of a row, and the threes of its switches."""
    yield from combinations(_combination(row), 2)
    yield from combinations(
        _combination(each for each in row if each[0] in switches), 3
    )
