"""The error of a provider definition."""

from dataclasses import dataclass


@dataclass(eq=False)
class SpecError(Exception):
    """
    A folder of a provider that is not loaded, because a part of it is not understood.

    The message names the file, the JSON pointer, the problem and the remedy. `paste` is
    a line of YAML that corrects it at that place; empty if there is none.
    """

    file: str
    pointer: str
    problem: str
    remedy: str
    paste: str = ""

    def __str__(self) -> str:
        place = f"{self.file}#{self.pointer}" if self.pointer else self.file
        return f"{place}: {self.problem}. {self.remedy}."
