"""Campaigns with real processes: kills, fences, budgets, shared accounts, and speed."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from support.fleet import (
    ONLY,
    PROVIDER,
    CampaignFolder,
    Server,
    kill_and_finish,
    lanes_of,
    mock_server,
    overlaps,
    requests_of,
    spent,
    without_time,
)
from support.http import eventually
from support.redis_servers import RedisServer

import contracts
from contracts.report.model import OUTCOME_LOST, Report

pytestmark = [pytest.mark.slow, pytest.mark.redis]

KILLS = int(os.environ.get("CAMPAIGN_KILLS", "2"))  # of each kind
LANES = 4
BUDGET = 100.0
TIMEOUT = 4  # seconds of one response; a lease lasts a little longer


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with mock_server("--latency", "80..120") as server:
        yield server


@pytest.fixture(scope="module")
def redis(tmp_path_factory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis"), "--appendonly", "yes") as redis:
        yield redis


@pytest.fixture(scope="module")
def single(server: Server) -> tuple[Report, list]:
    """The report of one process at the same server, and the requests that it sent."""
    server.reset()
    report = contracts.run(
        PROVIDER,
        against=server.base_url(),
        key="sk-ns-single-key",
        budget=BUDGET,
        fuzz=False,
        only=ONLY,
    )
    return report, server.entries("single")


def test_killed_workers_ledgers_and_launchers_lose_and_repeat_nothing(
    server: Server, redis: RedisServer, single, tmp_path
):
    report, entries = single
    server.reset()
    targets = lanes_of(server, LANES, budget=BUDGET)
    more = {"timeout": TIMEOUT}
    campaign = CampaignFolder(tmp_path, redis.url, targets, more=more)

    found = kill_and_finish(
        campaign,
        server,
        redis,
        report,
        entries,
        kinds=["worker", "redis", "launcher"] * KILLS,
        seed=1,
    )

    assert found.status == 0, found.output
    assert len(found.kills) == 3 * KILLS
    assert (found.missing, found.doubled, found.repeated) == (0, 0, 0)
    assert found.settled + found.lost == LANES * len(report.outcomes)
    assert found.settled > found.lost
    assert (found.different, found.overlapping, found.over_budget) == ([], [], [])
