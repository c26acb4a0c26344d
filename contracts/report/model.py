"""
What a run found, as a value that can be written, read and refused.

On disk it is JSON lines: the run, one outcome a case, a footer.
"""

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from specs.documents.yaml_files import read_yaml
from specs.validation.engine import compile_validator
from specs.validation.strict_json import strict_json

FORMAT = "imageparity-report/1"
MAX_VALUES = 5_000_000  # in a line


class FindingKind(StrEnum):
    """How deed departs from promise."""

    REJECTS_VALID = "rejects-valid"
    ACCEPTS_INVALID = "accepts-invalid"
    WRONG_ERROR = "wrong-error"
    WRONG_RESPONSE = "wrong-response"
    CRASH = "crash"
    UNDOCUMENTED = "undocumented"


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """
    A claim of a document, as the report shows it.

    `asked` counts the cases that put it to the test; `mock` says how our mock treats
    it: enforced, lenient, kept, or on-demand.
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
    One departure of deed from promise, with all that is needed to believe it.

    `request` has `curl`, `python` and `node` (keys left out) and `summary`; `answer`
    has `status`, `content_type`, `excerpt` and, where pictures came, `pictures`;
    `expected` and `message` are sentences. A `flaky` one was not seen again when the
    same was asked again; `also_seen_by` names the checks of other tools that saw the
    same.
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

    @property
    def breaks(self) -> bool:
        """A broken promise; otherwise a mere difference."""
        return self.kind is not FindingKind.UNDOCUMENTED and self.basis == "documented"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    One case, asked and judged.

    `seconds` is how long the answer took; `cost` what the call costs, in the
    provider's currency, by its documented prices (0 for a refusal, None if unknown).
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


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """A provider that was asked, and where."""

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
    """What run it was. `started` is ISO 8601 in UTC."""

    version: str
    started: str
    seed: int
    targets: tuple[TargetRecord, ...]
    format: str = FORMAT


class BadReport(ValueError):
    """A file that is no whole report; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """
    A run: its metadata, its outcomes, and why it stopped before its end, if it did.

    `stopped` is None, `budget`, `interrupt`, or `errors` when the target answered
    with nothing else any more.
    """

    metadata: RunMetadata
    outcomes: tuple[Outcome, ...]
    stopped: str | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding a cause: the first that showed it, in the order of the plan."""
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
        return tuple(each for each in self.findings if each.breaks)

    @property
    def claims(self) -> tuple[str, ...]:
        """The ids of what the documents claim, provider by provider."""
        return tuple(
            each.id for target in self.metadata.targets for each in target.claims
        )

    @property
    def conforms(self) -> bool:
        return not self.broken

    def for_provider(self, provider: str) -> "Report":
        """The part of the report that is about one provider."""
        return Report(
            self.metadata,
            tuple(each for each in self.outcomes if each.provider == provider),
            self.stopped,
        )

    def occurrences(self) -> Counter[str]:
        """How many cases showed each finding, by fingerprint."""
        return Counter(
            finding.fingerprint
            for outcome in self.outcomes
            for finding in outcome.findings
        )

    def cost(self) -> float | None:
        """What the calls cost that have a documented price; None when none has."""
        known = [each.cost for each in self.outcomes if each.cost is not None]
        return round(sum(known), 6) if known else None

    @property
    def is_cost_complete(self) -> bool:
        """Whether every call has a documented price; else the cost is a floor."""
        return all(each.cost is not None for each in self.outcomes)

    @classmethod
    def read(cls, path: str | Path) -> "Report":
        """
        The report in a file.

        Raises `BadReport` when it cannot be read, was cut short, or is none of ours.
        """
        try:
            with Path(path).open(encoding="utf-8") as lines:
                return cls.from_lines(lines, name=str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise BadReport(f"{path} cannot be read: {error}") from None

    @classmethod
    def from_lines(cls, lines: Iterable[str], name: str = "report") -> "Report":
        """A report from its lines. Raises `BadReport`."""
        rows = [_parse_line(line, f"{name}:{at}") for at, line in enumerate(lines, 1)]
        if not rows or rows[0].get("type") != "run":
            raise BadReport(
                f"{name} is no report of ours: it does not begin with a run"
            )
        if rows[0].get("format") != FORMAT:
            found = rows[0].get("format")
            raise BadReport(f"{name} has format {found!r}; this version reads {FORMAT}")
        if rows[-1].get("type") != "footer":
            raise BadReport(
                f"{name} has no footer: it was cut short. Run again with --report"
            )
        expected = ["run", *["outcome"] * (len(rows) - 2), "footer"]
        for at, (row, type_) in enumerate(zip(rows, expected, strict=True), 1):
            _validate_row(row, type_, f"{name}:{at}")
        if rows[-1]["outcomes"] != len(rows) - 2:
            raise BadReport(
                f"{name} says {rows[-1]['outcomes']} outcomes, not as it has"
            )
        return cls(
            _metadata_from(rows[0]),
            tuple(_outcome_from(row) for row in rows[1:-1]),
            rows[-1]["stopped"],
        )

    def to_lines(self) -> Iterator[str]:
        """Its lines, each ended."""
        yield _format_line("run", asdict(self.metadata))
        for outcome in self.outcomes:
            yield _format_line("outcome", asdict(outcome))
        yield _format_line(
            "footer", {"outcomes": len(self.outcomes), "stopped": self.stopped}
        )

    def write(self, path: str | Path) -> None:
        """Write the report whole, or not at all."""
        with atomic_write(path) as out:
            out.writelines(self.to_lines())


def _format_line(type_: str, row: dict[str, Any]) -> str:
    return json.dumps({"type": type_, **row}, ensure_ascii=False) + "\n"


def _parse_line(line: str, place: str) -> dict[str, Any]:
    try:
        row = strict_json(line.encode(), MAX_VALUES)
    except ValueError:
        raise BadReport(f"{place} is not JSON: it was cut short") from None
    if not isinstance(row, dict):
        raise BadReport(f"{place} is not an object")
    return row


@cache
def _line_validator(type_: str) -> Any:
    """What a line of a type may be."""
    whole = read_yaml(files("contracts.report"), "report.schema.yaml")
    return compile_validator({"$ref": f"#/$defs/{type_}", "$defs": whole["$defs"]})


def _validate_row(row: dict[str, Any], type_: str, place: str) -> None:
    if _line_validator(type_).is_valid(row):
        return
    for wrong in _line_validator(type_).iter_errors(row):
        at = "/".join(map(str, wrong.instance_path)) or type_
        raise BadReport(f"{place} is damaged: {at}: {wrong.message[:200]}")


def _without_type(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "type"}


def _metadata_from(row: dict[str, Any]) -> RunMetadata:
    fields = _without_type(row)
    fields["targets"] = tuple(
        TargetRecord(
            **{
                **target,
                "claims": tuple(ClaimRecord(**each) for each in target["claims"]),
            }
        )
        for target in fields["targets"]
    )
    return RunMetadata(**fields)


def _outcome_from(row: dict[str, Any]) -> Outcome:
    fields = _without_type(row)
    fields["claims"] = tuple(fields["claims"])
    fields["findings"] = tuple(
        Finding(
            **{
                **each,
                "kind": FindingKind(each["kind"]),
                "also_seen_by": tuple(each.get("also_seen_by", ())),
            }
        )
        for each in fields["findings"]
    )
    return Outcome(**fields)


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[str]]:
    """
    A file that takes its name only once it is whole.

    What is no file, such as a pipe or a device, is written to as it is. Raises
    `OSError` before anything else is done when it could not be written.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as out:
            yield out
        return
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yield out
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def fingerprint(*parts: str) -> str:
    """A stable name for a cause."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


@dataclass(slots=True)
class OutcomeCounts:
    """Counts of a provider's outcomes, for summaries."""

    asked: int = 0
    kept: int = 0
    broken: int = 0
    differing: int = 0
    origins: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, report: Report) -> "OutcomeCounts":
        tally = cls()
        for outcome in report.outcomes:
            tally.asked += 1
            tally.origins[outcome.origin] += 1
            if any(each.breaks for each in outcome.findings):
                tally.broken += 1
            elif outcome.findings:
                tally.differing += 1
            else:
                tally.kept += 1
        return tally
