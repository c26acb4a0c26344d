"""
A day's work in minutes: memory, descriptors and tasks of mocks must stay flat.

    python tests/benchmarks/soak.py [--minutes N]

Three groups of servers get requests of every kind, `RATE` a second in all: one server,
two replicas that share a Redis, and one server with two workers, of which one is killed
now and then. Their documents are changed, broken and changed back meanwhile.

Exit status 1 when a request gets no response, a wrong or an incomplete one; when stderr
has a line that is not expected; when the last quarter takes 5 % more memory in the
median than the second; or when more descriptors or tasks are left than there were. A
request that was open at a worker when it was killed may fail. Before it starts, caches
fill for five minutes. Below `ENOUGH` minutes memory says nothing.
"""

import argparse
import asyncio
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import aiohttp
from measuring import ROOT, Server, children, free_port, mock, say
from soak_clients import EXPIRING, LIFETIME, RATE, Client, Failure, Group, Receiver

MINUTES = 30.0
ENOUGH = 14.0  # minutes
CLIENTS = {"single": 14, "replicas": 10, "workers": 10}
QUARTERS = 4
MORE_MEMORY = 1.05
SAMPLES = 600
KILL_SECONDS, RELOAD_SECONDS = 40.0, 5.0
PATIENCE = 300.0  # seconds for a reload and for a new worker, on a busy machine
WARM_UP_SECONDS = 300.0  # at the most, and not longer than the soak: caches fill
CALM_SECONDS, CALM_ROUNDS = 3.0, 20
# A pool of connections to Redis keeps as many as were used at once.
MORE_DESCRIPTORS = {"single": 1, "replicas": 16, "workers": 16}
EXPECTED = re.compile(
    r"Worker \d+ ended \(-9\); it is replaced\.|Reloaded documents: |"
    r"Reload failed, keeping the last documents: "
)
GONE = (FileNotFoundError, ProcessLookupError, ValueError)  # a process that has ended


@dataclass(frozen=True)
class Sample:
    """A measurement of a group: megabytes, open descriptors, tasks of one loop."""

    at: float
    memory: float
    descriptors: int
    tasks: int


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The URL of a Redis server without its database."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def copied_documents(folder: Path) -> Path:
    """A folder of all documents, and of one whose URLs expire soon."""
    source = ROOT / "specs"
    for document in source.glob("*/openapi.yaml"):
        shutil.copytree(document.parent, folder / document.parent.name)
    shutil.copy(source / "sources.yaml", folder)
    shutil.copytree(source / "siliconflow", folder / EXPIRING)
    dialect = folder / EXPIRING / "dialect.yaml"
    text = dialect.read_text().replace("seconds: 3600", f"seconds: {LIFETIME}")
    dialect.write_text(text)
    return folder


@contextmanager
def served(folder: Path) -> Iterator[list[Group]]:
    """The three groups, until the block ends."""
    with ExitStack() as stack:
        state = stack.enter_context(redis(folder))

        def start(name: str, group: str, *options: str) -> Server:
            stderr = stack.enter_context((folder / f"{name}.stderr").open("wb"))
            documents = str(folder / group)
            common = ("--specs", documents, "--tasks", "seconds=1.5")
            return stack.enter_context(mock(*common, *options, stderr=stderr))

        for name in CLIENTS:
            copied_documents(folder / name)
        shared = ("--state", f"{state}/0")
        workers = ("--workers", "2", "--state", f"{state}/1")
        yield [
            Group("single", [start("single", "single")]),
            Group(
                "replicas",
                [start(f"replica-{at}", "replicas", *shared) for at in (1, 2)],
            ),
            Group("workers", [start("workers", "workers", *workers)]),
        ]


async def control(url: str, path: str) -> bytes:
    """A response of the control API on a connection of its own."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{url}/__mock__/{path}") as it,
    ):
        return await it.read()


async def sample(group: Group) -> Sample:
    texts = [await control(each.url, "metrics") for each in group.servers * 2]
    tasks = [
        float(line.split()[1])
        for text in texts
        for line in text.decode().splitlines()
        if line.startswith("imageparity_tasks ")
    ]
    return Sample(
        time.monotonic(),
        sum(each.memory() for each in group.servers),
        sum(each.descriptors() for each in group.servers),
        int(max(tasks)),
    )


async def sampled(
    groups: list[Group], samples: dict[str, list[Sample]], pause: float
) -> None:
    """Take samples of all groups, without an end."""
    while True:
        for group in groups:
            try:
                samples[group.name].append(await sample(group))
            except (*GONE, aiohttp.ClientError):
                continue  # a worker has just been killed
        await asyncio.sleep(pause)


async def kill_worker(group: Group, turn: int) -> None:
    """Kill one of the workers, and wait for the one that replaces it."""
    (server,) = group.servers
    workers = children(server.pid)
    victim = workers[turn % len(workers)]
    os.kill(victim, signal.SIGSTOP)  # it accepts nothing more
    ports = peers(victim)
    for client in group.clients:
        if client.socket is not None and local_port(client.socket) in ports:
            client.killed = client.socket
    group.kills += 1
    os.kill(victim, signal.SIGKILL)

    async def is_replaced() -> bool:
        now = children(server.pid)
        return victim not in now and len(now) == len(workers)

    await until(is_replaced, f"worker {victim} has not been replaced")


def peers(pid: int) -> set[int]:
    """The ports of the clients that are connected to a process."""
    links = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {each[8:-1] for each in links if each.startswith("socket:")}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return {int(row[2].split(":")[1], 16) for row in rows if row[9] in inodes}


def local_port(connection: socket.socket) -> int:
    return connection.getsockname()[1] if connection.fileno() >= 0 else 0


async def until(is_so: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    """Wait for something. Raises `Failure` after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not await is_so():
        if time.monotonic() > end:
            raise Failure(otherwise)
        await asyncio.sleep(0.5)


async def reload_document(group: Group, folder: Path, turn: int) -> None:
    """Change or break a document and restore it; wait until all processes have it."""
    files = sorted((folder / group.name).glob("*/dialect.yaml"))
    file = files[turn % len(files)]
    text = file.read_text()
    if turn % 4 == 3:
        changed, path, sign = "title: [", "health", "degraded"
    else:
        path, sign = "providers", f"Soak {turn}"
        changed = re.sub("^title: .*$", f"title: {sign}", text, flags=re.MULTILINE)

    async def shows(*, is_there: bool) -> bool:
        texts = [await control(each.url, path) for each in group.servers * 4]
        return all((sign in each.decode()) is is_there for each in texts)

    try:
        file.write_text(changed)
        await until(partial(shows, is_there=True), f"{file} is not reloaded: {sign}")
    finally:
        file.write_text(text)
    await until(partial(shows, is_there=False), f"{file} is not restored: {sign}")
    group.reloads += 1


async def repeat(
    seconds: float, groups: list[Group], work: Callable[[Group, int], Awaitable[None]]
) -> None:
    """Do work on each group in turn, without an end; a failure is recorded."""
    for turn in itertools.count():
        await asyncio.sleep(seconds)
        group = groups[turn % len(groups)]
        try:
            await work(group, turn)
        except (Failure, aiohttp.ClientError) as failure:
            group.failures.append(f"{group.name}: {failure!r}")


async def soak(
    groups: list[Group], folder: Path, seconds: float
) -> dict[str, list[Sample]]:
    """Samples of each group while clients send requests."""
    samples: dict[str, list[Sample]] = {each.name: [] for each in groups}
    receiver = Receiver()
    await receiver.start()
    begun, rate = asyncio.get_running_loop().time(), RATE / sum(CLIENTS.values())
    for group in groups:
        group.clients = [
            Client(group, receiver, f"{group.name}-{number}", rate)
            for number in range(CLIENTS[group.name])
        ]

    async def reload(group: Group, turn: int) -> None:
        await reload_document(group, folder, turn)

    async with asyncio.TaskGroup() as everything:
        beside = [
            everything.create_task(each)
            for each in (
                sampled(groups, samples, seconds / SAMPLES),
                repeat(KILL_SECONDS, groups[-1:], kill_worker),
                repeat(RELOAD_SECONDS, groups, reload),
                told(groups, samples),
            )
        ]
        async with asyncio.TaskGroup() as clients:
            for client in itertools.chain(*(each.clients for each in groups)):
                clients.create_task(client.run(begun + seconds))
        for task in beside:
            task.cancel()
    await receiver.close()
    return samples


async def told(groups: list[Group], samples: dict[str, list[Sample]]) -> None:
    """Tell once a minute how it goes, without an end."""
    for minute in itertools.count(1):
        await asyncio.sleep(60)
        for group in groups:
            last = samples[group.name][-1]
            say(
                f"{minute} min, {group.name}: {group.requests.total():,} requests, "
                f"{last.memory:.1f} MB, {last.descriptors} descriptors, "
                f"{last.tasks} tasks, {len(group.failures)} failures"
            )


async def at_rest(groups: list[Group]) -> list[Sample]:
    return [await sample(group) for group in groups]


async def calm(groups: list[Group], before: list[Sample]) -> list[Sample]:
    """
    A sample of each group without load, as soon as it has no more tasks than before.

    Images that clients did not wait for are rendered until then.
    """
    for _ in range(CALM_ROUNDS):
        await asyncio.sleep(CALM_SECONDS)
        samples = await at_rest(groups)
        if all(it.tasks <= was.tasks for it, was in zip(samples, before, strict=True)):
            break
    return samples


def is_flat(samples: list[Sample], before: Sample, after: Sample, name: str) -> bool:
    """True if memory, descriptors and tasks stayed flat; prints the figures."""
    count, rows, medians = len(samples), [("before", [before])], []
    for quarter in range(QUARTERS):
        part = samples[count * quarter // QUARTERS : count * (quarter + 1) // QUARTERS]
        rows.append((str(quarter + 1), part))
        medians.append(median(each.memory for each in part))
    for label, part in [*rows, ("after", [after])]:
        memory = [each.memory for each in part]
        sys.stdout.write(
            f"  {name:9} {label:>6}  {median(memory):7.1f} MB, up to {max(memory):7.1f}"
            f"  {max(each.descriptors for each in part):4} descriptors"
            f"  {max(each.tasks for each in part):3} tasks\n"
        )
    is_enough = samples[-1].at - samples[0].at >= ENOUGH * 60
    return (
        (not is_enough or medians[-1] <= medians[1] * MORE_MEMORY)
        and after.descriptors <= before.descriptors + MORE_DESCRIPTORS[name]
        and after.tasks <= before.tasks
    )


def unexpected(folder: Path) -> list[str]:
    """The lines of stderr of all servers that are not expected."""
    return [
        f"{file.stem}: {line}"
        for file in sorted(folder.glob("*.stderr"))
        for line in file.read_text().splitlines()
        if not EXPECTED.search(line)
    ]


def summary(groups: list[Group]) -> str:
    """The numbers of requests, kills and reloads."""
    lines = []
    for group in groups:
        kinds = ", ".join(f"{name} {n:,}" for name, n in group.requests.most_common())
        lines.append(f"{group.name}: {group.requests.total():,} requests ({kinds})")
        lines.append(
            f"  {group.reloads} reloads, {group.kills} workers killed, "
            f"requests lost with them: {dict(group.killed)}"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Exit status 0 when everything stayed flat and no request failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    seconds = parser.parse_args().minutes * 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served(folder) as groups:
            unused = asyncio.run(at_rest(groups))
            asyncio.run(soak(groups, folder, min(seconds, WARM_UP_SECONDS)))
            before = asyncio.run(calm(groups, unused))
            samples = asyncio.run(soak(groups, folder, seconds))
            after = asyncio.run(calm(groups, unused))
            flat = [
                is_flat(samples[group.name], *rest, group.name)
                for group, *rest in zip(groups, before, after, strict=True)
            ]
        sys.stdout.write(summary(groups))
        lines = [each for group in groups for each in group.failures]
        lines += unexpected(folder)  # those of their end included
    sys.stdout.write("".join(f"FAILED {each}\n" for each in lines))
    return 0 if all(flat) and not lines else 1


if __name__ == "__main__":
    sys.exit(main())
