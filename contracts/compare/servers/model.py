"""The differences between several servers, as data and as JSON."""

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
    The behaviour of one server for a feature.

    `verdict` is None for an aspect of a response, which has only a `value`. `responds`
    is None unless two responses were compared; then it is true if they differ as they
    should. It is not part of the JSON.
    """

    verdict: FeatureVerdict | None
    value: str = ""
    note: str = ""
    responds: bool | None = None


class DocumentAgreement(StrEnum):
    """
    The statements of the documents of servers that behave differently.

    AGREE if two of these servers have the same binding statement, DIFFER if any two
    statements differ, SILENT otherwise. In order of weight, the heaviest first.
    """

    AGREE = "documents-agree"
    DIFFER = "documents-differ"
    SILENT = "documents-silent"


@dataclass(frozen=True, slots=True)
class ServerStats:
    """
    A server and the requests that were sent to it.

    `asked` is the number of requests, `seconds` the median duration. `cost` is by
    documented prices, None if none apply. `stopped` is the reason why not all requests
    were sent, None if all were.
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
    A requested feature, or an aspect of the response, at every server.

    `group` is `request`, `errors` or `answer`. `asked` is the requested value and
    `question` the id of the intent. `cells` are by label. `kind` is None if the servers
    agree. `odd` are the labels that are not with the majority; empty if there is none.
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
class OutputRow:
    """
    One output, such as an image, from one operation of one server.

    `question` is the id of the question, `asked` the field that it sets, as JSON.
    `operation` is "" if the server has none. `way` is `response` or `task`. `result`
    describes the outputs, or has the status of an error. For a task, `reads` is the
    number of reads until it ended, and `states` those that were seen. `seconds` is the
    time until the result was there. `promised` is true if the document of the server
    itself allows the request, `is_flaky` if a wrong output was another one, or right,
    when the request was repeated.
    """

    medium: str
    question: str
    asked: Mapping[str, str]
    label: str
    operation: str
    way: str
    verdict: FeatureVerdict
    result: str
    note: str = ""
    delivery: str = ""
    reads: int | None = None
    states: tuple[str, ...] = ()
    seconds: float | None = None
    promised: bool = False
    is_flaky: bool = False

    @property
    def is_good(self) -> bool:
        return self.verdict is FeatureVerdict.HONOURED


@dataclass(frozen=True, slots=True)
class Side:
    """
    One server's side of a difference.

    `promise` is the statement of its document, "" if there is none. `summary` and
    `curl` describe the request.
    """

    value: str
    note: str
    promise: str
    summary: str
    curl: str


@dataclass(frozen=True, slots=True)
class Difference:
    """
    An aspect in which servers differ, with the smallest request that shows it.

    `question` is the id of that request's intent; `asked` are its fields as JSON texts.
    `sides` are by label. `odd` are the labels that are not with the majority. `also`
    are the ids of other intents that show it. It was seen `seen` times in `tries`.
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
        """True if the documents agree and the difference was seen every time."""
        return self.kind is DocumentAgreement.AGREE and not self.is_flaky


@dataclass(frozen=True, slots=True)
class Differences:
    """
    The result of sending the same requests to several servers.

    `questions` is the number of intents. Differences are in order of weight.
    """

    version: str
    seed: int
    targets: tuple[ServerStats, ...]
    questions: int
    rows: tuple[FeatureRow, ...]
    differences: tuple[Difference, ...]
    outputs: tuple[OutputRow, ...] = ()

    @property
    def output_alarms(self) -> tuple[OutputRow, ...]:
        """
        Outputs that are wrong although another server's output is right.

        Only those that the documents of both promise, and one of which is from a task:
        `differences` has the others.
        """
        promised = [
            each
            for each in self.outputs
            if each.promised and each.verdict is not FeatureVerdict.UNTESTED
        ]
        return tuple(
            each
            for each in promised
            if not each.is_good
            and not each.is_flaky
            and any(
                other.is_good and "task" in (each.way, other.way)
                for other in promised
                if other.question == each.question
            )
        )

    @property
    def alarms(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.differences if each.alarms)

    @property
    def stopped(self) -> dict[str, str]:
        """The reasons why servers did not get all requests, by label."""
        return {each.label: each.stopped for each in self.targets if each.stopped}

    def json_text(self) -> str:
        """The JSON document that `differential.schema.yaml` describes."""
        value: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        for row in value["rows"]:
            for cell in row["cells"].values():
                del cell["responds"]
        for record, difference in zip(
            value["differences"], self.differences, strict=True
        ):
            record["alarms"] = difference.alarms
        for record, row in zip(value["outputs"], self.outputs, strict=True):
            record["alarms"] = row in self.output_alarms
        return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
