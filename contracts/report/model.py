"""The report of a run: its data, and the conversion from and to JSON rows."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from contracts.report.file import (
    FORMAT,
    BadReport,
    atomic_write,
    format_line,
    read_rows,
)

__all__ = [
    "BadReport",
    "CheckName",
    "ClaimRecord",
    "Finding",
    "FindingKind",
    "Outcome",
    "OutcomeCounts",
    "Report",
    "RunMetadata",
    "TargetRecord",
    "fingerprint",
]


class FindingKind(StrEnum):
    """The ways in which behaviour deviates from the documentation."""

    REJECTS_VALID = "rejects-valid"
    ACCEPTS_INVALID = "accepts-invalid"
    WRONG_ERROR = "wrong-error"
    WRONG_RESPONSE = "wrong-response"
    CRASH = "crash"
    UNDOCUMENTED = "undocumented"


class CheckName(StrEnum):
    """
    The names of checks that are no guarantees.

    A check of a guarantee has the name of the guarantee. A check of another tool has
    the name of the tool, `:`, and its name there.
    """

    ANSWERS = "answers"
    VALID_IS_ACCEPTED = "valid-is-accepted"
    INVALID_IS_REFUSED = "invalid-is-refused"
    NO_CRASH = "no-crash"
    ELSEWHERE = "elsewhere"
    ERROR_STATUS = "error-status"
    ERROR_CODE = "error-code"
    ERROR_TYPE = "error-type"
    ERROR_PARAM = "error-param"
    ERROR_IS_JSON = "error-is-json"
    ERROR_ENVELOPE = "error-envelope"
    STATUS = "status"
    BODY = "body"
    SCHEMA = "schema"
    MEMBER = "member"
    EVENT = "event"
    EVENT_SCHEMA = "event-schema"
    NOT_JUDGED = "not-judged"


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """
    A claim of a document as the report shows it.

    `asked` counts the cases with a response that tested it. `mock` is how the mock
    treats it: enforced, lenient, kept, or on demand.
    """

    id: str
    operation: str
    subject: str
    sentence: str
    source: str
    source_title: str
    source_url: str
    source_date: str
    basis: str
    pointer: str
    asked: int = 0
    mock: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One deviation from the documentation, with what is needed to reproduce it.

    `message` describes what happened, `expected` what is documented. `request` has
    `summary`, `curl`, `python` and `node`, without the API key. `answer` has `status`,
    `content_type`, `excerpt` and, if there are images, `pictures`. `flaky` is true if
    it could not be reproduced. `also_seen_by` has the checks of other tools that saw
    the same. `field` is the canonical name of the request field that was not honoured,
    `asked` its value in the request and `came` its value in the response; None if
    unknown.
    """

    kind: FindingKind
    check: str
    claim: str
    basis: str
    source: str
    source_url: str
    message: str
    expected: str
    case: str
    fingerprint: str
    request: dict[str, Any]
    answer: dict[str, Any]
    flaky: bool = False
    also_seen_by: tuple[str, ...] = ()
    field: str | None = None
    asked: str | None = None
    came: str | None = None

    @property
    def breaks(self) -> bool:
        """True if a documented claim fails; otherwise the finding is a warning."""
        return self.kind is not FindingKind.UNDOCUMENTED and self.basis == "documented"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The result of one case.

    `status` is None if there was no response. `seconds` is the time until it was
    complete. `cost` is the price of the request by the documented prices, in the
    provider's currency: 0 for an error response, None if unknown. `fields` has the
    values, by canonical name, of those fields of the request that a response can show.

    `images` is the number of images of the response that were decoded, `not_fetched`
    the number of those that are links and were not fetched. `echoed` are the request
    fields whose values the response repeats. A verdict needs such evidence.
    """

    provider: str
    case: str
    operation: str
    origin: str
    expectation: str
    claims: tuple[str, ...]
    status: int | None
    seconds: float
    cost: float | None
    findings: tuple[Finding, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    images: int = 0
    not_fetched: int = 0
    echoed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """
    A tested server and the provider that it claims to be.

    `document` is the version of the provider's document, `planned` the number of cases,
    `currency` that of the documented prices; None if there are none.
    """

    provider: str
    title: str
    base_url: str
    is_mock: bool
    document: str
    planned: int
    currency: str | None
    claims: tuple[ClaimRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class RunMetadata:
    """The version of imageparity, the start in ISO 8601 (UTC), seed and targets."""

    version: str
    started: str
    seed: int
    targets: tuple[TargetRecord, ...]
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class Report:
    """
    The metadata and the outcomes of a run, in the order of its cases.

    `stopped` is why it stopped early: `budget`, `interrupt`, or `errors` if the target
    returned nothing but errors any more. None if it did not.
    """

    metadata: RunMetadata
    outcomes: tuple[Outcome, ...]
    stopped: str | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The first finding of each fingerprint, in the order of the cases."""
        first: dict[str, Finding] = {}
        also: dict[str, dict[str, None]] = {}
        for outcome in self.outcomes:
            for finding in outcome.findings:
                first.setdefault(finding.fingerprint, finding)
                seen = also.setdefault(finding.fingerprint, {})
                seen.update(dict.fromkeys(finding.also_seen_by))
        return tuple(
            replace(each, also_seen_by=tuple(also[name]))
            for name, each in first.items()
        )

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The findings of documented claims that fail."""
        return tuple(each for each in self.findings if each.breaks)

    @property
    def claims(self) -> tuple[str, ...]:
        """The ids of all claims of the documents, in the order of the providers."""
        return tuple(
            each.id for target in self.metadata.targets for each in target.claims
        )

    @property
    def conforms(self) -> bool:
        """True if no documented claim fails."""
        return not self.broken

    def for_provider(self, provider: str) -> "Report":
        """The report with the outcomes of one provider only."""
        return Report(
            self.metadata,
            tuple(each for each in self.outcomes if each.provider == provider),
            self.stopped,
        )

    def occurrences(self) -> Counter[str]:
        """The number of cases that showed each finding, by fingerprint."""
        return Counter(
            finding.fingerprint
            for outcome in self.outcomes
            for finding in outcome.findings
        )

    def cost(self) -> float | None:
        """The sum of the known costs; None if none is known."""
        known = [each.cost for each in self.outcomes if each.cost is not None]
        return round(sum(known), 6) if known else None

    @property
    def is_cost_complete(self) -> bool:
        """True if every cost is known; otherwise `cost` is a lower bound."""
        return all(each.cost is not None for each in self.outcomes)

    @classmethod
    def read(cls, path: str | Path) -> "Report":
        """
        The report in a file.

        Raises `BadReport` if it cannot be read, was cut short, or is not a report.
        """
        try:
            with Path(path).open(encoding="utf-8") as lines:
                return cls.from_lines(lines, name=str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise BadReport(f"{path} cannot be read: {error}") from None

    @classmethod
    def from_lines(cls, lines: Iterable[str], name: str = "report") -> "Report":
        """
        A report from its lines; `name` is the file in messages.

        Raises `BadReport`.
        """
        run, *outcomes, footer = map(_without_type, read_rows(lines, name))
        return cls(
            _metadata_from(run), tuple(map(_outcome_from, outcomes)), footer["stopped"]
        )

    def to_lines(self) -> Iterator[str]:
        """The lines of the report, with their line ends."""
        yield format_line("run", asdict(self.metadata))
        for outcome in self.outcomes:
            yield format_line("outcome", _outcome_row(outcome))
        yield format_line(
            "footer", {"outcomes": len(self.outcomes), "stopped": self.stopped}
        )

    def write(self, path: str | Path) -> None:
        """Write the complete report, or leave the file as it was."""
        with atomic_write(path) as out:
            out.writelines(self.to_lines())


def _without_type(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "type"}


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    """An outcome without its optional keys that are empty."""
    row = asdict(outcome)
    row["findings"] = [
        {
            key: value
            for key, value in finding.items()
            if value is not None or key not in _OPTIONAL_KEYS
        }
        for finding in row["findings"]
    ]
    for name in ("fields", "images", "not_fetched", "echoed"):
        if not row[name]:
            del row[name]
    return row


_OPTIONAL_KEYS = {"field", "asked", "came"}  # of a finding


def _metadata_from(row: dict[str, Any]) -> RunMetadata:
    targets = tuple(map(_target_from, row["targets"]))
    return RunMetadata(**{**row, "targets": targets})


def _target_from(row: dict[str, Any]) -> TargetRecord:
    claims = tuple(ClaimRecord(**each) for each in row["claims"])
    return TargetRecord(**{**row, "claims": claims})


def _outcome_from(row: dict[str, Any]) -> Outcome:
    findings = tuple(map(_finding_from, row["findings"]))
    lists = {name: tuple(row.get(name, ())) for name in ("claims", "echoed")}
    return Outcome(**{**row, **lists, "findings": findings})


def _finding_from(row: dict[str, Any]) -> Finding:
    kind, also = FindingKind(row["kind"]), tuple(row.get("also_seen_by", ()))
    return Finding(**{**row, "kind": kind, "also_seen_by": also})


def fingerprint(*parts: str) -> str:
    """A stable id for a cause: 16 hexadecimal digits."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


@dataclass(slots=True)
class OutcomeCounts:
    """Numbers of outcomes: all, passed, failed, with warnings only; and by origin."""

    asked: int = 0
    kept: int = 0
    broken: int = 0
    differing: int = 0
    origins: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, report: Report) -> "OutcomeCounts":
        counts = cls()
        for outcome in report.outcomes:
            counts.asked += 1
            counts.origins[outcome.origin] += 1
            if any(each.breaks for each in outcome.findings):
                counts.broken += 1
            elif outcome.findings:
                counts.differing += 1
            else:
                counts.kept += 1
        return counts
