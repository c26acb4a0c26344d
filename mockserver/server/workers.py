"""
Run worker processes that share one port, replace those that die, and stop them.

gunicorn would be a further dependency, and does not return the totals of its workers.
"""

import logging
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, NoReturn

assert sys.platform != "win32"  # noqa: S101 -- says so to mypy: there is no fork

READY_MESSAGE = b"ready\n"
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
HANDLED_SIGNALS = {*STOP_SIGNALS, signal.SIGCHLD}

log = logging.getLogger("mockserver")

ReadyCallback = Callable[[], None]
WorkFunction = Callable[[socket.socket, ReadyCallback, int, bool], bytes]
"""See `supervise`."""


@dataclass(slots=True)
class Worker:
    """
    A process that serves on `listener`.

    The child writes `READY_MESSAGE` to `ready_pipe` when it accepts connections, and
    its result to `result_file` when it ends.
    """

    listener: socket.socket
    ready_pipe: int
    result_file: IO[bytes]
    is_ready: bool = False

    def wait_until_ready(self) -> bool:
        """Wait until the worker is ready; False if it ended before."""
        if not self.is_ready:
            self.is_ready = (
                os.read(self.ready_pipe, len(READY_MESSAGE)) == READY_MESSAGE
            )
            os.close(self.ready_pipe)
        return self.is_ready


class Supervisor:
    """
    The parent of the workers; it serves nothing itself.

    It keeps the sockets open, so that a connection made while a worker is replaced
    waits for the next one. It also keeps one end of a pipe; workers end when it is
    closed, that is, when their parent has died.
    """

    def __init__(self, listeners: Sequence[socket.socket], work: WorkFunction) -> None:
        self._listeners = listeners
        self._work = work
        self._liveness_read, self._liveness_write = os.pipe()
        self._workers: dict[int, Worker] = {}
        self._results: list[bytes] = []
        self._stopping = False
        self._failed = False

    def run(self, ready: ReadyCallback) -> list[bytes]:
        """
        Return the results of all workers, after a signal has ended them.

        Raises `SystemExit` with status 1 if a worker could not start, and with 128
        plus the number of the signal if a second one arrives before all have ended.
        """
        # `sigwait` does not return for a signal that is ignored.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED_SIGNALS)
        for listener in self._listeners:
            listener.listen(socket.SOMAXCONN)
            self._start(listener)
        if all(each.wait_until_ready() for each in self._workers.values()):
            ready()
        else:
            self._fail()
        while self._workers:
            number = signal.sigwait(HANDLED_SIGNALS)
            if number == signal.SIGCHLD:
                self._reap()
            elif not self._stopping:
                self._stop()
            else:
                self._signal_workers(signal.SIGKILL)
                for pid, worker in self._workers.items():
                    os.waitpid(pid, 0)  # no worker outlives its parent
                    worker.result_file.close()
                raise SystemExit(128 + number)
        if self._failed:
            raise SystemExit(1)
        return self._results

    def _start(self, listener: socket.socket) -> None:
        ready_read, ready_write = os.pipe()
        result_file = tempfile.TemporaryFile()  # noqa: SIM115 -- `_reap` closes it
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._run_worker(listener, ready_write, result_file)
        os.close(ready_write)
        self._workers[pid] = Worker(listener, ready_read, result_file)

    def _run_worker(
        self, listener: socket.socket, ready_pipe: int, result_file: IO[bytes]
    ) -> NoReturn:
        """Serve in the child process; ends it."""
        status = 1

        def ready() -> None:
            os.write(ready_pipe, READY_MESSAGE)

        try:
            os.close(self._liveness_write)
            for other in self._listeners:
                if other is not listener:
                    other.close()
            # Ctrl-C reaches all processes of a terminal; the parent stops the workers.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED_SIGNALS)
            is_first = listener is self._listeners[0]
            result_file.write(
                self._work(listener, ready, self._liveness_read, is_first)
            )
            result_file.flush()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        """Collect the results of workers that have ended; replace unexpected ends."""
        for pid, worker in list(self._workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._workers[pid]
            with worker.result_file as file:
                file.seek(0)
                result = file.read()
            if self._stopping:
                self._results.append(result)
                continue
            code = os.waitstatus_to_exitcode(status)
            if worker.wait_until_ready():
                log.error("Worker %d ended (%d); it is replaced.", pid, code)
                self._start(worker.listener)
            else:
                log.error("Worker %d could not start (%d).", pid, code)
                self._fail()

    def _stop(self) -> None:
        self._stopping = True
        for listener in self._listeners:
            listener.close()
        self._signal_workers(signal.SIGTERM)

    def _fail(self) -> None:
        self._failed = True
        self._stop()

    def _signal_workers(self, number: signal.Signals) -> None:
        for pid in self._workers:
            os.kill(pid, number)


def supervise(
    listeners: Sequence[socket.socket], work: WorkFunction, ready: ReadyCallback
) -> list[bytes]:
    """
    Run `work(listener, ready, parent_pipe, is_first)` in a process for each listener.

    `work` calls its `ready` when it accepts connections. It returns after SIGTERM or
    when `parent_pipe` is closed. Returns the results of all workers; raises
    `SystemExit` as `Supervisor.run` does.
    """
    return Supervisor(listeners, work).run(ready)
