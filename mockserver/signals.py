"""Signals that end a command, handled in an event loop on every system."""

import asyncio
import signal
import sys
from collections.abc import Callable
from functools import partial

STOP_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
if sys.platform == "win32":
    STOP_SIGNALS += (signal.SIGBREAK,)


def handle_signal(
    loop: asyncio.AbstractEventLoop,
    number: signal.Signals,
    callback: Callable[[], None],
) -> Callable[[], object]:
    """
    Call `callback` in a running event loop at each signal of this number.

    Must be called in the main thread. Returns a function that removes the handler.
    """
    try:
        loop.add_signal_handler(number, callback)
    except NotImplementedError:  # the event loops of Windows
        previous = signal.signal(number, lambda *_: loop.call_soon_threadsafe(callback))
        return partial(signal.signal, number, previous or signal.SIG_DFL)
    return partial(loop.remove_signal_handler, number)
