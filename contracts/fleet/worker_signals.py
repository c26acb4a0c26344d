"""Loaded by worker processes of this machine: an interrupt is for their launcher."""

import signal


def dask_setup(_: object) -> None:
    """Ignore Ctrl-C, which a terminal sends to all processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
