"""The harness: whole runs beside stock schemathesis, and what each step takes."""

import asyncio
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import yaml
from measuring import ENVIRONMENT, ROOT, Effort, Server, mock
from tables import Table, figure

import specs
from contracts.execution.campaign import Campaign
from contracts.execution.sending.client import Sender
from contracts.execution.sending.target import Target
from contracts.judging.examiner import Examiner
from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.generation import generate_cases
from contracts.planning.case import Case
from contracts.planning.generation.fuzz import fuzz
from contracts.planning.plan import _probes_by_body, plan
from contracts.planning.request_model import request_models

ORDER = 5
PROVIDER = "tokenhub"
KEY = "sk-test"
STOCK_SECONDS = 20


@dataclass(frozen=True)
class Run:
    """One run: how many requests, in how many seconds, and of the processor's."""

    requests: int
    seconds: float
    cpu: float


def measure(effort: Effort) -> Iterator[Table]:
    yield _runs(effort)
    yield _steps(effort)
    yield _growth(effort)


def _runs(effort: Effort) -> Table:
    table = Table(
        "Whole runs of the harness",
        ("run", "requests", "seconds", "requests/s", "of stock", "CPU s"),
        note=(
            f"Of {PROVIDER} against `mockserver serve` in a process of its own, from "
            "exec to the last line, planning and start included. *Stock* is "
            "`schemathesis run` on the same document, cut off after "
            f"{STOCK_SECONDS} s. *All providers* is what `make run` does, its mocks' "
            "processor time included."
        ),
    )
    with ExitStack() as stack:
        server = stack.enter_context(mock(providers=[PROVIDER]))
        url = _base_url(server)
        work: dict[str, Callable[[], Run]] = {
            "stock schemathesis": lambda: _stock(url),
            "ours, plan alone": lambda: _ours(PROVIDER, "--against", url, "--no-fuzz"),
            "ours": lambda: _ours(PROVIDER, "--against", url),
        }
        found: dict[str, list[Run]] = {name: [] for name in work}
        for _ in range(effort.rounds):
            for name, each in work.items():
                found[name].append(each())
    found["ours, all providers"] = [_ours() for _ in range(max(1, effort.rounds // 2))]
    medians = {name: _median(runs) for name, runs in found.items()}
    stock = medians["stock schemathesis"]
    for name, run in medians.items():
        rate = run.requests / run.seconds
        ratio = rate / (stock.requests / stock.seconds)
        figures = (f"{run.requests:,}", figure(run.seconds), figure(rate))
        table.rows.append((name, *figures, figure(ratio), figure(run.cpu)))
    return table


def _median(runs: list[Run]) -> Run:
    """The round with the median rate."""
    return sorted(runs, key=lambda run: run.requests / run.seconds)[len(runs) // 2]


def _base_url(server: Server) -> str:
    provider = specs.load(PROVIDER)
    return f"{server.url}/{PROVIDER}{provider.base_path}"


def _timed(work: Callable[[], int]) -> Run:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    requests = work()
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Run(requests, seconds, cpu)


def _ours(*words: str) -> Run:
    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", "contracts", "run", *words],
                cwd=folder,
                env={**ENVIRONMENT, "TOKENHUB_API_KEY": KEY},
                capture_output=True,
                text=True,
                check=True,
            )
        return int(re.findall(r"(\d+) cases in", done.stdout)[-1])

    return _timed(work)


def _stock(url: str) -> Run:
    from defects import failures

    return _timed(lambda: failures(PROVIDER, url, STOCK_SECONDS)[1])


def _steps(effort: Effort) -> Table:
    table = Table(
        "What the harness's steps take",
        ("step", "cases", "ms each"),
        note=f"Of {PROVIDER}, in one process, its mock in another; a core at most.",
    )
    provider = specs.load(PROVIDER)

    def planned() -> list[Case]:
        _forget()
        return plan(provider, is_mock=True)

    with mock(providers=[PROVIDER]) as server:
        target = Target(_base_url(server), KEY, is_mock=True)
        campaign = Campaign(provider, target, fuzz=False, selected_cases=plan(provider))
        answers = asyncio.run(_sent(campaign))
        steps: dict[str, Callable[[], int]] = {
            "planned": lambda: len(planned()),
            "drawn by Hypothesis": lambda: len(fuzz(provider)),
            "drawn by schemathesis": lambda: len(generate_cases(provider)),
            "sent, and answered": lambda: len(asyncio.run(_sent(campaign))),
            "judged": lambda: _judged(campaign, answers),
        }
        times: dict[str, list[float]] = {name: [] for name in steps}
        counts = {}
        for _ in range(effort.rounds):
            for name, step in steps.items():
                began = time.perf_counter()
                counts[name] = step()
                times[name].append(time.perf_counter() - began)
    for name, each in times.items():
        milliseconds = statistics.median(each) / counts[name] * 1e3
        table.rows.append((name, f"{counts[name]:,}", figure(milliseconds)))
    return table


async def _sent(campaign: Campaign) -> list[Interaction]:
    operations = campaign.provider.operations
    async with Sender(campaign.target) as sender:
        return await asyncio.gather(
            *(sender.send(each, operations[each.operation]) for each in campaign.cases)
        )


def _forget() -> None:
    """Clear the caches of planning, so that it takes as long as the first time."""
    request_models.cache_clear()
    _probes_by_body.cache_clear()


def _judged(campaign: Campaign, answers: list[Interaction]) -> int:
    examiner = Examiner(campaign.provider, campaign.target.key)
    for answer in answers:
        list(examiner.observations(examiner.context(answer)))
    return len(answers)


def _growth(effort: Effort) -> Table:
    table = Table(
        "Planning as rules grow",
        ("rules", "cases", "seconds", "of the first", "ms a case"),
        note=(
            f"The document of {PROVIDER} with so many more rules, each about two "
            "members: when one has this value, the other may not have that."
        ),
    )
    first = 0.0
    for count in (10, 50, 200):
        with tempfile.TemporaryDirectory() as folder:
            provider = _with_rules(count, Path(folder))
            times = []
            for _ in range(max(1, effort.rounds // 2)):
                _forget()
                began = time.perf_counter()
                cases = len(plan(provider))
                times.append(time.perf_counter() - began)
        seconds = statistics.median(times)
        first = first or seconds
        figures = (f"{cases:,}", figure(seconds), figure(seconds / first))
        table.rows.append((str(count), *figures, figure(seconds / cases * 1e3)))
    return table


def _with_rules(count: int, folder: Path) -> specs.Provider:
    """A copy of the provider whose first request has so many rules more."""
    there = folder / "grown"
    shutil.copytree(ROOT / "specs" / PROVIDER, there)
    file = there / "openapi.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    schema = schemas["Generation"]
    members: dict[str, list[Any]] = {
        name: schemas[name.title()]["enum"] for name in ("size", "quality", "format")
    }
    members["n"] = list(range(1, 11))
    pairs = [
        (one, left, two, right)
        for one, two in permutations(members, 2)
        for left in members[one]
        for right in members[two]
    ]
    rules = [
        {
            "x-rule": f"grown-{number}",
            "x-source": "S4#size",
            "if": {"properties": {one: {"const": left}}, "required": [one]},
            "then": {"properties": {two: {"not": {"const": right}}}},
        }
        for number, (one, left, two, right) in enumerate(pairs[::2][:count])
    ]
    schema.setdefault("allOf", []).extend(rules)
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return specs.load("grown", folder)
