"""
Requests that cover all valid pairs of field values, as few as a greedy search finds.

Fields with few values are covered in triples as well, which takes few requests more.
Some values are valid only beside a value of another field, such as a compression level
beside a format: their combinations are sent together with that value.
"""

import random
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from itertools import combinations, product
from typing import Any

from contracts.planning.case import Case, Origin
from contracts.planning.classification import basis_of
from contracts.planning.request_model import RequestModel
from contracts.planning.values.field_values import Value
from specs import State

THREE_WAY_MAX_VALUES = 3
MAX_ROWS = 60
MAX_VALUES = 6  # per field
MAX_WITH_COMPANION = 2  # of them, values that are valid only beside another value
CANDIDATES_PER_ROW = 12
Row = tuple[tuple[str, Value], ...]
Combination = tuple[tuple[str, Hashable], ...]
Companions = dict[tuple[str, Hashable], tuple[str, Value]]


def pairwise_cases(request_model: RequestModel, seed: int) -> Iterator[Case]:
    """
    Yield the rows of a covering array as cases, without expensive values.

    The same document and seed give the same rows.
    """
    domains, companions = _domains(request_model)
    rows = _covering_array(request_model, domains, companions, random.Random(seed))
    for number, row in enumerate(rows, 1):
        yield Case(
            id=f"{request_model.name}/pairs/{number}",
            operation=request_model.operation.id,
            origin=Origin.PAIRS,
            expectation=State.VALID,
            media_type=request_model.body.media_type,
            payload={**request_model.minimal_request, **row},
            basis=basis_of(request_model, row, row),
        )


def _domains(request_model: RequestModel) -> tuple[dict[str, list[Value]], Companions]:
    """
    The values to combine, by field; fields without any are left out.

    Values that are valid alone come first. Each other value has a companion.
    """
    samples = request_model.samples
    names = [
        name
        for name in request_model.body.properties
        if request_model.canonical_name(name) not in samples.uncombined_fields
        and name not in request_model.unique_fields
    ]
    cheap = {
        name: [
            each
            for each in request_model.values(name)
            if samples.is_small(each.value) and not samples.is_costly(each.value)
        ]
        for name in names
    }
    alone = {
        name: [each for each in values if _is_valid(request_model, {name: each.value})][
            :MAX_VALUES
        ]
        for name, values in cheap.items()
    }
    domains: dict[str, list[Value]] = {}
    companions: Companions = {}
    for name, values in cheap.items():
        others = _with_companion(request_model, name, values, alone)
        del others[MAX_WITH_COMPANION:]
        chosen = [*alone[name], *(value for value, _ in others)][:MAX_VALUES]
        if chosen:
            domains[name] = chosen
            companions |= {(name, each.key): companion for each, companion in others}
    return domains, companions


def _with_companion(
    request_model: RequestModel,
    name: str,
    values: Iterable[Value],
    alone: Mapping[str, list[Value]],
) -> list[tuple[Value, tuple[str, Value]]]:
    """
    The values that are valid only beside a value of another field, with that value.

    Null stands for an absent field, so it is no companion and has none.
    """
    found = []
    for value in values:
        if value.value is None or _is_valid(request_model, {name: value.value}):
            continue
        companion = next(
            (
                (other, beside)
                for other, candidates in alone.items()
                for beside in candidates
                if other != name
                and beside.value is not None
                and _is_valid(request_model, {name: value.value, other: beside.value})
            ),
            None,
        )
        if companion is not None:
            found.append((value, companion))
    return found


def _is_valid(request_model: RequestModel, change: Mapping[str, Any]) -> bool:
    payload = {**request_model.minimal_request, **change}
    return request_model.state(payload) is State.VALID


def _covering_array(
    request_model: RequestModel,
    domains: Mapping[str, list[Value]],
    companions: Companions,
    rng: random.Random,
) -> Iterator[dict[str, Any]]:
    """Yield rows until each valid combination of values is in one of them."""
    few = {
        name for name, values in domains.items() if len(values) <= THREE_WAY_MAX_VALUES
    }
    named = [[(name, value) for value in values] for name, values in domains.items()]
    triples = (
        each
        for each in combinations(named, 3)
        if all(values[0][0] in few for values in each)
    )
    uncovered: dict[Combination, Row] = {
        _combination(group): row
        for columns in (*triples, *combinations(named, 2))
        for group in product(*columns)
        if (row := _smallest_row(request_model, group, companions))
    }
    for _ in range(MAX_ROWS):
        if not uncovered:
            return
        first = next(iter(uncovered.values()))
        candidates = [
            _complete_row(request_model, domains, rng, first)
            for _ in range(CANDIDATES_PER_ROW)
        ]
        row = max(
            candidates,
            key=lambda row: sum(
                each in uncovered for each in _covered_combinations(row, few)
            ),
        )
        for combination in _covered_combinations(row, few):
            uncovered.pop(combination, None)
        yield _payload(row)


def _smallest_row(
    request_model: RequestModel, group: Row, companions: Companions
) -> Row | None:
    """The group, with the companions of its values if needed; None if it is invalid."""
    if _is_valid(request_model, _payload(group)):
        return group
    beside = dict(
        companions[name, value.key]
        for name, value in group
        if (name, value.key) in companions
    )
    row = tuple({**beside, **dict(group)}.items())
    is_valid = bool(beside) and _is_valid(request_model, _payload(row))
    return row if is_valid else None


def _complete_row(
    request_model: RequestModel,
    domains: Mapping[str, list[Value]],
    rng: random.Random,
    first: Row,
) -> Row:
    """Add random values to a combination, as far as the request stays valid."""
    row = dict(first)
    others = [name for name in domains if name not in row]
    for name in rng.sample(others, len(others)):
        value = rng.choice(domains[name])
        change = {**_payload(row.items()), name: value.value}
        if _is_valid(request_model, change):
            row[name] = value
    return tuple((name, row[name]) for name in domains if name in row)


def _payload(row: Iterable[tuple[str, Value]]) -> dict[str, Any]:
    return {name: value.value for name, value in row}


def _combination(row: Iterable[tuple[str, Value]]) -> Combination:
    return tuple((name, value.key) for name, value in row)


def _covered_combinations(row: Row, few: Collection[str]) -> Iterator[Combination]:
    """Yield the pairs of a row, and the triples of its fields with few values."""
    yield from combinations(_combination(row), 2)
    yield from combinations(_combination(each for each in row if each[0] in few), 3)
