"""
Campaigns that are killed at random moments, and one with many slow targets.

    python tests/benchmarks/campaigns.py [--kills 20] [--targets 300] [--seed 0]

Each round runs one campaign with Dask, kills a worker, Redis and the command at seeded
moments, and compares the journal of the mock server with the reports. Then many targets
with responses of one second are run, while the memory of all processes is measured; and
two campaigns share an account of a server that limits its rate.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.fleet import (
    NAMESPACE,
    ONLY,
    PROVIDER,
    CampaignFolder,
    Round,
    Server,
    kill_and_finish,
    lanes_of,
    mock_server,
)
from support.processes import children_of
from support.redis_servers import RedisServer

LANES = 4
KINDS = ("worker", "redis", "launcher")
COLUMNS = (
    *("round", "s", "status", "settled", "lost", "missing", "doubled"),
    *("different", "paid twice", "overlapping", "over budget", "kills"),
)


def main() -> None:
    """Run all parts, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="of each kind")
    parser.add_argument("--targets", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(RedisServer(folder, "--appendonly", "yes"))
        _kills(folder, redis, chosen.kills, chosen.seed)
        if chosen.targets:
            _many_targets(folder, redis, chosen.targets)
            _shared_account(folder, redis)


def _say(*cells: object) -> None:
    sys.stdout.write(f"| {' | '.join(map(str, cells))} |\n")
    sys.stdout.flush()


def _header(*names: str) -> None:
    _say(*names)
    _say(*("---" for _ in names))


def _kills(folder: Path, redis: RedisServer, count: int, seed: int) -> None:
    _header(*COLUMNS)
    rounds: list[Round] = []
    with mock_server("--latency", "80..120") as server:
        single, entries = _single(server)
        for at in range(count):
            server.reset()
            campaign = CampaignFolder(
                folder / f"round{at}",
                redis.url,
                lanes_of(server, LANES, budget=100.0),
                name=f"round{at}",
                more={"timeout": 4},
            )
            found = kill_and_finish(
                campaign, server, redis, single, entries, kinds=KINDS, seed=seed + at
            )
            rounds.append(found)
            _say(at, *_cells(found), ", ".join(found.kills))
    sums = [sum(column) for column in zip(*map(_cells, rounds), strict=True)]
    _say("all", *sums, f"{sum(len(each.kills) for each in rounds)} kills")


def _single(server: Server):
    """The report of one process, and the requests that it sent."""
    import os

    import contracts

    os.environ["SINGLE"] = "single"
    report = contracts.run(
        PROVIDER,
        against=server.base_url(),
        key_env="SINGLE",
        headers={NAMESPACE: "SINGLE"},
        budget=100.0,
        fuzz=False,
        only=ONLY,
    )
    return report, server.entries("single")


def _cells(found: Round) -> tuple[float, ...]:
    lists = (found.different, found.overlapping, found.over_budget)
    different, overlapping, over_budget = map(len, lists)
    return (
        *(round(found.seconds, 1), found.status, found.settled, found.lost),
        *(found.missing, found.doubled, different, found.repeated),
        *(overlapping, over_budget),
    )


def _many_targets(folder: Path, redis: RedisServer, count: int) -> None:
    """Run many lanes whose responses take a second each."""
    only = ["createImage/request/n/m", "createImage/request/n/type/"]
    with mock_server("--latency", "1000") as server:
        campaign = CampaignFolder(
            folder / "many",
            redis.url,
            lanes_of(server, count),
            name="many",
            more={"only": only},
        )
        began = time.monotonic()
        process = campaign.start("run", "--quiet")
        first = sent = 0.0
        samples: list[float] = []
        while process.poll() is None:
            time.sleep(0.5)
            ended = campaign.ended()
            if ended and not first:
                first = time.monotonic()
            if ended:
                samples.append(sum(_megabytes(process.pid)))
            if ended and sum(_planned(campaign)) == ended and not sent:
                sent = time.monotonic()
        output, _ = process.communicate()
        questions = max(_planned(campaign))
    _header(
        "targets",
        "requests each",
        "status",
        "all s",
        "sending s",
        "MB first",
        "MB last",
    )
    row = (time.monotonic() - began, (sent or time.monotonic()) - first + 1)
    seconds = (f"{each:.0f}" for each in row)
    third = max(1, len(samples) // 3)
    memory = (f"{max(part):.0f}" for part in (samples[:third], samples[-third:]))
    _say(count, questions, process.returncode, *seconds, *memory)
    if process.returncode:
        sys.stdout.write(output)


def _planned(campaign: CampaignFolder) -> list[int]:
    return [each.planned for each in campaign.status().lanes.values()]


def _megabytes(pid: int) -> Iterator[float]:
    """The resident memory of a process and of its descendants."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        yield next(int(e.split()[1]) / 1024 for e in lines if e.startswith("VmRSS"))
        for child in children_of(pid):
            yield from _megabytes(child)
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return


def _shared_account(folder: Path, redis: RedisServer) -> None:
    """Two campaigns at a server that allows as many requests as their account."""
    _header("accounts", "requests", "429")
    for is_shared in (True, False):
        with mock_server("--requests-per-minute", "60") as server:
            names = ("one", "two") if is_shared else ("three", "four")
            processes = []
            for name in names:
                (target,) = lanes_of(server, 1, rate=60)
                more = {"only": ["createImage/request/"], "operations": ["createImage"]}
                if is_shared:
                    target["account"] = "upstream"
                    more["accounts"] = {"upstream": {"rate": 60}}
                one = CampaignFolder(
                    folder / name, redis.url, [target], name=name, more=more
                )
                processes.append(one.start("lane", "--quiet"))
            for process in processes:
                process.communicate()
            statuses = [each["status"] for each in server.entries("lane0")]
        label = "one, shared" if is_shared else "none"
        _say(label, len(statuses), statuses.count(429))


if __name__ == "__main__":
    main()
