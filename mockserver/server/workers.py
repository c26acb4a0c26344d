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

READY = b"ready\n"
ENDING = {signal.SIGTERM, signal.SIGINT}
WATCHED = {*ENDING, signal.SIGCHLD}

log = logging.getLogger("mockserver")

Ready = Callable[[], None]
Work = Callable[[socket.socket, Ready, int, bool], bytes]


@dataclass(slots=True)
class Worker:
    """
    A process that serves on `listener`.

    It writes `READY` to `report` once it answers, and its last words to `book`.
    """

    listener: socket.socket
    report: int
    book: IO[bytes]
    is_ready: bool = False

    def wait(self) -> bool:
        """Whether it got ready; until it has, or has ended."""
        if not self.is_ready:
            self.is_ready = os.read(self.report, len(READY)) == READY
            os.close(self.report)
        return self.is_ready


class Supervisor:
    """
    The parent of workers: it serves nothing itself.

    It holds the sockets, so that a connection made while a worker is being replaced
    waits for the next one; and `held`, the end of a pipe that tells workers, when it
    closes, that their parent is gone.
    """

    def __init__(self, listeners: Sequence[socket.socket], work: Work) -> None:
        self._listeners = listeners
        self._work = work
        self._parent, self._held = os.pipe()
        self._workers: dict[int, Worker] = {}
        self._said: list[bytes] = []
        self._stopping = False
        self._failed = False

    def run(self, ready: Ready) -> list[bytes]:
        """
        The last words of each worker, once a signal has ended them.

        Raises `SystemExit`: 1 when one of them could not start, 128 and the number of
        the signal when a second one came before they had ended.
        """
        signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored cannot wake us
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        for listener in self._listeners:
            listener.listen(socket.SOMAXCONN)
            self._start(listener)
        if all(each.wait() for each in self._workers.values()):
            ready()
        else:
            self._fail()
        while self._workers:
            number = signal.sigwait(WATCHED)
            if number == signal.SIGCHLD:
                self._reap()
            elif not self._stopping:
                self._stop()
            else:
                self._send(signal.SIGKILL)
                for each in self._workers.values():
                    each.book.close()
                raise SystemExit(128 + number)
        if self._failed:
            raise SystemExit(1)
        return self._said

    def _start(self, listener: socket.socket) -> None:
        report, own = os.pipe()
        book = tempfile.TemporaryFile()  # noqa: SIM115 -- it is closed when it is read
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become(listener, own, book)
        os.close(own)
        self._workers[pid] = Worker(listener, report, book)

    def _become(
        self, listener: socket.socket, report: int, book: IO[bytes]
    ) -> NoReturn:
        """Be a worker, in the child: it never returns."""
        status = 1

        def ready() -> None:
            os.write(report, READY)

        try:
            os.close(self._held)
            for each in self._listeners:
                if each is not listener:
                    each.close()
            # A terminal's Ctrl-C goes to all of us; it is the parent who tells.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            is_first = listener is self._listeners[0]
            book.write(self._work(listener, ready, self._parent, is_first))
            book.flush()
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
            with worker.book as book:
                book.seek(0)
                said = book.read()
            if self._stopping:
                self._said.append(said)
                continue
            how = os.waitstatus_to_exitcode(status)
            if worker.wait():
                log.error("Worker %d ended (%d); another takes its place.", pid, how)
                self._start(worker.listener)
            else:
                log.error("Worker %d could not begin (%d).", pid, how)
                self._fail()

    def _stop(self) -> None:
        self._stopping = True
        for each in self._listeners:
            each.close()
        self._send(signal.SIGTERM)

    def _fail(self) -> None:
        self._failed = True
        self._stop()

    def _send(self, number: signal.Signals) -> None:
        for pid in self._workers:
            os.kill(pid, number)


def supervise(
    listeners: Sequence[socket.socket], work: Work, ready: Ready
) -> list[bytes]:
    """
    Run `work(listener, ready, parent, is_first)` in a process for each listener.

    `work` calls its `ready` once it answers. It ends by SIGTERM, and when the pipe
    `parent` does; what it returns then is handed over to us.
    """
    return Supervisor(listeners, work).run(ready)
