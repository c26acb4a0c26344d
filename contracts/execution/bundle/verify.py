"""Verify a bundle: nothing was changed, and its exchanges lead to its report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import specs
from contracts.errors import HarnessError
from contracts.execution.bundle.manifest import document_files, program_row
from contracts.execution.bundle.reader import Bundle
from contracts.execution.bundle.replay import judge_again
from contracts.execution.bundle.writer import DOCUMENTS
from contracts.report.file import BadReport
from contracts.report.model import Report
from mockserver.recordings.request_key import digest
from specs import SpecError
from specs.documents.reading.file_names import SOURCES
from specs.validation.strict_json import strict_json

MAX_DIFFERENCES = 20


@dataclass
class Verification:
    """
    The result of verifying a bundle.

    `problems` are reasons why it does not match, `notes` are not. `report` is the one
    in the bundle; None if it was changed. `records` are those of a case.
    """

    id: str
    manifest: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    report: Report | None = None
    is_judged: bool = False
    records: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def is_verified(self) -> bool:
        return not self.problems


def verify(path: Path, *folders: str | Path, case: str = "") -> Verification:
    """
    Verify a bundle, and get the records of a case, and of the task that it creates.

    `folders` have providers that do not ship. No `case` is an empty text.

    Raises `BadBundle` for a file that is none.
    """
    with Bundle(path) as bundle:
        result = Verification(bundle.id, bundle.manifest)
        result.problems += bundle.problems()
        if result.problems:
            result.notes.append("It was not judged again: first this has to be clear")
            return result
        try:
            report = Report.from_lines(bundle.report_lines())
        except BadReport as error:
            result.problems.append(str(error))
            return result
        result.report = report
        result.records = list(_records(bundle, case)) if case else []
        _compare_documents(result, report, folders)
        _compare_program(result)
        _judge(result, bundle, report)
        return result


def _records(bundle: Bundle, case: str) -> Iterator[Mapping[str, Any]]:
    for (_, name), places in bundle.places.items():
        if name == case or name.startswith(f"{case}/"):
            yield from map(bundle.record, places)


def _compare_documents(
    result: Verification, report: Report, folders: tuple[str | Path, ...]
) -> None:
    """Note each document that is not the one of this installation."""
    ours: dict[str, bytes] = {}
    for target in report.metadata.targets:
        name = target.provider
        try:
            ours |= document_files([specs.load(name, *folders)])
        except SpecError:
            result.notes.append(
                f"The documents of {name} are not part of this installation: compare "
                "them with --specs FOLDER"
            )
    for name, facts in result.manifest["files"].items():
        if not name.startswith(DOCUMENTS) or name not in ours:
            continue
        if digest(ours[name]) == facts["sha256"]:
            continue
        text = f"{name} is not the one of this installation (imageparity {_version()})"
        if name == f"{DOCUMENTS}/{SOURCES}":
            result.notes.append(text)
        else:
            result.problems.append(
                f"{text}: install the version of the bundle, or give its folder with "
                "--specs"
            )


def _version() -> str:
    return str(program_row()["version"])


def _compare_program(result: Verification) -> None:
    """Note in what the program that made the bundle was another one."""
    theirs, ours = result.manifest["program"], program_row()
    if theirs["version"] != ours["version"]:
        result.notes.append(
            f"The bundle was made by imageparity {theirs['version']}; this is "
            f"{ours['version']}"
        )
    elif theirs["source_sha256"] != ours["source_sha256"]:
        result.notes.append(
            f"The bundle was made by another source of imageparity {ours['version']}"
        )
    if theirs["clients_sha256"] != ours["clients_sha256"]:
        result.notes.append("The bundle was made with other profiles of clients")
    libraries = {**theirs["libraries"], **ours["libraries"]}
    for name in libraries:
        one, other = theirs["libraries"].get(name), ours["libraries"].get(name)
        if one != other:
            result.notes.append(
                f"The bundle was made with {name} {one}; here is {other}"
            )


def _judge(result: Verification, bundle: Bundle, report: Report) -> None:
    try:
        again, unused = judge_again(bundle, report)
    except (HarnessError, SpecError) as error:
        result.problems.append(f"It cannot be judged again: {error}")
        return
    result.is_judged = True
    differences = [*unused, *_differences(bundle.report_lines(), again)]
    result.problems += differences[:MAX_DIFFERENCES]
    if len(differences) > MAX_DIFFERENCES:
        result.problems.append(
            f"and {len(differences) - MAX_DIFFERENCES} more differences"
        )


def _differences(recorded: list[str], again: Report) -> Iterator[str]:
    """Yield the lines of the report that judging again does not give."""
    for one, other in zip_longest(recorded, again.to_lines()):
        if one == other:
            continue
        before = strict_json(one.encode()) if one else {}
        now = strict_json(other.encode()) if other else {}
        yield from _row_differences(before, now)


def _row_differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    row = before or now
    place = {
        "run": "the first line of the report",
        "outcome": f"the outcome of {row.get('case')} ({row.get('provider')})",
        "footer": "the footer of the report",
    }[row["type"]]
    if not before:
        yield f"{place} is not in the report; judged again, there is one"
        return
    if not now:
        yield f"{place} is in the report; judged again, there is none"
        return
    for name in {**before, **now}:
        one, other = before.get(name), now.get(name)
        if one == other:
            continue
        if name == "findings":
            yield from _finding_differences(place, one or [], other or [])
        elif name == "targets":
            yield f"{place}: the targets and claims are others when judged again"
        else:
            yield f"{place}: '{name}' is {one}; judged again, it is {other}"


def _finding_differences(
    place: str, before: list[dict[str, Any]], now: list[dict[str, Any]]
) -> Iterator[str]:
    one = {each["fingerprint"]: each for each in before}
    other = {each["fingerprint"]: each for each in now}
    for name in {**one, **other}:
        if one.get(name) == other.get(name):
            continue
        found = one.get(name) or other[name]
        text = f"{place}: the finding {name} ({found['check']}, {found['claim']})"
        if name not in other:
            yield f"{text} is in the report; judged again, it is not found"
        elif name not in one:
            yield f"{text} is not in the report; judged again, it is found"
        else:
            names = [key for key in found if one[name].get(key) != other[name].get(key)]
            yield f"{text} is another one when judged again: {', '.join(names)}"
    if list(one) != list(other) and one.keys() == other.keys():
        yield f"{place}: the findings are in another order when judged again"
