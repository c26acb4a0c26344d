"""Speed and memory as providers, processes, clients, entries and tasks grow."""

import itertools
import json
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measuring import (
    PATIENCE,
    ROOT,
    Effort,
    Load,
    Server,
    free_port,
    interleaved,
    mock,
    press,
    request_to,
)
from peers import BODY
from tables import Table, figure

ORDER = 4
HOLE = "%" * 12  # the client puts another number into each request
COPIED = "tikhub"
PATH = f"/{COPIED}/v1/images/generations"
SMALL = json.dumps({**BODY, "size": "16x16", "response_format": "b64_json"}).encode()
DIFFERENT = json.dumps({**BODY, "user": HOLE, "size": "16x16"}).encode()
PROVIDERS, STARTS = (5, 100), 3
WORKERS = (1, 2, 4)
JOURNAL = 1_000  # the most entries
IDLE = 1_000
RESET = "/__mock__/reset"

TASKS, MAX_TASKS = (10, 1_000, 10_000), 10_000  # the most of one client
CREATED = 100  # in a round
ENOUGH = 600.0  # seconds for any number of requests
TASK_PATH = "/kling/v1/videos/text2video"
TASK = {"model_name": "kling-v2-6", "prompt": "A boat", "external_task_id": HOLE}

_numbers = itertools.count(0, 10**6)  # ids that no round before had


@dataclass(frozen=True)
class Step:
    """The servers of one row, which share a load, and their Redis if they have one."""

    grows: str
    name: str
    servers: Sequence[Server]
    redis: Sequence[Server] = ()
    path: str = PATH
    start: str = ""
    prepare: Callable[[], None] | None = None
    requests: int | None = None

    def press(self, request: Path, *, connections: int, seconds: float, **more) -> Load:
        return press(
            self.servers[0],
            request,
            others=self.servers[1:],
            helpers=self.redis,
            connections=connections,
            seconds=seconds,
            first=next(_numbers),
            **more,
        )

    def memory(self) -> float:
        return sum(each.memory() for each in (*self.servers, *self.redis))


def measure(effort: Effort) -> Iterator[Table]:
    """One table of a small response, one of long-running tasks."""
    for make in (_small_responses, _tasks):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            yield make(effort, stack, folder)


def _small_responses(effort: Effort, stack: ExitStack, folder: Path) -> Table:
    table = Table(
        "Growth",
        ("what grows", "to", "start ms", "CPU µs", "of the first", "MB"),
        note=(
            "The same small response, 32 connections. Start: CPU from exec to the "
            "first response, the cache of documents being warm. CPU of a response, "
            "and MB: of all processes of the row, Redis among them. A full journal "
            f"has entries of {JOURNAL:,} requests that were all different; the other "
            "one is emptied before each round. Each idle connection has had a "
            "response before."
            f"{_without_redis()}"
        ),
    )
    steps = [
        *_providers(stack, folder),
        *_workers(stack),
        *_replicas(stack),
        *_journals(stack, folder),
        *_connections(stack),
    ]
    work = {}
    for number, step in enumerate(steps):
        file = folder / f"small-{number}"
        file.write_bytes(request_to(step.servers[0], step.path, SMALL))
        work[f"{step.grows} {step.name}"] = partial(_small, step, file, effort.seconds)
    found = interleaved(effort.rounds, work)
    first: dict[str, float] = {}
    for step, load in zip(steps, found.values(), strict=True):
        ratio = load.cpu / first.setdefault(step.grows, load.cpu)
        figures = (figure(load.cpu), f"{ratio:.2f}", figure(step.memory()))
        table.rows.append((step.grows, step.name, step.start, *figures))
    return table


def _small(step: Step, request: Path, seconds: float, turn: int) -> Load:
    if step.prepare is not None:
        step.prepare()
    return step.press(request, connections=32, seconds=seconds, requests=step.requests)


def _providers(stack: ExitStack, folder: Path) -> Iterator[Step]:
    options = {}
    for count in PROVIDERS:
        many = folder / f"{count}-providers"
        names = [f"gateway{number:02}" for number in range(count)]
        for name in names:
            shutil.copytree(ROOT / "specs" / COPIED, many / name)
        options[count] = partial(mock, "--specs", str(many), providers=names)
    starts: dict[int, list[float]] = {count: [] for count in PROVIDERS}
    for turn in range(STARTS + 1):  # the first fills the cache
        for count, start in options.items():
            with start() as server:
                if turn:
                    starts[count].append(server.cpu() * 1e3)
    for count, start in options.items():
        yield Step(
            "providers",
            f"{count}",
            [stack.enter_context(start())],
            path=PATH.replace(COPIED, "gateway00"),
            start=figure(statistics.median(starts[count])),
        )


def _workers(stack: ExitStack) -> Iterator[Step]:
    for count in WORKERS:
        server = stack.enter_context(mock("--workers", str(count)))
        yield Step("workers", f"{count}", [server])


def _replicas(stack: ExitStack) -> Iterator[Step]:
    for count in (1, 2) if shutil.which("redis-server") else ():
        redis = stack.enter_context(_redis())
        start = partial(mock, "--state", redis.url)
        servers = [stack.enter_context(start()) for _ in range(count)]
        yield Step("replicas with a Redis", f"{count}", servers, [redis])


def _journals(stack: ExitStack, folder: Path) -> Iterator[Step]:
    empty, full = (stack.enter_context(mock()) for _ in range(2))
    enough = JOURNAL * 9 // 10  # requests, so that an empty journal does not get full
    reset = partial(_ask, empty, RESET, "POST")
    yield Step("journal", "empty", [empty], prepare=reset, requests=enough)
    file = folder / "different"
    file.write_bytes(request_to(full, PATH, DIFFERENT))

    def fill() -> None:
        press(full, file, connections=8, seconds=ENOUGH, requests=JOURNAL)

    yield Step("journal", "full", [full], prepare=fill, requests=enough)


def _connections(stack: ExitStack) -> Iterator[Step]:
    start = partial(mock, "--idle-timeout", "3600", "--max-connections", f"{2 * IDLE}")
    none, many = (stack.enter_context(start()) for _ in range(2))
    yield Step("idle connections", "0", [none])
    _raise_file_limit(IDLE)
    before = many.memory()
    request = request_to(many, "/__mock__/health", b"", method="GET")
    for _ in range(IDLE):
        there = stack.enter_context(socket.create_connection(many.address))
        there.sendall(request)
        there.recv(1 << 16)
    each = (many.memory() - before) / IDLE * 1024
    yield Step("idle connections", f"{IDLE:,} of {each:.0f} KB", [many])


def _raise_file_limit(sockets: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, sockets + 100), hard))


def _tasks(effort: Effort, stack: ExitStack, folder: Path) -> Table:
    table = Table(
        "Growth of tasks",
        ("tasks in", "alive", *OPERATIONS, "MB"),
        note=(
            "CPU µs of one request, that of Redis included, while so many tasks of the "
            "same client are unfinished; 4 connections. `by own id`: polling a task by "
            "the id that its client gave. `list`: the first page. `reset`: of a "
            f"namespace without tasks.{_without_redis()}"
        ),
    )
    for start in ("memory", "Redis") if shutil.which("redis-server") else ("memory",):
        steps = []
        for count in TASKS:
            redis = [stack.enter_context(_redis())] if start == "Redis" else []
            options = ["--tasks", "seconds=86400"]
            options += ["--state", redis[0].url] if redis else []
            server = stack.enter_context(mock(*options))
            steps.append(Step(start, f"{count:,}", [server], redis))
        work = {}
        for step, count in zip(steps, TASKS, strict=True):
            own = folder / f"{step.grows}-{count}"
            own.mkdir()
            for name in OPERATIONS:
                work[f"{name} {count}"] = partial(
                    _task_turn, step, own, name, count, effort.seconds / 2
                )
        found = interleaved(effort.rounds, work)
        for step, count in zip(steps, TASKS, strict=True):
            figures = [found[f"{name} {count}"].cpu for name in OPERATIONS]
            row = (step.grows, step.name, *map(figure, figures))
            table.rows.append((*row, figure(step.memory())))
    return table


OPERATIONS = ("create", "poll", "by own id", "list", "reset")


def _task_turn(
    step: Step, folder: Path, name: str, count: int, seconds: float, turn: int
) -> Load:
    """One round of an operation; before tasks are created there are as many again."""
    if name == "create" and (turn == 0 or count < MAX_TASKS):
        _create_tasks(step, folder, count)
    return step.press(
        folder / name,
        connections=4,
        seconds=ENOUGH if name == "create" else seconds,
        requests=CREATED if name == "create" else None,
    )


def _create_tasks(step: Step, folder: Path, count: int) -> None:
    """Make this number of tasks the only ones, and the requests about one of them."""
    (server,) = step.servers
    create = folder / "create"
    create.write_bytes(request_to(server, TASK_PATH, json.dumps(TASK).encode()))
    _ask(server, RESET, "POST")
    first = next(_numbers)
    press(server, create, connections=4, seconds=ENOUGH, requests=count, first=first)
    own = f"{TASK_PATH}/{first + 1 + count // 2:012}"
    found = json.loads(_ask(server, own))
    requests = {
        "poll": ("GET", f"{TASK_PATH}/{found['data']['task_id']}"),
        "by own id": ("GET", own),
        "list": ("GET", TASK_PATH),
        "reset": ("POST", f"{RESET}?namespace=other"),
    }
    for name, (method, path) in requests.items():
        (folder / name).write_bytes(request_to(server, path, b"", method=method))


def _ask(server: Server, path: str, method: str = "GET") -> bytes:
    request = urllib.request.Request(
        server.url + path, method=method, headers={"Authorization": "Bearer sk-test"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


def _without_redis() -> str:
    if shutil.which("redis-server"):
        return ""
    return " redis-server is missing here: what needs it was left out."


@contextmanager
def _redis() -> Iterator[Server]:
    """A Redis server without files, until the block ends."""
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "")
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        end = time.perf_counter() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() > end:
                    raise
                time.sleep(0.01)
        yield Server("Redis", f"redis://127.0.0.1:{port}/0", process.pid, 0.0)
    finally:
        process.terminate()
        process.wait()
