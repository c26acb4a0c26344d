"""
Few requests in which every two values stand together that may.

Of members with few values, every three: there it costs few requests more.
"""

import random
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from itertools import combinations, product
from typing import Any

from contracts.planning.case import Case
from contracts.planning.probes import standing
from contracts.planning.request_model import Desk
from contracts.planning.values import Value
from specs import State, size_of

FEW = 3
MOST_ROWS = 60
Row = tuple[tuple[str, Value], ...]
Group = tuple[tuple[str, Hashable], ...]


def pairs(desk: Desk, seed: int) -> Iterator[Case]:
    """Rows of a covering array, as cases; dear values left out."""
    domains = {
        member: [
            value
            for value in desk.values(member)
            if _is_cheap(value.value)
            and desk.state({**desk.base, member: value.value}) is State.VALID
        ][:6]
        for member in desk.body.properties
        if desk.role(member) not in {"prompt", "model", "image", "mask", "user"}
    }
    domains = {member: values for member, values in domains.items() if values}
    for number, row in enumerate(_covering(desk, domains, random.Random(seed)), 1):
        yield Case(
            id=f"{desk.name}/pairs/{number}",
            operation=desk.operation.id,
            origin="pairs",
            expectation=State.VALID,
            media_type=desk.body.media_type,
            payload={**desk.base, **row},
            basis=standing(desk, row, row),
        )


def _is_cheap(value: Any) -> bool:
    size = size_of(value)
    if size is not None:
        return max(size) <= 1536
    return (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value not in range(4, 11)
    )


def _covering(
    desk: Desk, domains: Mapping[str, list[Value]], chance: random.Random
) -> Iterator[dict[str, Any]]:
    """Greedy rows until all that can be valid together has been seen together."""
    switches = {member for member, values in domains.items() if len(values) <= FEW}
    named = [[(member, each) for each in values] for member, values in domains.items()]
    unseen: dict[Group, Row] = {
        _keys(group): group
        for members in (*combinations(named, 3), *combinations(named, 2))
        if len(members) == 2 or all(each[0][0] in switches for each in members)
        for group in product(*members)
        if desk.state({**desk.base, **_payload(group)}) is State.VALID
    }
    for _ in range(MOST_ROWS):
        if not unseen:
            return
        first = next(iter(unseen.values()))
        rows = [_row(desk, domains, chance, first) for _ in range(12)]
        row = max(
            rows, key=lambda row: sum(g in unseen for g in _groups(row, switches))
        )
        for group in _groups(row, switches):
            unseen.pop(group, None)
        yield _payload(row)


def _row(
    desk: Desk, domains: Mapping[str, list[Value]], chance: random.Random, first: Row
) -> Row:
    """What goes together with the first, in the order of the document."""
    row = dict(first)
    others = [member for member in domains if member not in row]
    for member in chance.sample(others, len(others)):
        value = chance.choice(domains[member])
        payload = {**desk.base, **_payload(row.items())}
        if desk.state({**payload, member: value.value}) is State.VALID:
            row[member] = value
    return tuple((member, row[member]) for member in domains if member in row)


def _payload(row: Iterable[tuple[str, Value]]) -> dict[str, Any]:
    return {member: each.value for member, each in row}


def _keys(row: Iterable[tuple[str, Value]]) -> Group:
    return tuple((member, each.key) for member, each in row)


def _groups(row: Row, switches: Collection[str]) -> Iterator[Group]:
    """The pairs of a row, and the threes of its switches."""
    yield from combinations(_keys(row), 2)
    yield from combinations(_keys(each for each in row if each[0] in switches), 3)
