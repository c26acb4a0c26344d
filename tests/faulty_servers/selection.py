"""The planted defects that are asked in each run of the tests."""

import os
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Defect = TypeVar("Defect")


def one_of_each(
    defects: Sequence[Defect], *keys: Callable[[Defect], Hashable]
) -> list[Defect]:
    """
    Few defects that together have each value of each key, in their order.

    All of them with FAULTY_SERVERS=all.
    """
    if os.environ.get("FAULTY_SERVERS") == "all":
        return list(defects)
    values = [{(at, key(each)) for at, key in enumerate(keys)} for each in defects]
    missing = set().union(*values)
    chosen = set()
    while missing:
        best = max(range(len(defects)), key=lambda at: len(values[at] & missing))
        chosen.add(best)
        missing -= values[best]
    return [defects[at] for at in sorted(chosen)]
