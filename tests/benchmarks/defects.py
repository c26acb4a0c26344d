"""
Planted defects, found and missed: our harness beside stock schemathesis.

    python tests/benchmarks/defects.py [--every N] [--stock N] [--seconds S] [--kept F]

runs every N-th faulty server of each set (default: all) and the correct server, and N
faulty servers of each set (default 4) with `schemathesis run`, S seconds each at most.
Results of faulty servers are kept in the file F, a line each; one that is there is not
asked again, so that an interrupted measurement goes on. Writes DEFECTS.md beside this
file. A defect counts as found by stock when its set of
failures is another than on the right server.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
TESTS = HERE.parent
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import yaml  # noqa: E402
from faulty_servers import catalogue  # noqa: E402
from faulty_servers.test_independent import OPEN  # noqa: E402
from support.campaigns import run_against  # noqa: E402

import specs  # noqa: E402
from contracts.execution.campaign import CouldNotRun  # noqa: E402
from contracts.execution.sending.client import Sender  # noqa: E402

COLUMNS = (
    "servers",
    "asked by",
    "planted",
    "found",
    "kind and claim right",
    "false on the right one",
    "cases to first sight, median",
    "failed checks, median and most",
    "findings, median and most",
    "right one among the first two",
    "requests, whole run",
    "seconds, whole run",
)
HEAD = """\
# Planted defects

## Gateways with one fault, as public bug reports describe them

Whole runs with generated cases, 29 Nov 2026; before: the version of 21 Nov 2026.
Warnings are not counted. "-" is no finding.

| fault | findings before | findings | rank of the right one | exit status |
|---|--:|--:|--:|--:|
| `response_format` is required | 119 | 3 | 1 | 1 |
| an edit with a mask fails with 500 | 60 | 1 | 1 | 1 |
| forms are forwarded as text | 121 | 1 | 1 | 1 |
| stream events without `event:` | - | 1 | 1 | 1 |
| errors of the upstream become 502 | 469 | 2 | 1 | 1 |
| errors become 200 with a page | 476 | 3 | 1 | 1 |
| links to an address that nobody reaches | passed | not tested | - | 0 |
| no edits | 207 | 1 | 1 | 1 |
| a certificate that is not trusted | 50 false | - | - | 2 |
| a rate limit (429, Retry-After) | 12 to 22 false | - | - | 0 |
| a wrong base path | 339 | - | - | 2 |
| idle connections are closed | 42 to 101 false | - | - | 0 |

## Servers with a planted defect

"""
INDEPENDENT = TESTS / "faulty_servers" / "independent"
Serving = Callable[[], AbstractContextManager[str]]


@dataclass(frozen=True)
class Defect:
    """A server with one fault, and what tells the right finding from others."""

    name: str
    operation: str
    serving: Serving
    is_found_by: Callable[[Any], bool]


@dataclass(frozen=True)
class Cast:
    """
    Servers of one provider: the right one and the defective ones.

    `document` is the id of the provider, with the day as of which they were written.
    """

    title: str
    document: str
    right: Serving
    defects: tuple[Defect, ...]


@contextmanager
def process(server: str, defect: str = "") -> Iterator[str]:
    words = [sys.executable, str(INDEPENDENT / f"{server}_server.py"), "--port", "0"]
    words += ["--defect", defect] if defect else []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child.stdout.readline().split()[-1]
        finally:
            child.terminate()


def casts() -> Iterator[Cast]:
    for provider in catalogue.SERVERS:
        faulty = [
            each
            for each in catalogue.FAULTY_SERVERS
            if each.provider == provider and each.kind
        ]
        yield Cast(
            f"tests/faulty_servers, {provider}",
            catalogue.DOCUMENTS.get(provider, provider),
            lambda provider=provider: catalogue.correct_server(provider),
            tuple(
                Defect(each.name, each.operation, each.serving, each.is_cause_of)
                for each in faulty
            ),
        )
    expected = yaml.safe_load((INDEPENDENT / "expected.yaml").read_text())
    for provider, defects in expected.items():
        yield Cast(
            f"tests/faulty_servers/independent, {provider}",
            provider,
            lambda provider=provider: process(provider),
            tuple(
                Defect(
                    name,
                    each["operation"],
                    lambda provider=provider, name=name: process(provider, name),
                    lambda finding, each=each: (
                        finding.kind == each["kind"]
                        and finding.claim.startswith(f"{each['operation']}/")
                        and finding.check not in {"error-status", "member"}
                    ),
                )
                for name, each in defects.items()
                if (provider, name) not in OPEN
            ),
        )


class Counting:
    """A client that counts the requests of the harness, repeated ones included."""

    def __init__(self) -> None:
        self.requests = 0
        right = Sender.send

        async def send(sender: Sender, *given: Any, **options: Any) -> Any:
            self.requests += 1
            return await right(sender, *given, **options)

        Sender.send = send  # type: ignore[method-assign]

    def since(self) -> int:
        count, self.requests = self.requests, 0
        return count


@dataclass(frozen=True)
class Result:
    """
    The report of a whole run on one defect, warnings left out.

    `checks` is the number of distinct failed checks, `findings` that of causes, `rank`
    the place of the right one among them, `sight` the number of cases until its first
    failed check; None if it is not reported. `is_stopped`: no valid request was
    accepted, so that the run ended with exit status 2 and the reason.
    """

    name: str
    is_found: bool
    checks: int
    findings: int
    rank: int | None
    sight: int | None
    is_stopped: bool = False


def result(cast: Cast, defect: Defect) -> Result:
    with defect.serving() as url:
        only = (f"{defect.operation}/",)
        try:
            report = run_against(cast.document, url, fuzz=False, only=only)
        except CouldNotRun:
            return Result(defect.name, True, 0, 0, None, None, is_stopped=True)
    ranks = (
        rank for rank, each in enumerate(report.findings, 1) if defect.is_found_by(each)
    )
    sights = (
        number
        for number, outcome in enumerate(report.outcomes, 1)
        if any(map(defect.is_found_by, outcome.findings))
    )
    return Result(
        defect.name,
        bool(report.broken),
        sum(each.breaks for each in report.failed_checks),
        len(report.broken),
        next(ranks, None),
        next(sights, None),
    )


class Kept:
    """Results of faulty servers in a file of JSON lines, by title and name."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path and path.exists() else []
        self._results = {
            (title, each["name"]): Result(**each)
            for title, each in map(json.loads, lines)
        }

    def result(self, cast: Cast, defect: Defect) -> Result:
        """The result of a faulty server, which is asked unless the file has it."""
        key = cast.title, defect.name
        if key not in self._results:
            self._results[key] = result(cast, defect)
            if self._path:
                with self._path.open("a") as file:
                    file.write(
                        json.dumps([cast.title, asdict(self._results[key])]) + "\n"
                    )
        return self._results[key]


def ours(each: Cast, every: int, count: Counting, kept: Kept) -> dict[str, Any]:
    count.since()
    began = time.perf_counter()
    with each.right() as url:
        report = run_against(each.document, url, fuzz=False)
    whole, whole_seconds = count.since(), time.perf_counter() - began
    results = [kept.result(each, defect) for defect in each.defects[::every]]
    return {
        "planted": len(results),
        "found": sum(each.is_found for each in results),
        "told": sum(each.rank is not None for each in results),
        "false": len(report.broken),
        "whole": whole,
        "whole_seconds": whole_seconds,
        "results": results,
        "missed": [
            each.name for each in results if each.rank is None and not each.is_stopped
        ],
    }


def failures(name: str, url: str, seconds: int) -> tuple[set[tuple[str, str]], int]:
    """The failures that stock schemathesis reports for a server, and its requests."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder, "openapi.json")
        document.write_text(json.dumps(specs.load(name).in_force))
        events = Path(folder, "events.ndjson")
        words = ["schemathesis", "run", document, "--url", url, "--seed", "1"]
        words += ["--header", "Authorization: Bearer a-secret-key"]
        words += ["--max-examples", "100", "--report", "ndjson"]
        words += ["--report-ndjson-path", events, "--continue-on-failure"]
        words[0] = str(Path(sys.executable).with_name("schemathesis"))
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                list(map(str, words)),
                cwd=folder,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        found: set[tuple[str, str]] = set()
        asked = 0
        lines = events.read_text().splitlines() if events.exists() else []
        for line in lines:
            with contextlib.suppress(ValueError):  # the last may be cut short
                asked += _collect(json.loads(line), found)
    return found, asked


def _collect(event: dict[str, Any], found: set[tuple[str, str]]) -> int:
    """Enter the failures of an event; the number of its requests."""
    body = event.get("ScenarioFinished")
    if body is None:
        return 0
    recorder = body["recorder"]
    for checks in recorder.get("checks", {}).values():
        for check in checks:
            if check.get("status") == "failure":
                failure = check.get("failure_info", {}).get("failure", {})
                title = failure.get("title") or failure.get("type", "")
                found.add((recorder["label"], f"{check['name']} {title}"))
    return len(recorder.get("interactions", {}))


def stock(each: Cast, many: int, seconds: int) -> dict[str, Any]:
    step = max(1, len(each.defects) // many)
    chosen = each.defects[step // 2 :: step][:many]
    with each.right() as url:
        began = time.perf_counter()
        usual, asked = failures(each.document, url, seconds)
        spent = time.perf_counter() - began
    found = 0
    for defect in chosen:
        with defect.serving() as url:
            found += failures(each.document, url, seconds)[0] != usual
    return {
        "planted": len(chosen),
        "found": found,
        "false": len(usual),
        "whole": asked,
        "whole_seconds": spent,
    }


def table(rows: list[tuple[Cast, dict[str, Any], dict[str, Any] | None]]) -> str:
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each, us, them in rows:
        results = us["results"]
        top = sum(one.rank is not None and one.rank <= 2 for one in results)
        lines.append(
            f"| {each.title} | imageparity | {us['planted']} | {us['found']} "
            f"| {us['told']} | {us['false']} "
            f"| {median(one.sight for one in results if one.sight):.0f} "
            f"| {median_and_most(one.checks for one in results)} "
            f"| {median_and_most(one.findings for one in results)} | {top} "
            f"| {us['whole']} | {us['whole_seconds']:.0f} |"
        )
        if them is not None:
            lines.append(
                f"| | schemathesis | {them['planted']} | {them['found']} | - "
                f"| {them['false']} | - | - | - | - | {them['whole']} "
                f"| {them['whole_seconds']:.0f} |"
            )
    return "\n".join(lines)


def median_and_most(numbers: Iterable[int]) -> str:
    known = list(numbers)
    return f"{median(known):.0f}, {max(known)}"


def details(rows: list[tuple[Cast, dict[str, Any], Any]]) -> str:
    """One line per defect: failed checks, causes, and the rank of the right one."""
    lines = [
        "| servers | defect | failed checks | findings | rank of the right one |",
        "|---|---|--:|--:|--:|",
    ]
    for cast, us, _ in rows:
        for one in us["results"]:
            name = cast.title.rpartition(", ")[2]
            rank = one.rank or "-"
            findings = "exit status 2" if one.is_stopped else one.findings
            lines.append(
                f"| {name} | {one.name} | {one.checks} | {findings} | {rank} |"
            )
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--every", type=int, default=1)
    options.add_argument("--stock", type=int, default=4)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--kept", type=Path)
    given = options.parse_args()
    count, kept, rows = Counting(), Kept(given.kept), []
    for cast in casts():
        us = ours(cast, given.every, count, kept)
        sys.stderr.write(f"{cast.title} {us}\n")
        them = stock(cast, given.stock, given.seconds) if given.stock else None
        sys.stderr.write(f"{cast.title} {them}\n")
        rows.append((cast, us, them))
    missed = "\n".join(
        f"* {each.title}: {', '.join(us['missed'])}"
        for each, us, _ in rows
        if us["missed"]
    )
    known = ", ".join(
        f"{each.id} ({each.missed})" for each in catalogue.FAULTY_SERVERS if each.missed
    )
    path = HERE / "DEFECTS.md"
    path.write_text(
        f"{HEAD}"
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"schemathesis {version('schemathesis')}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.0f}; every {given.every}. defect of each set asked by "
        f"imageparity (planned cases only), {given.stock} of each by "
        f"schemathesis with its default phases, --max-examples 100, "
        f"{given.seconds} s at most.\n\n"
        "*Found*: something is reported that the correct server does not show. "
        "*False*: failures (schemathesis: distinct ones) reported of the correct "
        "server. *Failed checks* are the distinct findings before they were grouped "
        "by cause, *findings* those after. Warnings are not counted. A run of "
        "schemathesis that the limit cuts short is judged by what it reported until "
        "then, so that a difference may be the clock's.\n\n"
        "A run that ends with exit status 2, since no valid request is accepted, is "
        "found and has no findings.\n\n"
        f"{table(rows)}\n\n## Not reported as expected\n\n{missed or 'None.'}\n\n"
        f"Known to be missed, asked here or not: {known or 'none'}.\n\n"
        f"## Each defect\n\n{details(rows)}\n\n"
        "Made by `python tests/benchmarks/defects.py`; the first table is in "
        "that file.\n"
    )


if __name__ == "__main__":
    main()
