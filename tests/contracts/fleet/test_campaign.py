"""Campaigns with real processes: kills, fences, budgets, shared accounts, and speed."""

import os
import signal
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from support.fleet import (
    NAMESPACE,
    ONLY,
    PROVIDER,
    CampaignFolder,
    Server,
    dask_cluster,
    kill_and_finish,
    kill_started,
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
from contracts.cli.main import main
from contracts.cli.shared.interrupts import keep_first_interrupt
from contracts.report.model import OUTCOME_LOST, Report

pytestmark = [pytest.mark.slow, pytest.mark.redis]

KILLS = int(os.environ.get("CAMPAIGN_KILLS", "2"))  # of each kind
LANES = 4
BUDGET = 100.0
TIMEOUT = 4  # seconds of one response; a lease lasts a little longer


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    kill_started()


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
    os.environ["SINGLE"] = "single"
    report = contracts.run(
        PROVIDER,
        against=server.base_url(),
        key_env="SINGLE",
        headers={NAMESPACE: "SINGLE"},
        budget=BUDGET,
        fuzz=False,
        only=ONLY,
    )
    return report, server.entries("single")


def test_killed_workers_ledgers_and_launchers_lose_and_repeat_nothing(
    server: Server, redis: RedisServer, single, tmp_path
):
    pytest.importorskip("distributed")
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


def test_a_scheduler_of_dask_runs_the_lanes_on_its_workers(
    server: Server, redis: RedisServer, single, tmp_path
):
    """Each is a process of its own; only the worker has the keys."""
    pytest.importorskip("distributed")
    report, entries = single
    server.reset()
    targets = lanes_of(server, 2, budget=BUDGET)
    campaign = CampaignFolder(tmp_path, redis.url, targets, name="dask")
    with dask_cluster(tmp_path, keys=campaign.keys) as address:
        words = campaign.words("run", "--quiet", "--scheduler", address)
        done = CliRunner().invoke(main, words, env=dict.fromkeys(campaign.keys))

    assert done.exit_code == 0, done.output
    for lane in campaign.lanes:
        outcomes = campaign.report(lane).outcomes
        wanted = {each.case: without_time(each) for each in report.outcomes}
        assert [without_time(each) for each in outcomes] == [*wanted.values()]
        assert len(server.entries(lane)) == len(entries)


def test_a_lane_ends_if_no_worker_can_be_started(monkeypatch):
    """A task of Dask would wait for ever."""
    distributed = pytest.importorskip("distributed")
    from contracts.fleet import dask

    monkeypatch.setattr(dask, "WORKER_TIMEOUT", 0.5)
    with (
        dask._local_cluster(1, 1) as cluster,
        distributed.Client(cluster.scheduler_address, set_as_default=False) as client,
    ):
        task = client.submit(int, resources={"of no worker": 1})
        lane = dask._DaskLane(task, dask._LocalWorkers(cluster))
        assert not lane.done()
        cluster.scale(0)

        assert eventually(lane.done)
        assert "no worker is left" in str(lane.exception())


def test_a_signal_that_arrives_in_a_finalizer_is_not_lost():
    """Python ignores what a finalizer raises."""

    class Sender:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with keep_first_interrupt() as check:
        check()
        Sender()
        with pytest.raises(KeyboardInterrupt):
            check()
        check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        check()


def finished(campaign: CampaignFolder, *words: str) -> str:
    """The output of `campaign lane`, which completes all lanes."""
    status, output = campaign.run("lane", "--quiet", *words)
    assert status == 0, output
    return output


def test_an_interrupted_and_a_cancelled_campaign_go_on_and_equal_a_single_run(
    server: Server, single, tmp_path
):
    report, entries = single
    server.reset()
    campaign = CampaignFolder(
        tmp_path, f"sqlite:{tmp_path}/ledger", lanes_of(server, 2)
    )
    process = campaign.start("lane", "--quiet")
    campaign.wait_until(6, process)

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, campaign.status().lanes["lane0"].lost) == (3, 0), output
    assert "stopped" in output

    assert "sends nothing more" in campaign.run("cancel")[1]
    before = len(server.entries())
    status, output = campaign.run("lane", "--quiet")
    assert (status, len(server.entries())) == (3, before), output
    assert "cancel --undo" in output
    campaign.run("cancel", "--undo")
    finished(campaign)

    wanted = [without_time(each) for each in report.outcomes]
    for lane in campaign.lanes:
        found = campaign.report(lane)
        assert [without_time(each) for each in found.outcomes] == wanted
        assert found.stopped is None
        assert found.causes == report.causes
        assert requests_of(server.entries(lane)) == requests_of(entries)
        assert overlaps(server.entries(lane)) == []
    assert "several targets are tokenhub" in finished(campaign)
    assert len(server.entries()) == len(campaign.lanes) * len(entries)


def test_a_budget_that_is_raised_lets_a_campaign_go_on(
    server: Server, single, tmp_path
):
    report, entries = single
    server.reset()
    small = report.cost() / 2
    (target,) = lanes_of(server, 1, budget=small)
    folder = CampaignFolder(tmp_path, f"sqlite:{tmp_path}/ledger", [target])

    status, output = folder.run("lane", "--quiet")

    assert status == 3, output
    assert "budget reached" in output
    assert 0 < spent(server.entries()) <= small
    assert folder.report("lane0").stopped == "budget"
    finished(
        CampaignFolder(tmp_path, f"sqlite:{tmp_path}/ledger", [{**target, "budget": 9}])
    )
    assert requests_of(server.entries()) == requests_of(entries)


def test_a_worker_that_was_stopped_past_its_lease_is_fenced_off(
    server: Server, redis: RedisServer, single, tmp_path
):
    report, entries = single
    server.reset()
    more = {"timeout": 1}
    campaign = CampaignFolder(
        tmp_path, redis.url, lanes_of(server, 1), name="fence", more=more
    )
    stopped = campaign.start("lane", "--quiet", "--output", str(tmp_path / "other"))
    campaign.wait_until(3, stopped)
    stopped.send_signal(signal.SIGSTOP)

    finished(campaign)
    stopped.send_signal(signal.SIGCONT)
    output, _ = stopped.communicate(timeout=60)

    assert stopped.returncode == 2
    assert "another worker has it now" in output
    outcomes = campaign.report("lane0").outcomes
    lost = [each for each in outcomes if each.not_tested == OUTCOME_LOST]
    assert len(lost) <= 1
    assert len(outcomes) == len(report.outcomes)
    assert len(server.entries()) <= len(entries)
    assert overlaps(server.entries()) == []


def test_many_lanes_wait_for_slow_responses_at_the_same_time(tmp_path):
    with mock_server("--latency", "1000") as slow:
        targets = lanes_of(slow, 20)
        more = {"only": ["createImage/request/n/type/"]}
        finished(
            CampaignFolder(tmp_path, f"sqlite:{tmp_path}/ledger", targets, more=more)
        )
        entries = slow.entries()

    def in_flight(moment: float) -> int:
        return sum(e["at"] - e["seconds"] <= moment <= e["at"] for e in entries)

    assert max(in_flight(each["at"]) for each in entries) >= 18


def test_two_campaigns_share_the_rate_of_an_account(
    server: Server, redis: RedisServer, tmp_path
):
    server.reset()
    rate = 480
    processes = []
    for name in ("one", "two"):
        (target,) = lanes_of(server, 1, account="upstream")
        more = {"accounts": {"upstream": {"rate": rate}}}
        folder = CampaignFolder(
            tmp_path / name, redis.url, [target], name=name, more=more
        )
        processes.append(folder.start("lane", "--quiet"))
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output

    entries = server.entries()
    begun = sorted(each["at"] - each["seconds"] for each in entries)
    assert begun[-1] - begun[0] >= (len(begun) - 2) * 60 / rate
    assert not any(each["status"] == 429 for each in entries)
