"""At which line of a YAML file its parts stand."""

from collections.abc import Iterator
from pathlib import Path

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SourceLines:
    """
    The lines of one file, counted from 1, by JSON pointers.

    A file that is no YAML, or is not there, has a first line and no parts.
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
        """The line of what a pointer leads to, or of the nearest part above it."""
        marks = [mark for mark, _ in self._parts(pointer)]
        return int(marks[-1].line) + 1 if marks else 1

    def has(self, pointer: str) -> bool:
        """Whether the pointer leads to something."""
        return len(list(self._parts(pointer))) == pointer.count("/")

    def text(self, pointer: str) -> str | None:
        """The scalar that a pointer leads to, as it is written; None for no scalar."""
        found = list(self._parts(pointer))
        node = found[-1][1] if found and self.has(pointer) else None
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    def _parts(self, pointer: str) -> Iterator[tuple[yaml.Mark, yaml.Node]]:
        """Each part on the way down, as far as there is one, and where it begins."""
        node = self._root
        for step in pointer.split("/")[1:]:
            found = _child_node(node, step.replace("~1", "/").replace("~0", "~"))
            if found is None:
                return
            yield found
            node = found[1]


def _child_node(
    node: yaml.Node | None, step: str
) -> tuple[yaml.Mark, yaml.Node] | None:
    """A part of a mapping, which begins with its name, or of a list."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == step:
                return name.start_mark, value
    if isinstance(node, yaml.SequenceNode) and step.isdecimal():
        for value in node.value[int(step) :][:1]:
            return value.start_mark, value
    return None
