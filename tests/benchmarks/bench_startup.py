"""From exec to the first answer, and what a server holds when nobody asks."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measuring import Effort, bare, mock
from peers import peers
from tables import Table, figure

ORDER = 2
MODULES = ("aiohttp.web", "specs", "mockserver.cli.main", "mockserver.server.process")


def measure(effort: Effort) -> Iterator[Table]:
    yield _starts(effort)
    yield _imports(effort)


def _starts(effort: Effort) -> Table:
    table = Table(
        "From exec to the first answer",
        ("server", "ms", "of bare", "CPU ms", "MB at rest"),
        note="The first answer of any status. MB: proportional set size right then.",
    )
    with tempfile.TemporaryDirectory() as folder:
        starts = {
            "bare aiohttp": lambda: bare(Path(folder)),
            "imageparity, one provider": lambda: mock(providers=["openai"]),
            "imageparity, five providers": mock,
            **{each.name: each.start for each in peers()},
        }
        found: dict[str, list[tuple[float, ...]]] = {name: [] for name in starts}
        for turn in range(effort.rounds + 3):
            for name, start in starts.items():
                with start() as server:
                    spent = server.took, server.cpu(), server.memory()
                if turn:
                    found[name].append(spent)
    middle = {
        name: [statistics.median(each) for each in zip(*spent, strict=True)]
        for name, spent in found.items()
    }
    for name, (took, cpu, memory) in middle.items():
        ratio = f"{took / middle['bare aiohttp'][0]:.2f}"
        row = (name, figure(took * 1e3), ratio, figure(cpu * 1e3), figure(memory))
        table.rows.append(row)
    return table


def _imports(effort: Effort) -> Table:
    table = Table(
        "Imports",
        ("module", "ms"),
        note="What importing it takes in a new interpreter, which itself is taken off.",
    )
    programs = {"": "pass", **{each: f"import {each}" for each in MODULES}}
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(effort.rounds + 3):
        for name, program in programs.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            found[name].append(time.perf_counter() - begun)
    nothing = statistics.median(found.pop(""))
    for name, spent in found.items():
        taken = (statistics.median(spent) - nothing) * 1e3
        table.rows.append((f"`{name}`", figure(max(0.0, taken))))
    return table
