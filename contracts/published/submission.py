"""Read a submission: a bundle with a file that says who made it."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.errors import HarnessError
from contracts.execution.bundle.reader import Bundle
from contracts.execution.bundle.writer import EXCHANGES, REPORT
from contracts.report.hosts import is_loopback_url
from contracts.report.model import Report
from contracts.report.summary import ProviderSummary, provider_summaries
from mockserver.recordings.request_key import digest
from specs.documents.reading.schema_errors import first_violation
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator
from specs.validation.strict_json import strict_json

RESULT, BUNDLE, SCHEMA = "result.yaml", "bundle.zip", "result.schema.yaml"
MAX_BUNDLE_BYTES = 1_000_000  # in the repository, which keeps every file forever
MOCK = "mock"
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}-[a-z0-9][a-z0-9-]{0,39}")


class BadSubmission(HarnessError, ValueError):
    """A submission that cannot be published; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Level:
    """
    The level that a server reached by a set of requirements.

    `reached` is `none` without a level. `applying` is the number of the musts that
    apply, `passed` of those that passed.
    """

    name: str
    version: int
    sha256: str
    reached: str
    passed: int
    applying: int

    @property
    def words(self) -> str:
        return "no level" if self.reached == "none" else self.reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """
    A result with the person or organisation that measured it.

    `path` is its folder below `results`. `endpoint` is `provider`, `gateway` or `mock`.
    `bundle_url` and `bundle_sha256` are those of the whole bundle; empty if it is in
    the folder. `exchanges_sha256` is the hash of its exchanges. `started` is the time
    of the run in ISO 8601. `stopped` is why it stopped early; None if it did not.
    """

    path: str
    measured_by: str
    contact: str
    endpoint: str
    operates_server: bool
    note: str
    bundle_url: str
    bundle_sha256: str
    bundle_id: str
    exchanges_sha256: str
    version: str
    started: str
    stopped: str | None
    summary: ProviderSummary
    level: Level | None

    @property
    def is_mock(self) -> bool:
        return self.endpoint == MOCK

    @property
    def title(self) -> str:
        """The title of the provider whose documents were tested."""
        return self.summary.target.title

    @property
    def base_url(self) -> str:
        """The URL of the server; empty for a mock, whose port is a random one."""
        return "" if self.is_mock else self.summary.target.base_url.rstrip("/")

    @property
    def bundle(self) -> str:
        """The URL of the whole bundle, as seen from the page."""
        return self.bundle_url or f"results/{self.path}/{BUNDLE}"

    @property
    def findings(self) -> frozenset[str]:
        """The fingerprints of the findings that were seen each time."""
        found = (each.finding for each in self.summary.sightings)
        return frozenset(each.fingerprint for each in found if not each.flaky)


def submission_folders(results: Path) -> list[Path]:
    """
    The folders of all submissions, by provider and date.

    Raises `BadSubmission` for a file that belongs to none.
    """
    if not results.exists():
        return []
    found = [each for provider in sorted(results.iterdir()) for each in _in(provider)]
    for path in found:
        if not path.is_dir():
            raise BadSubmission(
                f"{path} belongs to no submission: these are folders "
                f"{results}/PROVIDER/DATE-NAME"
            )
    return found


def _in(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def read_submission(folder: Path) -> Submission:
    """
    The submission in a folder, without the exchanges of its bundle.

    The hash of the report is compared, nothing is judged again. Raises `BadSubmission`,
    `BadBundle`, `BadReport` or `SpecError`.
    """
    if not _NAME.fullmatch(folder.name):
        raise BadSubmission(
            f"{folder}: name the folder DATE-NAME, such as 2026-12-01-example, with "
            "small letters, digits and hyphens"
        )
    present = sorted(each.name for each in _in(folder))
    if present != [BUNDLE, RESULT]:
        raise BadSubmission(
            f"{folder} has {', '.join(present) or 'no files'}: it needs {BUNDLE} and "
            f"{RESULT}, and nothing else"
        )
    facts = _read_facts(folder)
    with Bundle(folder / BUNDLE) as bundle:
        submission = _submission(folder, facts, bundle)
        _check_size(folder, facts, bundle)
    _check_server(folder, submission)
    return submission


def _read_facts(folder: Path) -> Mapping[str, Any]:
    found = read_yaml(folder, RESULT)
    if isinstance(found, dict) and "grade" in found:
        raise BadSubmission(
            f"{folder / RESULT}: remove 'grade': it follows from the results of others"
        )
    rules = read_yaml(files("contracts.published"), SCHEMA)
    remedy = f"See contracts/published/{SCHEMA}"
    error = first_violation(compile_validator(rules), rules, found, remedy)
    if error:
        raise error.in_file(str(folder / RESULT))
    return dict(found)


def _submission(folder: Path, facts: Mapping[str, Any], bundle: Bundle) -> Submission:
    lines, known = bundle.report_lines(), bundle.manifest["files"]
    if digest("".join(lines).encode()) != known[REPORT]["sha256"]:
        raise BadSubmission(
            f"{bundle.path}: {REPORT} was changed: its hash is not the one in the "
            "manifest. Submit the bundle as `run` wrote it"
        )
    report = Report.from_lines(lines, f"{bundle.path}: {REPORT}")
    summaries = provider_summaries(report)
    providers = [each.target.provider for each in summaries]
    if providers != [folder.parent.name]:
        raise BadSubmission(
            f"{folder}: the bundle tests {', '.join(providers)}: submit a bundle of "
            f"one provider below {folder.parent.parent}/PROVIDER"
        )
    _check_date(folder, report.metadata.started)
    whole = facts.get("bundle", {})
    return Submission(
        path=f"{folder.parent.name}/{folder.name}",
        **{name: facts[name] for name in ("measured_by", "contact", "endpoint")},
        operates_server=facts["operates_server"],
        note=facts.get("note", ""),
        bundle_url=whole.get("url", ""),
        bundle_sha256=whole.get("sha256", ""),
        bundle_id=bundle.id,
        exchanges_sha256=known[EXCHANGES]["sha256"],
        version=report.metadata.version,
        started=report.metadata.started,
        stopped=report.stopped,
        summary=summaries[0],
        level=level_from(strict_json(lines[-1].encode()), providers[0]),
    )


def level_from(footer: Mapping[str, Any], provider: str) -> Level | None:
    """The level of a provider by the footer of a report; None without a set."""
    found = footer.get("requirements")
    if found is None:
        return None
    verdict = next(e for e in found["verdicts"] if e["provider"] == provider)
    musts = Counter(e["status"] for e in verdict["results"] if e["level"] == "must")
    return Level(
        **{name: found[name] for name in ("name", "version", "sha256")},
        reached=verdict["reached"],
        passed=musts["passed"],
        applying=musts.total() - musts["does not apply"],
    )


def _check_date(folder: Path, started: str) -> None:
    try:
        has_zone = datetime.fromisoformat(started).tzinfo is not None
    except ValueError:
        has_zone = False
    if not has_zone or not folder.name.startswith(f"{started[:10]}-"):
        raise BadSubmission(
            f"{folder}: the run started {started}: begin the name of the folder with "
            "that day"
        )


def _check_size(folder: Path, facts: Mapping[str, Any], bundle: Bundle) -> None:
    """Compare whether the exchanges are in the repository with what the file says."""
    size = (folder / BUNDLE).stat().st_size
    command = f"zip -d {BUNDLE} {EXCHANGES} 'files/*'"
    if "bundle" in facts and bundle.has_exchanges:
        raise BadSubmission(
            f"{folder / BUNDLE} has the exchanges, and {RESULT} says that they are at "
            f"{facts['bundle']['url']}: remove 'bundle', or run `{command}`"
        )
    if "bundle" not in facts and not bundle.has_exchanges:
        raise BadSubmission(
            f"{folder / BUNDLE} has no {EXCHANGES}: say with 'bundle' in {RESULT} "
            "where the whole bundle is"
        )
    if size > MAX_BUNDLE_BYTES:
        raise BadSubmission(
            f"{folder / BUNDLE} has {size:,} bytes, and at most {MAX_BUNDLE_BYTES:,} "
            f"are kept here: upload the bundle, say where with 'bundle' in {RESULT}, "
            f"and run `{command}`"
        )


def _check_server(folder: Path, submission: Submission) -> None:
    target = submission.summary.target
    if target.is_mock != submission.is_mock:
        kind = "a mock of this project" if target.is_mock else "no mock"
        raise BadSubmission(
            f"{folder / RESULT}: 'endpoint' is {submission.endpoint}; the report says "
            f"that the server was {kind}"
        )
    if not submission.is_mock and is_loopback_url(target.base_url):
        raise BadSubmission(
            f"{folder}: the server was {target.base_url}, which no reader can reach: "
            "test it under its public URL"
        )
