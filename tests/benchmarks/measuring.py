"""Servers in processes of their own, the load on them, and what it costs them."""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 60.0
# Modules are compiled once, as on any machine where Python may write beside them.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name != "PYTHONDONTWRITEBYTECODE"
}


@dataclass(frozen=True)
class Effort:
    """Limits of a benchmark: rounds, and seconds of load in each."""

    rounds: int = 5
    seconds: float = 1.0


@dataclass(frozen=True)
class Server:
    """A process that serves, and where. `took` is exec to first answer, in seconds."""

    name: str
    url: str
    pid: int
    took: float

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname, parts.port

    def cpu(self) -> float:
        """Seconds of processor that it and its children have had."""
        return sum(_cpu(each) for each in family(self.pid))

    def run_time(self) -> float:
        """Seconds of processor of its threads, exact; without those that have ended."""
        return sum(_run_time(each) for each in family(self.pid))

    def memory(self) -> float:
        """Megabytes of its own (proportional set size), its children's included."""
        return sum(_pss(each) for each in family(self.pid))

    def descriptors(self) -> int:
        """The number of open files and sockets."""
        folders = (Path(f"/proc/{each}/fd") for each in family(self.pid))
        return sum(len(list(each.iterdir())) for each in folders)


def say(text: str) -> None:
    """A line for whoever waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def family(pid: int) -> list[int]:
    """A process and those below it."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def children(pid: int) -> list[int]:
    """The processes that the threads of a process have started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _run_time(pid: int) -> float:
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in files) / 1e9


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} tells no Pss")


def free_port() -> int:
    """A port that is free now, for servers that cannot choose one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    *,
    url: str | None = None,
    env: Mapping[str, str] | None = None,
    path: str = "/",
    stderr: IO[bytes] | None = None,
) -> Iterator[Server]:
    """
    A server, until the block ends.

    Without `url` its first line of output is JSON that tells it. It is up when
    anything at all is answered at `path`. Its stderr is written to `stderr`, if given.
    """
    begun = time.perf_counter()
    with nullcontext(stderr) if stderr else tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*map(str, command)],
            stdout=subprocess.PIPE if url is None else subprocess.DEVNULL,
            stderr=errors,
            env={**ENVIRONMENT, **(env or {})},
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            if url is None:
                said = process.stdout.readline()
                if not said:
                    errors.seek(0)
                    raise RuntimeError(f"{name}: {errors.read().decode()[-2000:]}")
                url = json.loads(said)["url"]
            _await(url, path, process, name)
            yield Server(name, url, process.pid, time.perf_counter() - begun)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _await(url: str, path: str, process: subprocess.Popen, name: str) -> None:
    """Until there is an answer. Raises `RuntimeError` when the process has ended."""
    parts = urlsplit(url)
    asked = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode}")
        try:
            with socket.create_connection((parts.hostname, parts.port), 5) as there:
                there.sendall(asked)
                if there.recv(12).startswith(b"HTTP/1.1"):
                    return
        except OSError:
            time.sleep(0.002)
    raise RuntimeError(f"{name} did not answer within {PATIENCE:.0f} s")


def bare(folder: Path):
    """Bare aiohttp over a folder of bodies."""
    return running("bare aiohttp", [sys.executable, HERE / "bare.py", folder])


def mock(
    *options: str,
    providers: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    stderr: IO[bytes] | None = None,
):
    """`mockserver serve` as a user would start it, by default of all providers."""
    command = [sys.executable, "-m", "mockserver", "serve", *providers, "--port", "0"]
    return running(
        "imageparity",
        [*command, "--json", *options],
        path="/__mock__/health",
        env=env,
        stderr=stderr,
    )


def request_to(
    server: Server,
    path: str,
    body: bytes,
    *,
    content_type: str = "application/json",
    method: str = "POST",
) -> bytes:
    """A whole request, head and body."""
    parts = urlsplit(server.url)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer sk-test\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(frozen=True)
class Load:
    """The result of one round. Latencies in milliseconds, `cpu` in µs per request."""

    rate: float
    cpu: float
    p50: float
    p99: float
    bytes: float
    client_cpu: float


def press(
    server: Server,
    request: Path,
    *,
    connections: int,
    seconds: float,
    status: int = 200,
    first: int = 0,
    requests: int | None = None,
    others: Sequence[Server] = (),
    helpers: Sequence[Server] = (),
) -> Load:
    """
    One round of load: so many seconds, or requests if these are sent before.

    The connections are spread over the server and `others`. The CPU is that of all
    servers, and of `helpers`, such as a database. Raises `RuntimeError` for any other
    status.
    """
    counted = [server, *others, *helpers]
    orders = {
        "address": server.address,
        "others": [each.address for each in others],
        "request": str(request),
        "connections": connections,
        "seconds": seconds,
        "first": first,
        "requests": requests,
    }
    before = sum(each.run_time() for each in counted)
    done = subprocess.run(
        [sys.executable, HERE / "load.py"],
        input=json.dumps(orders).encode(),
        capture_output=True,
        check=False,
        timeout=seconds + PATIENCE,
    )
    after = sum(each.run_time() for each in counted)
    if done.returncode:
        raise RuntimeError(f"{server.name}: {done.stderr.decode()[-2000:]}")
    found = json.loads(done.stdout)
    if set(found["statuses"]) != {str(status)}:
        raise RuntimeError(f"{server.name}: {found['statuses']} instead of {status}")
    return Load(
        rate=found["rate"],
        cpu=(after - before) / found["requests"] * 1e6,
        p50=found["p50"] * 1e3,
        p99=found["p99"] * 1e3,
        bytes=found["bytes"] / found["requests"],
        client_cpu=found["cpu"] / found["requests"] * 1e6,
    )


def median(loads: Sequence[Load]) -> Load:
    """Of each figure the middle one."""
    return Load(
        **{
            name: statistics.median(getattr(each, name) for each in loads)
            for name in Load.__dataclass_fields__
        }
    )


def interleaved(
    rounds: int, work: Mapping[str, Callable[[int], Load]]
) -> dict[str, Load]:
    """The medians of rounds in which each has its turn; the first only warms up."""
    found: dict[str, list[Load]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, each in work.items():
            load = each(turn)
            if turn:
                found[name].append(load)
    return {name: median(loads) for name, loads in found.items()}
