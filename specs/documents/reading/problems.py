"""Receive the problems of a provider definition: raise the first, or collect all."""

from collections.abc import Sequence
from typing import Any

from specs.errors import SpecError


class Problems:
    """
    Receives the problems of the files of a folder.

    A loader raises the first. With `collect`, problems are kept in `errors`: the check
    goes on without the part that is wrong. With `known_valid`, the same files were
    checked before: checks that only find problems are left out.
    """

    def __init__(self, *, collect: bool = False, known_valid: bool = False) -> None:
        self.collects = collect
        self.known_valid = known_valid
        self.errors: list[SpecError] = []

    def report(self, error: SpecError) -> None:
        """Raises the error unless problems are collected."""
        if not self.collects:
            raise error
        self.errors.append(error)


def remove_part(node: Any, path: Sequence[str | int]) -> bool:
    """
    Remove the entry of the innermost mapping on a path.

    Returns False if there is none, or the path ends earlier.
    """
    entry: tuple[dict[str, Any], str] | None = None
    for step in path:
        if isinstance(node, dict) and str(step) in node:
            entry = node, str(step)  # "200" comes as 200
            node = node[str(step)]
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return False
    if entry is None:
        return False
    mapping, key = entry
    del mapping[key]
    return True
