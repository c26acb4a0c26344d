"""Line numbers of the nodes of a YAML file."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from specs.documents.reading.pointers import unescape_pointer

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SourceLines:
    """
    The line numbers of one file, from 1, by JSON pointer.

    A file that is missing or invalid has no nodes, and only line 1.
    """

    def __init__(self, text: str) -> None:
        try:
            self._root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError:
            self._root = None

    @classmethod
    def from_file(cls, path: str | Path) -> "SourceLines":
        try:
            return cls(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return cls("")

    def line_of(self, pointer: str) -> int:
        """The line of a node, or of its nearest existing ancestor."""
        marks = [mark for mark, _ in self._parts(pointer)]
        return int(marks[-1].line) + 1 if marks else 1

    def has(self, pointer: str) -> bool:
        """True if a node exists."""
        return len(list(self._parts(pointer))) == pointer.count("/")

    def text(self, pointer: str) -> str | None:
        """The text of a scalar as written; None if the node is not a scalar."""
        nodes = list(self._parts(pointer))
        node = nodes[-1][1] if nodes and self.has(pointer) else None
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    def _parts(self, pointer: str) -> Iterator[tuple[yaml.Mark, yaml.Node]]:
        """Yield the existing nodes along a pointer, each with its start."""
        node = self._root
        for step in pointer.split("/")[1:]:
            child = _child_node(node, unescape_pointer(step))
            if child is None:
                return
            yield child
            node = child[1]


def _child_node(
    node: yaml.Node | None, step: str
) -> tuple[yaml.Mark, yaml.Node] | None:
    """An entry of a mapping, which starts at its key, or of a sequence."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == step:
                return name.start_mark, value
    if isinstance(node, yaml.SequenceNode) and step.isdecimal():
        for value in node.value[int(step) :][:1]:
            return value.start_mark, value
    return None
