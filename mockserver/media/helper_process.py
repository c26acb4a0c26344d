"""
Do work on large files in a helper process, so that the event loop is free meanwhile.

Pillow holds the interpreter lock while it blends or converts pixels, and some decoders
do: up to 65 ms for an image of 3840x2160, and no thread goes on until it is done.

A helper starts with the first work, and is kept for the next; threads with work at the
same time have one each. It ends when its standard input is closed, and thus with the
process that started it.
"""

import atexit
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from mockserver.heap import keep_heap_small, trim_heap
from mockserver.media.base import Output, UnreadableUpload

P = ParamSpec("P")
T = TypeVar("T")

Answer = tuple[str | None, T | None]  # the message of an error, or the result

log = logging.getLogger("mockserver")


def run_on(
    output: Output, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do blocking work on an output; in a helper process if the output needs it."""
    run = run_in_helper if output.needs_helper else run_here
    return run(work, *args, **kwargs)


def run_here(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in this process."""
    return work(*args, **kwargs)


def run_in_helper(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Call a function in a helper process; blocks.

    The function, its arguments and its result have to be picklable. If the process
    fails, whatever the reason, the function is called in this one.

    Raises `UnreadableUpload` if the function does.
    """
    try:
        helper = _take_helper()
        message, result = cast("Answer[T]", helper.call((work, args, kwargs)))
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        log.warning("A helper process failed, its work is done here: %r", error)
        return run_here(work, *args, **kwargs)
    if _idle_helpers:
        helper.close()  # one is enough to wait for work; each takes 25 MB
    else:
        _idle_helpers.append(helper)
    if message is not None:
        raise UnreadableUpload(message)
    return cast("T", result)


def close_idle_helpers() -> None:
    """End the helper processes that have nothing to do; the next work starts others."""
    while _idle_helpers:
        _take_helper().close()


class _Helper:
    """A helper process, which does one piece of work at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 -- this module
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # an error comes again where the work is redone
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
            start_new_session=True,  # Ctrl-C is for the caller
        )

    def call(self, work: tuple[Any, ...]) -> Any:
        """Do work given as a function and its arguments; returns an `Answer`."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        try:
            pickle.dump(work, stdin)
            stdin.flush()
            return pickle.load(stdout)  # noqa: S301 -- from our own process
        except BaseException:
            self._process.kill()
            self.close()
            raise

    def close(self) -> None:
        # `communicate` also closes the pipes, and waits for the end of the process.
        self._process.communicate()


_idle_helpers: list[_Helper] = []  # taken from and added to by several threads
atexit.register(close_idle_helpers)
if hasattr(os, "register_at_fork"):
    # The helpers of a forked process would be those of its parent.
    os.register_at_fork(after_in_child=_idle_helpers.clear)


def _take_helper() -> _Helper:
    try:
        return _idle_helpers.pop()
    except IndexError:
        return _Helper()


def main() -> None:
    keep_heap_small()
    while _answer():
        trim_heap()


def _answer() -> bool:
    """Do a piece of work from standard input; False at its end."""
    try:
        work, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 -- our parent
    except EOFError:
        return False
    answer: Answer[Any]
    try:
        answer = None, work(*args, **kwargs)
    except UnreadableUpload as error:
        answer = str(error), None
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    return True


if __name__ == "__main__":
    main()
