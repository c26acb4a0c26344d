"""From exec to the first answer, and what a server holds when nobody asks."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from measuring import ENVIRONMENT, ROOT, Effort, Server, bare, mock
from peers import peers
from tables import Table, figure

import specs

ORDER = 2
MODULES = ("aiohttp.web", "specs", "mockserver.cli.main", "mockserver.server.process")
PROVIDER = "openai"  # that of the first picture
FIVE = (PROVIDER, "aihubmix", "azure", "llmapi", "openrouter")
PICTURE = json.dumps({"model": "gpt-image-2", "prompt": "A pear"}).encode()

Start = Callable[[], AbstractContextManager[Server]]


def measure(effort: Effort) -> Iterator[Table]:
    yield _starts(effort)
    yield _first_pictures(effort)
    yield _imports(effort)


def _starts(effort: Effort) -> Table:
    table = Table(
        "From exec to the first answer",
        ("server", "ms", "of bare", "CPU ms", "of bare", "MB at rest"),
        note=(
            "The first answer of any status. MB: proportional set size right then. The "
            "cache of documents is warm, but where it says so."
        ),
    )
    count = len(specs.names())
    counts = {"one provider": [PROVIDER], "five providers": FIVE}
    counts[f"all {count} providers"] = []
    with tempfile.TemporaryDirectory() as folder:
        starts: dict[str, Start] = {"bare aiohttp": lambda: bare(Path(folder))}
        for label, ids in counts.items():
            starts[f"imageparity, {label}"] = _warm(ids)
        for label, ids in counts.items():
            starts[f"imageparity, {label}, empty cache"] = _cold(ids)
        starts |= {each.name: each.start for each in peers()}
        middle = _medians(effort, starts, lambda _: ())
    plain = middle["bare aiohttp"]
    for name, (took, cpu, memory) in middle.items():
        row = (name, figure(took * 1e3), f"{took / plain[0]:.2f}")
        row += (figure(cpu * 1e3), f"{cpu / plain[1]:.2f}", figure(memory))
        table.rows.append(row)
    return table


def _first_pictures(effort: Effort) -> Table:
    table = Table(
        "From exec to the first picture",
        ("server", "ms", "CPU ms"),
        note="A request for a picture, sent as soon as the server has answered at all.",
    )
    counts = {"one provider": [PROVIDER], f"all {len(specs.names())} providers": []}
    starts = {f"imageparity, {name}": _warm(ids) for name, ids in counts.items()}
    for name, spent in _medians(effort, starts, _picture).items():
        *_, asked, cpu = spent
        table.rows.append((name, figure((spent[0] + asked) * 1e3), figure(cpu * 1e3)))
    return table


def _warm(ids: Sequence[str]) -> Start:
    return lambda: mock(providers=ids)


def _cold(ids: Sequence[str]) -> Start:
    """Starts with a new folder for the cache each time."""

    @contextmanager
    def start() -> Iterator[Server]:
        with (
            tempfile.TemporaryDirectory() as folder,
            mock(providers=ids, env={"IMAGEPARITY_CACHE": folder}) as server,
        ):
            yield server

    return start


def _medians(
    effort: Effort,
    starts: Mapping[str, Start],
    more: Callable[[Server], tuple[float, ...]],
) -> dict[str, list[float]]:
    """By server: seconds to the first answer, CPU seconds, MB, and `more`."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in starts}
    for turn in range(effort.rounds + 3):
        for name, start in starts.items():
            with start() as server:
                spent = server.took, server.cpu(), server.memory(), *more(server)
            if turn:
                found[name].append(spent)
    return {
        name: [statistics.median(each) for each in zip(*spent, strict=True)]
        for name, spent in found.items()
    }


def _picture(server: Server) -> tuple[float, float]:
    """Seconds that the first picture takes, and the CPU seconds of the server then."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    path = f"/{PROVIDER}/v1/images/generations"
    connection.request("POST", path, PICTURE, headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{server.name}: {response.status} {body[:200]!r}")
    return time.perf_counter() - begun, server.cpu()


def _imports(effort: Effort) -> Table:
    table = Table(
        "Imports",
        ("what", "ms", "CPU ms"),
        note="What it takes in a new interpreter, which itself is taken off.",
    )
    commands = {"": ["-c", "pass"]}
    commands |= {f"`import {each}`": ["-c", f"import {each}"] for each in MODULES}
    commands["`imageparity --help`"] = ["-m", "contracts", "--help"]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(effort.rounds + 3):
        for name, arguments in commands.items():
            found[name].append(_spent(arguments))
    middle = {
        name: [statistics.median(each) for each in zip(*spent, strict=True)]
        for name, spent in found.items()
    }
    nothing = middle.pop("")
    for name, spent in middle.items():
        taken = [max(0.0, a - b) * 1e3 for a, b in zip(spent, nothing, strict=True)]
        table.rows.append((name, *map(figure, taken)))
    return table


def _spent(arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds and CPU seconds that an interpreter takes with these arguments."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd=ROOT,
    )
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments} ended with status {process.returncode}")
    return took, usage.ru_utime + usage.ru_stime
