"""Find the last event of a stream while the stream is read."""

import re

from contracts.planning.case import Case

# A completed event has one of them in its data; `[DONE]` ends the streams of others.
_COMPLETED = re.compile(rb'"type"\s*:\s*"[^"]*\.completed"')
_DONE = re.compile(rb"^data:\s*\[DONE\]\s*$", re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class StreamEnd:
    """Counts the completed events of a stream, of which `n` of the request are due."""

    def __init__(self, case: Case) -> None:
        count = case.payload.get("n")
        is_count = isinstance(count, int) and not isinstance(count, bool)
        self._missing = max(1, int(count or 1)) if is_count else 1
        self._event = bytearray()
        self.is_reached = False

    def read(self, chunk: bytes) -> bool:
        """Take the next bytes; true if they complete the last event."""
        if self.is_reached:
            return False
        start = max(0, len(self._event) - 3)
        self._event += chunk
        while end := _BLANK_LINE.search(self._event, start):
            event = bytes(self._event[: end.start()])
            del self._event[: end.end()]
            start = 0
            self._missing -= bool(_COMPLETED.search(event))
            if self._missing == 0 or _DONE.search(event):
                self.is_reached = True
                self._event.clear()
                return True
        return False
