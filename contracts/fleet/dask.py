"""Run lanes as tasks of Dask: on workers of this machine, or of any scheduler."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import dask.config
from distributed import Client, LocalCluster

from contracts.errors import HarnessError
from contracts.fleet import worker_signals
from contracts.fleet.campaign_file import CampaignFile
from contracts.fleet.lane import run_lane
from contracts.fleet.launch import LaneFuture

MAX_THREADS = 200  # of one worker: each lane waits for responses most of the time
RETRIES = 2  # of a lane whose worker lost its lease or its ledger
ALLOWED_DEATHS = 1000  # of workers that have a lane, which no outcome depends on
CONNECT_TIMEOUT = 10  # seconds


class NoScheduler(HarnessError):
    """No scheduler of Dask responds at an address; the message says what to do."""


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
    one per processor. No response goes through the scheduler. Raises `NoScheduler`.
    """
    with ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(_local_cluster(len(names), workers))
        try:
            client = Client(scheduler, timeout=CONNECT_TIMEOUT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise NoScheduler(
                f"no Dask scheduler responds at {scheduler}: {error}. Start one with "
                "`dask scheduler`, or leave --scheduler out to run on this machine"
            ) from None
        stack.enter_context(client)
        yield {
            each: client.submit(
                run_lane,
                campaign,
                each,
                key=f"imageparity-{campaign.name}-{each}-{client.id}",
                pure=False,
                retries=RETRIES,
            )
            for each in names
        }


@contextmanager
def _local_cluster(lanes: int, workers: int | None) -> Iterator[str]:
    """Worker processes on this machine that end with this one; yields the address."""
    processes = min(workers or os.cpu_count() or 1, lanes)
    threads = min(MAX_THREADS, -(-lanes // processes))
    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        "distributed.worker.memory.terminate": False,
        "distributed.admin.log-format": "%(message)s",
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=processes,
            threads_per_worker=threads,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            preload=[worker_signals.__name__],
        ) as cluster,
    ):
        yield cluster.scheduler_address
