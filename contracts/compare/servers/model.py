"""Where the deeds of several targets differ, as values and as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from contracts.judging.outcome import FeatureVerdict

FORMAT = "imageparity-differences/1"


@dataclass(frozen=True, slots=True)
class ParameterVerdict:
    """
    What became of a feature at one target.

    An aspect of an answer has a value and no verdict. `responds` is set where two
    answers had to be compared to know.
    """

    verdict: FeatureVerdict | None
    value: str = ""
    note: str = ""
    responds: bool | None = None


class DocumentAgreement(StrEnum):
    """What the documents say where deeds differ."""

    AGREE = "documents-agree"
    DIFFER = "documents-differ"
    SILENT = "documents-silent"


@dataclass(frozen=True, slots=True)
class ServerStats:
    """
    A target, what it was asked, and why no more, if it was not asked all.

    `seconds` is the median of its answers'; `cost` what they cost by its documented
    prices, None where none are.
    """

    label: str
    provider: str
    title: str
    base_url: str
    currency: str | None
    asked: int
    seconds: float | None
    cost: float | None
    stopped: str | None


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """
    A feature, or an aspect of the answer, at every target.

    `kind` is set where targets differ; `odd` are those who are not with the majority.
    """

    operation: str
    group: str
    feature: str
    asked: str
    question: str
    cells: Mapping[str, ParameterVerdict]
    kind: DocumentAgreement | None = None
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One target's side of a difference; `promise` is empty where there is none."""

    value: str
    note: str
    promise: str
    summary: str
    curl: str


@dataclass(frozen=True, slots=True)
class Difference:
    """
    An aspect in which targets differ, with the smallest question that shows it.

    `odd` are the labels that are not with the majority; `also` are the other questions
    that show it; `seen` of `tries` times it was there, so that it is flaky if they
    differ.
    """

    kind: DocumentAgreement
    operation: str
    aspect: str
    question: str
    asked: Mapping[str, str]
    sides: Mapping[str, Side]
    odd: tuple[str, ...]
    fingerprint: str
    also: tuple[str, ...] = ()
    seen: int = 1
    tries: int = 1

    @property
    def is_flaky(self) -> bool:
        return self.seen < self.tries

    @property
    def alarms(self) -> bool:
        """Whether documents promise the same, and deeds are surely not the same."""
        return self.kind is DocumentAgreement.AGREE and not self.is_flaky


@dataclass(frozen=True, slots=True)
class Differences:
    """All that came of asking several targets the same questions."""

    version: str
    seed: int
    targets: tuple[ServerStats, ...]
    questions: int
    rows: tuple[FeatureRow, ...]
    differences: tuple[Difference, ...]

    @property
    def alarms(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.differences if each.alarms)

    @property
    def stopped(self) -> dict[str, str]:
        """The targets that were not asked everything, and why."""
        return {each.label: each.stopped for each in self.targets if each.stopped}

    def json_text(self) -> str:
        """All of it, for programs: see `differential.schema.yaml`."""
        value: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        for row in value["rows"]:
            for cell in row["cells"].values():
                del cell["responds"]
        for row, found in zip(value["differences"], self.differences, strict=True):
            row["alarms"] = found.alarms
        return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
