"""Rows in which all that goes together is seen together."""

from itertools import combinations, product

import pytest

from contracts.planning.case import Case
from contracts.planning.enumeration.pairwise import (
    MAX_ROWS,
    THREE_WAY_MAX_VALUES,
    pairwise_cases,
)
from contracts.planning.request_model import RequestModel, request_models
from specs import State

pytestmark = pytest.mark.slow


def rows_of(model: RequestModel) -> list[Case]:
    rows = list(pairwise_cases(model, 0))
    assert len(rows) < MAX_ROWS, "the limit cuts the covering short"
    return rows


def test_all_that_may_stand_together_does(provider):
    """Every two values, and every three of members that have few."""
    for model in request_models(provider).values():
        rows = [
            {key: repr(value) for key, value in row.payload.items()}
            for row in rows_of(model)
        ]
        values = {}
        for row in rows_of(model):
            for member, value in row.payload.items():
                if member not in model.minimal_request:
                    values.setdefault(member, {})[repr(value)] = value
        few = [
            member
            for member, each in values.items()
            if len(each) <= THREE_WAY_MAX_VALUES
        ]
        for members in (*combinations(values, 2), *combinations(few, 3)):
            for group in product(*(values[each] for each in members)):
                wanted = dict(zip(members, group, strict=True))
                payload = {name: values[name][text] for name, text in wanted.items()}
                if model.state({**model.minimal_request, **payload}) is State.VALID:
                    assert any(wanted.items() <= row.items() for row in rows), wanted


def test_no_row_is_idle_and_each_is_valid(provider):
    for model in request_models(provider).values():
        rows = rows_of(model)
        assert len({repr(row.payload) for row in rows}) == len(rows)
        assert all(model.state(row.payload) is State.VALID for row in rows)
        assert [row.payload for row in rows] == [row.payload for row in rows_of(model)]
