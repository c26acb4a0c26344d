"""
Planted defects, found and missed: our harness beside stock schemathesis.

    python tests/benchmarks/defects.py [--every N] [--stock N] [--seconds S]

runs every N-th faulty server of each set (default: all) until its fault is found, the
correct server wholly, and N faulty servers of each set (default 4) with `schemathesis
run`, S seconds each at most.
Writes DEFECTS.md beside this file. A defect counts as found by stock when its set of
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
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TESTS = HERE.parent
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import yaml  # noqa: E402
from faulty_servers import catalogue  # noqa: E402
from support.campaigns import run_against  # noqa: E402

from contracts.execution.client import Sender  # noqa: E402

COLUMNS = (
    "servers",
    "asked by",
    "planted",
    "found",
    "kind and claim right",
    "false on the right one",
    "requests to first sight",
    "requests, whole run",
    "seconds, whole run",
)
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
    """Servers of one provider: the right one and the defective ones."""

    title: str
    provider: str
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
            provider,
            lambda provider=provider: catalogue.correct_server(provider),
            tuple(
                Defect(each.name, each.operation, each.serving, each.is_found_by)
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


def ours(each: Cast, every: int, count: Counting) -> dict[str, Any]:
    began = time.perf_counter()
    with each.right() as url:
        report = run_against(each.provider, url, fuzz=False)
    whole, whole_seconds = count.since(), time.perf_counter() - began
    defects = each.defects[::every]
    found, told, requests, began = 0, 0, 0, time.perf_counter()
    missed = []
    for defect in defects:
        with defect.serving() as url:
            seen = run_against(
                each.provider,
                url,
                until=defect.is_found_by,
                fuzz=False,
                only=(f"{defect.operation}/",),
            )
        requests += count.since()
        is_told = any(map(defect.is_found_by, seen.findings))
        told += is_told
        found += is_told or bool(seen.broken)
        if not is_told:
            missed.append(defect.name)
    return {
        "planted": len(defects),
        "found": found,
        "told": told,
        "false": len(report.broken),
        "whole": whole,
        "whole_seconds": whole_seconds,
        "requests": requests / len(defects),
        "seconds": (time.perf_counter() - began) / len(defects),
        "missed": missed,
    }


def failures(provider: str, url: str, seconds: int) -> tuple[set[tuple[str, str]], int]:
    """The failures that stock schemathesis reports for a server, and its requests."""
    document = TESTS.parent / "specs" / provider / "openapi.yaml"
    with tempfile.TemporaryDirectory() as folder:
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
        usual, asked = failures(each.provider, url, seconds)
        spent = time.perf_counter() - began
    found = 0
    for defect in chosen:
        with defect.serving() as url:
            found += failures(each.provider, url, seconds)[0] != usual
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
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each, us, them in rows:
        lines.append(
            f"| {each.title} | imageparity | {us['planted']} | {us['found']} "
            f"| {us['told']} | {us['false']} | {us['requests']:.0f} | {us['whole']} "
            f"| {us['whole_seconds']:.0f} |"
        )
        if them is not None:
            lines.append(
                f"| | schemathesis | {them['planted']} | {them['found']} | - "
                f"| {them['false']} | - | {them['whole']} "
                f"| {them['whole_seconds']:.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--every", type=int, default=1)
    options.add_argument("--stock", type=int, default=4)
    options.add_argument("--seconds", type=int, default=60)
    given = options.parse_args()
    count, rows = Counting(), []
    for cast in casts():
        us = ours(cast, given.every, count)
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
    HERE.joinpath("DEFECTS.md").write_text(
        "# Planted defects\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"schemathesis {version('schemathesis')}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.0f}; every {given.every}. defect of each set asked by "
        f"imageparity (planned questions only), {given.stock} of each by "
        f"schemathesis with its default phases, --max-examples 100, "
        f"{given.seconds} s at most.\n\n"
        "*Found*: something is reported that the right server does not show. "
        "*False*: broken promises (schemathesis: distinct failures) reported of the "
        "right server. A run of schemathesis that the limit cuts short is judged by "
        "what it reported until then, so that a difference may be the clock's.\n\n"
        f"{table(rows)}\n\n## Not told rightly\n\n{missed or 'None.'}\n\n"
        f"Known to be missed, asked here or not: {known or 'none'}.\n\n"
        "Made by `python tests/benchmarks/defects.py`.\n"
    )


if __name__ == "__main__":
    main()
