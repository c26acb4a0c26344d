"""Interrupts: SIGINT (Ctrl-C) and SIGTERM end a command in an orderly way."""

import asyncio
import functools
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from contracts.cli.shared.exit_codes import STOPPED
from contracts.report.model import Report, RunMetadata
from mockserver.signals import STOP_SIGNALS, handle_signal

T = TypeVar("T")


class Interrupted(Exception):
    """A coroutine was cancelled by SIGINT or SIGTERM."""


async def run_until_interrupted(
    coroutine: Coroutine[Any, Any, T], stop: asyncio.Event | None = None
) -> T:
    """
    Await a coroutine that SIGINT and SIGTERM cancel.

    With `stop`, the first signal sets this event and only the second one cancels: the
    coroutine can end in its own way. Raises `Interrupted` if it was cancelled. When
    this returns, the signals have their usual effect again.
    """
    task = asyncio.ensure_future(coroutine)
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop is None or stop.is_set():
            task.cancel()
        else:
            stop.set()

    removers = [handle_signal(loop, number, on_signal) for number in STOP_SIGNALS]
    try:
        return await task
    except asyncio.CancelledError:
        raise Interrupted from None
    finally:
        for remove in removers:
            remove()


@contextmanager
def keep_first_interrupt() -> Iterator[Callable[[], None]]:
    """
    Keep the first SIGINT or SIGTERM of a block for the function that it yields.

    The function raises `KeyboardInterrupt` if there was one: raised by the handler, it
    is lost when the interpreter runs a finalizer. A second signal raises it at once.
    """
    received, is_kept = 0, False

    def on_signal(*_: object) -> None:
        nonlocal received, is_kept
        received += 1
        is_kept = received == 1
        if not is_kept:
            raise KeyboardInterrupt

    def check() -> None:
        nonlocal is_kept
        if is_kept:
            is_kept = False
            raise KeyboardInterrupt

    before = {each: signal.signal(each, on_signal) for each in STOP_SIGNALS}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def report_on_interrupt(command: Callable[..., None]) -> Callable[..., None]:
    """
    Make a command end with status `STOPPED` when it is interrupted at any time.

    The command has the options `seed`, `report_path` and `same_questions`. If it was
    interrupted before it wrote `report_path`, a report without outcomes is written
    there, except with `same_questions`, of which only complete files are written.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        path = options["report_path"]
        before = _file_identity(path)
        try:
            command(**options)
        except KeyboardInterrupt:
            is_written = _file_identity(path) != before
            if path and not is_written and not options["same_questions"]:
                _empty_report(options["seed"]).write(path)
            raise SystemExit(STOPPED) from None

    return run


def _empty_report(seed: int) -> Report:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    metadata = RunMetadata(version("imageparity"), started, seed, ())
    return Report(metadata, (), "interrupt")


def _file_identity(path: str | None) -> tuple[int, int] | None:
    """Inode and time of change of a file; None if there is no file."""
    if path is None or not Path(path).exists():
        return None
    status = Path(path).stat()
    return status.st_ino, status.st_mtime_ns
