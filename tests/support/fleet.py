"""Campaigns in real processes that are killed, with the mock's journal as referee."""

import asyncio
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import yaml
from click.testing import CliRunner
from support.http import ask
from support.processes import children_of, serving
from support.redis_servers import RedisServer

from contracts.cli.main import main
from contracts.ledger.address import open_ledger
from contracts.ledger.base import CampaignStatus
from contracts.report.model import OUTCOME_LOST, Outcome, Report

PROVIDER = "tokenhub"
NAMESPACE = "X-Mock-Namespace"
ONLY = ["createImage/request/n/", "createImage/request/plain", "/auth/"]
TOLERANCE = 0.03  # seconds, between the end of a response and its entry in the journal
Entry = Mapping[str, Any]
STARTED: list[subprocess.Popen[str]] = []


def kill_started() -> None:
    """Kill the processes of campaigns that are still running."""
    for process in STARTED:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    STARTED.clear()


@dataclass
class Server:
    """A mock in a process of its own, whose journal says what was really sent."""

    ready: Mapping[str, Any]

    def base_url(self, provider: str = PROVIDER) -> str:
        return self.ready["providers"][provider]

    def reset(self) -> None:
        assert ask(f"{self.ready['url']}/__mock__/reset", key=None).status < 300

    def entries(self, lane: str | None = None) -> list[Entry]:
        """The requests of a lane, or of all, in the order in which they ended."""
        url = f"{self.ready['url']}/__mock__/journal?limit=1000"
        found = ask(url, method="GET", key=None).json["entries"]
        return [
            each
            for each in sorted(found, key=lambda entry: entry["at"])
            if (each["namespace"] if lane is None else each["namespace"] == lane)
        ]


@contextmanager
def mock_server(*options: str) -> Iterator[Server]:
    with serving("--quiet", *options) as (_, ready):
        yield Server(ready)


@dataclass
class CampaignFolder:
    """A folder with a campaign file, and the keys of its lanes."""

    folder: Path
    ledger: str
    targets: Sequence[Mapping[str, Any]]
    name: str = "proof"
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"ledger": self.ledger, "only": ONLY, **self.more}
        content["targets"] = [
            {
                "key_env": lane_variable(each["name"]),
                "headers": {NAMESPACE: lane_variable(each["name"])},
                **each,
            }
            for each in self.targets
        ]
        self.file.write_text(yaml.safe_dump({"name": self.name, **content}))

    @property
    def file(self) -> Path:
        return self.folder / "campaign.yaml"

    @property
    def reports(self) -> Path:
        return self.folder / f"{self.name}-report"

    @property
    def lanes(self) -> list[str]:
        return [each["name"] for each in self.targets]

    @property
    def keys(self) -> dict[str, str]:
        """The environment of a worker."""
        return {lane_variable(each): each for each in self.lanes}

    def words(self, verb: str, *options: str) -> list[str]:
        """The arguments of `imageparity`."""
        output = ["--output", str(self.reports)] if verb in {"run", "lane"} else []
        return ["campaign", verb, str(self.file), *output, *options]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `campaign …` as the leader of a group of processes."""
        process = subprocess.Popen(
            [sys.executable, "-m", "contracts", *self.words(*words)],
            cwd=self.folder,
            env={**os.environ, **self.keys},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        STARTED.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str]:
        """Exit status and output of `campaign …`, in this process."""
        done = CliRunner().invoke(main, self.words(*words), env=self.keys)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    def status(self) -> CampaignStatus:
        async def read() -> CampaignStatus:
            async with open_ledger(self.ledger, self.name) as ledger:
                return await ledger.status()

        return asyncio.run(read())

    def ended(self) -> int:
        """The number of questions with an end."""
        lanes = self.status().lanes.values()
        return sum(each.settled + each.lost for each in lanes)

    def wait_until(self, moment: int, process: subprocess.Popen[str]) -> None:
        """Wait until so many questions have an end, or the process has."""
        deadline = time.monotonic() + 120
        while process.poll() is None and self.ended() < moment:
            assert time.monotonic() < deadline, f"{self.status()} before {moment}"
            time.sleep(0.05)

    def report(self, lane: str) -> Report:
        return Report.read(self.reports / "lanes" / f"{lane}.jsonl")


@contextmanager
def dask_cluster(folder: Path, *, keys: Mapping[str, str]) -> Iterator[str]:
    """`dask scheduler` and a `dask worker` that has the keys; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = str(Path(sys.executable).with_name("dask"))
    scheduler = ["scheduler", "--host", address, "--no-dashboard"]
    worker = ["worker", address, "--nthreads", "4", "--no-dashboard", "--no-nanny"]
    with ExitStack() as stack:
        for words in (scheduler, worker):
            log = stack.enter_context((folder / f"{words[0]}.log").open("w+"))
            process = subprocess.Popen(
                [dask, *words],
                cwd=folder,
                env={**os.environ, **keys},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            stack.callback(_end_and_show, process, log)
        yield address


def _end_and_show(process: subprocess.Popen[bytes], log: TextIO) -> None:
    """End a process, and print what it said, for a test that fails."""
    process.terminate()
    process.wait()
    log.seek(0)
    sys.stdout.write(log.read())


def lane_variable(lane: str) -> str:
    """The variable with the key of a lane, and with its namespace in the mock."""
    return "LANE_" + lane.upper()


def lanes_of(server: Server, count: int, **more: Any) -> list[dict[str, Any]]:
    """Targets `lane0`, `lane1` and so on at one mock, each with a key of its own."""
    return [
        {
            "name": f"lane{at}",
            "provider": PROVIDER,
            "against": server.base_url(),
            **more,
        }
        for at in range(count)
    ]


def without_time(outcome: Outcome) -> dict[str, Any]:
    """An outcome without what differs between two runs."""
    row = asdict(outcome)
    del row["seconds"]
    return row


def overlaps(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Pairs of requests that were in flight at the same time."""
    begun = sorted(entries, key=lambda each: each["at"] - each["seconds"])
    return [
        (one, other)
        for one, other in itertools.pairwise(begun)
        if other["at"] - other["seconds"] < one["at"] - TOLERANCE
    ]


def requests_of(entries: Sequence[Entry]) -> Counter[tuple[str, bool]]:
    """The number of times that each request came, by its hash and if it was paid."""
    return Counter((each["request"], is_paid(each)) for each in entries)


def is_paid(entry: Entry) -> bool:
    return bool(entry["cost"].get("amount"))


def spent(entries: Sequence[Entry]) -> float:
    return sum(each["cost"].get("amount") or 0.0 for each in entries)


@dataclass
class Round:
    """
    The result of one campaign with kills; see `kill_and_finish`.

    `repeated` are paid requests that came more often than in a run without kills, and
    `doubled` cases with more than one outcome.
    """

    kills: list[str] = field(default_factory=list)
    seconds: float = 0.0
    status: int = 0
    output: str = ""
    settled: int = 0
    lost: int = 0
    missing: int = 0
    doubled: int = 0
    different: list[Any] = field(default_factory=list)
    repeated: int = 0
    overlapping: list[Any] = field(default_factory=list)
    over_budget: list[str] = field(default_factory=list)


def kill_and_finish(
    campaign: CampaignFolder,
    server: Server,
    redis: RedisServer,
    single: Report,
    single_entries: Sequence[Entry],
    *,
    kinds: Sequence[str],
    seed: int,
) -> Round:
    """
    Run a campaign to its end, and kill `worker`, `redis` and `launcher` meanwhile.

    The moments are numbers of questions with an end, drawn by the seed.
    """
    chance = random.Random(seed)
    total = len(campaign.lanes) * len(single.outcomes)
    moments = sorted(chance.sample(range(2, int(total * 0.8)), len(kinds)))
    found, began = Round(), time.monotonic()
    launcher = campaign.start("run", "--quiet")
    for moment, kind in zip(moments, chance.sample(kinds, len(kinds)), strict=True):
        campaign.wait_until(moment, launcher)
        if launcher.poll() is not None:
            break
        found.kills.append(f"{kind} at {moment}")
        if kind == "redis":
            redis.kill()
            time.sleep(chance.uniform(0.1, 1.0))
            redis.start()
        elif kind == "worker":
            while not (workers := _workers(launcher)) and launcher.poll() is None:
                time.sleep(0.05)
            os.kill(chance.choice(workers), signal.SIGKILL)
        else:
            launcher.kill()
            launcher.communicate()
            launcher = campaign.start("run", "--quiet")
    found.output, _ = launcher.communicate(timeout=240)
    found.status = launcher.returncode
    found.seconds = time.monotonic() - began
    _referee(found, campaign, server, single, single_entries)
    return found


def _workers(launcher: subprocess.Popen[str]) -> list[int]:
    """The worker processes of a launcher."""
    found = []
    for pid in children_of(launcher.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"spawn_main" in words:
            found.append(pid)
    return found


def _referee(
    found: Round,
    campaign: CampaignFolder,
    server: Server,
    single: Report,
    single_entries: Sequence[Entry],
) -> None:
    wanted = {each.case: without_time(each) for each in single.outcomes}
    most = requests_of(single_entries)
    for target in campaign.targets:
        lane = target["name"]
        outcomes = campaign.report(lane).outcomes
        cases = Counter(each.case for each in outcomes)
        found.missing += len(wanted.keys() - cases.keys())
        found.doubled += sum(count - 1 for count in cases.values())
        for outcome in outcomes:
            if outcome.not_tested == OUTCOME_LOST:
                found.lost += 1
                continue
            found.settled += 1
            if without_time(outcome) != wanted.get(outcome.case):
                found.different.append((lane, outcome))
        entries = server.entries(lane)
        for key, count in requests_of(entries).items():
            if key[1]:
                found.repeated += max(0, count - most[key])
        found.overlapping += overlaps(entries)
        if spent(entries) > target.get("budget", float("inf")):
            found.over_budget.append(lane)


def table_row(found: Round) -> str:
    return json.dumps(
        {
            name: len(value) if isinstance(value, list) else value
            for name, value in asdict(found).items()
            if name != "output"
        }
    )
