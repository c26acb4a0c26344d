"""Several processes that serve one port: started, replaced when they die, ended."""

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

READY_MESSAGE = b"ready\n"
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
HANDLED_SIGNALS = {*STOP_SIGNALS, signal.SIGCHLD}

log = logging.getLogger("mockserver")

ReadyCallback = Callable[[], None]
WorkFunction = Callable[[socket.socket, ReadyCallback, int, bool], bytes]


@dataclass(slots=True)
class Worker:
    """
    A process that serves on `listener`.

    It writes `READY` to `report` once it answers, and its last words to `book`.
    """

    listener: socket.socket
    ready_pipe: int
    result_file: IO[bytes]
    is_ready: bool = False

    def wait_until_ready(self) -> bool:
        """Whether it got ready; until it has, or has ended."""
        if not self.is_ready:
            self.is_ready = (
                os.read(self.ready_pipe, len(READY_MESSAGE)) == READY_MESSAGE
            )
            os.close(self.ready_pipe)
        return self.is_ready


class Supervisor:
    """
    The parent of workers: it serves nothing itself.

    It holds the sockets, so that a connection made while a worker is being replaced
    waits for the next one; and `held`, the end of a pipe that tells workers, when it
    closes, that their parent is gone.
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
        The last words of each worker, once a signal has ended them.

        Raises `SystemExit`: 1 when one of them could not start, 128 and the number of
        the signal when a second one came before they had ended.
        """
        signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored cannot wake us
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
                for each in self._workers.values():
                    each.result_file.close()
                raise SystemExit(128 + number)
        if self._failed:
            raise SystemExit(1)
        return self._results

    def _start(self, listener: socket.socket) -> None:
        report, own = os.pipe()
        book = tempfile.TemporaryFile()  # noqa: SIM115 -- it is closed when it is read
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._run_worker(listener, own, book)
        os.close(own)
        self._workers[pid] = Worker(listener, report, book)

    def _run_worker(
        self, listener: socket.socket, ready_pipe: int, result_file: IO[bytes]
    ) -> NoReturn:
        """Be a worker, in the child: it never returns."""
        status = 1

        def ready() -> None:
            os.write(ready_pipe, READY_MESSAGE)

        try:
            os.close(self._liveness_write)
            for each in self._listeners:
                if each is not listener:
                    each.close()
            # A terminal's Ctrl-C goes to all of us; it is the parent who tells.
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
        """Take note of every worker that has ended, and replace it if it should not."""
        for pid, worker in list(self._workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._workers[pid]
            with worker.result_file as book:
                book.seek(0)
                said = book.read()
            if self._stopping:
                self._results.append(said)
                continue
            how = os.waitstatus_to_exitcode(status)
            if worker.wait_until_ready():
                log.error("Worker %d ended (%d); another takes its place.", pid, how)
                self._start(worker.listener)
            else:
                log.error("Worker %d could not begin (%d).", pid, how)
                self._fail()

    def _stop(self) -> None:
        self._stopping = True
        for each in self._listeners:
            each.close()
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
    Run `work(listener, ready, parent, is_first)` in a process for each listener.

    `work` calls its `ready` once it answers. It ends by SIGTERM, and when the pipe
    `parent` does; what it returns then is handed over to us.
    """
    return Supervisor(listeners, work).run(ready)
