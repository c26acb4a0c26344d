"""Rows in which all that goes together is seen together."""

from itertools import combinations, product

from contracts.planning.case import Case
from contracts.planning.pairwise import FEW, MOST_ROWS, pairs
from contracts.planning.request_model import Desk, desks_of
from specs import State


def rows_of(desk: Desk) -> list[Case]:
    rows = list(pairs(desk, 0))
    assert len(rows) < MOST_ROWS, "the limit cuts the covering short"
    return rows


def test_all_that_may_stand_together_does(provider):
    """Every two values, and every three of members that have few."""
    for desk in desks_of(provider).values():
        rows = [
            {key: repr(value) for key, value in row.payload.items()}
            for row in rows_of(desk)
        ]
        values = {}
        for row in rows_of(desk):
            for member, value in row.payload.items():
                if member not in desk.base:
                    values.setdefault(member, {})[repr(value)] = value
        few = [member for member, each in values.items() if len(each) <= FEW]
        for members in (*combinations(values, 2), *combinations(few, 3)):
            for group in product(*(values[each] for each in members)):
                wanted = dict(zip(members, group, strict=True))
                payload = {name: values[name][text] for name, text in wanted.items()}
                if desk.state({**desk.base, **payload}) is State.VALID:
                    assert any(wanted.items() <= row.items() for row in rows), wanted


def test_no_row_is_idle_and_each_is_valid(provider):
    for desk in desks_of(provider).values():
        rows = rows_of(desk)
        assert len({repr(row.payload) for row in rows}) == len(rows)
        assert all(desk.state(row.payload) is State.VALID for row in rows)
        assert [row.payload for row in rows] == [row.payload for row in rows_of(desk)]
