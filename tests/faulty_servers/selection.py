"""The planted defects that are asked in each run of the tests."""

import os
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Defect = TypeVar("Defect")


def one_of_each(
    defects: Sequence[Defect], *keys: Callable[[Defect], Hashable]
) -> list[Defect]:
    """
    One defect for each value of each key, in their order.

    All of them with FAULTY_SERVERS=all.
    """
    if os.environ.get("FAULTY_SERVERS") == "all":
        return list(defects)
    chosen = {
        id(each) for key in keys for each in {key(e): e for e in defects}.values()
    }
    return [each for each in defects if id(each) in chosen]
