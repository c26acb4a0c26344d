from dataclasses import dataclass


@dataclass(eq=False)
class SpecError(Exception):
    """
    A provider's folder that cannot be understood whole, and so is not loaded.

    It says where (file and JSON pointer), what is wrong, and what would mend it.
    """

    file: str
    pointer: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}#{self.pointer}" if self.pointer else self.file
        return f"{place}: {self.problem}. {self.remedy}."
