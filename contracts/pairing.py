"""Few requests in which every two values stand together that may."""

import random
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from contracts.cases import Case
from contracts.desk import Desk
from contracts.probing import standing
from contracts.values import Value
from specs import State, size_of


def pairs(desk: Desk, seed: int) -> Iterator[Case]:
    """Few requests in which every two values stand together that may."""
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
    """Greedy rows until every pair that can be valid has been seen."""
    open_pairs = {
        (one, left.key, two, right.key)
        for one, two in combinations(domains, 2)
        for left in domains[one]
        for right in domains[two]
        if desk.state({**desk.base, one: left.value, two: right.value}) is State.VALID
    }
    for _ in range(60):
        if not open_pairs:
            return
        best: tuple[int, dict[str, Value]] = (0, {})
        for _ in range(12):
            row = _row(desk, domains, chance)
            gain = sum(pair in open_pairs for pair in _pairs_of(row))
            best = max(best, (gain, row), key=lambda each: each[0])
        if best[0] == 0:
            return
        open_pairs -= set(_pairs_of(best[1]))
        yield {member: value.value for member, value in best[1].items()}


def _row(
    desk: Desk, domains: Mapping[str, list[Value]], chance: random.Random
) -> dict[str, Value]:
    row: dict[str, Value] = {}
    for member in chance.sample(list(domains), len(domains)):
        value = chance.choice(domains[member])
        payload = {**desk.base, **{key: each.value for key, each in row.items()}}
        if desk.state({**payload, member: value.value}) is State.VALID:
            row[member] = value
    return row


def _pairs_of(row: Mapping[str, Value]) -> Iterator[tuple[str, str, str, str]]:
    ordered = sorted(row)
    for one, two in combinations(ordered, 2):
        yield one, row[one].key, two, row[two].key
        yield two, row[two].key, one, row[one].key
