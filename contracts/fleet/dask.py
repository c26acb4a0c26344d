"""Run lanes as tasks of Dask: on workers of this machine, or of any scheduler."""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import dask.config
from distributed import Client, Future, LocalCluster

from contracts.errors import HarnessError
from contracts.fleet import worker_signals
from contracts.fleet.campaign_file import CampaignFile
from contracts.fleet.lane import LaneResult, run_lane
from contracts.fleet.launch import LaneFuture

MAX_THREADS = 200  # of one worker: each lane waits for responses most of the time
RETRIES = 2  # of a lane whose worker lost its lease or its ledger
ALLOWED_DEATHS = 1000  # of workers that have a lane, which no outcome depends on
CONNECT_TIMEOUT = 10  # seconds
WORKER_TIMEOUT = 180  # seconds without a worker on this machine
START_TRIES = 3  # of the workers of this machine, if one is killed while it starts


class NoScheduler(HarnessError):
    """No scheduler of Dask responds at an address; the message says what to do."""


class NoWorker(HarnessError):
    """No worker is left on this machine; the message says what to do."""


@dataclass
class _LocalWorkers:
    """The workers of this machine, each of which is started again if it ends."""

    cluster: LocalCluster
    _last_seen: float = field(default_factory=time.monotonic)

    def are_gone(self) -> bool:
        """True after `WORKER_TIMEOUT` without one: a machine can be too busy."""
        now = time.monotonic()
        if self.cluster.scheduler.workers:
            self._last_seen = now
        return now - self._last_seen > WORKER_TIMEOUT


@dataclass(frozen=True)
class _DaskLane:
    """A lane as a task; without workers it would wait for ever."""

    task: Future
    workers: _LocalWorkers | None  # None on another scheduler

    def done(self) -> bool:
        is_lost = self.workers is not None and self.workers.are_gone()
        return is_lost or bool(self.task.done())

    def exception(self) -> BaseException | None:
        if not self.task.done():
            return NoWorker(
                "no worker is left, and none could be started: the same command goes "
                "on; choose fewer with --workers if the machine is too busy"
            )
        error: BaseException | None = self.task.exception()
        return error

    def result(self) -> LaneResult:
        result: LaneResult = self.task.result()
        return result


@contextmanager
def on_dask(
    campaign: CampaignFile,
    names: Sequence[str],
    *,
    scheduler: str | None,
    workers: int | None,
) -> Iterator[Mapping[str, LaneFuture]]:
    """
    Run each lane as a task; yields a future for each.

    Without the address of a `scheduler`, `workers` processes are started here; None for
    one per processor. No response goes through the scheduler. Raises `NoScheduler`,
    and `NoWorker` if the processes do not start.
    """
    with ExitStack() as stack:
        here: _LocalWorkers | None = None
        if scheduler is None:
            cluster = stack.enter_context(_local_cluster(len(names), workers))
            scheduler, here = cluster.scheduler_address, _LocalWorkers(cluster)
        try:
            client = Client(scheduler, timeout=CONNECT_TIMEOUT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise NoScheduler(
                f"no Dask scheduler responds at {scheduler}: {error}. Start one with "
                "`dask scheduler`, or leave --scheduler out to run on this machine"
            ) from None
        stack.enter_context(client)
        yield {
            each: _DaskLane(
                client.submit(
                    run_lane,
                    campaign,
                    each,
                    key=f"imageparity-{campaign.name}-{each}-{client.id}",
                    pure=False,
                    retries=RETRIES,
                ),
                here,
            )
            for each in names
        }


@contextmanager
def _local_cluster(lanes: int, workers: int | None) -> Iterator[LocalCluster]:
    """Worker processes on this machine that end with this one."""
    processes = min(workers or os.cpu_count() or 1, lanes)
    threads = min(MAX_THREADS, -(-lanes // processes))
    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        "distributed.worker.memory.terminate": False,
        "distributed.admin.log-format": "%(message)s",
    }
    with dask.config.set(settings), _started(processes, threads) as cluster:
        yield cluster


def _started(processes: int, threads: int) -> LocalCluster:
    """The workers, each of them started. Raises `NoWorker`."""
    tries = 0
    while True:
        try:
            return LocalCluster(
                n_workers=processes,
                threads_per_worker=threads,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # by default a port that may be in use
                silence_logs=logging.CRITICAL,
                preload=[worker_signals.__name__],
            )
        except RuntimeError as error:  # one worker has ended
            tries += 1
            if tries == START_TRIES:
                raise NoWorker(
                    f"the {processes} workers on this machine do not start: "
                    f"{error.__cause__ or error}. Choose fewer with --workers"
                ) from None
