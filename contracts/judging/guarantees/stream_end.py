"""Find the last event of a stream while the stream is read."""

import json
import re

from contracts.planning.case import Case
from specs import COMPLETED, END, USUAL_LAYOUT, ResponseLayout

_DONE = re.compile(rb"^data:\s*\[DONE\]\s*$", re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_DATA_LINE = re.compile(rb"^data:(.*)$", re.MULTILINE)


class StreamEnd:
    """
    Counts the events with an image, of which `n` of the request are due.

    Where the document has an event for the end, or `[DONE]`, that is the last event.
    """

    def __init__(self, case: Case, layout: ResponseLayout = USUAL_LAYOUT) -> None:
        self._layout = layout
        has_end = END in layout.grammar.names
        self._last_role = END if has_end else COMPLETED
        self._waits_for_done = layout.ends_with_done
        count = 1 if has_end else case.payload.get("n")
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
            self._missing -= self._is_last(event)
            is_complete = self._missing == 0 and not self._waits_for_done
            if is_complete or _DONE.search(event):
                self.is_reached = True
                self._event.clear()
                return True
        return False

    def _is_last(self, event: bytes) -> bool:
        """True for an event of the last role; one that is not JSON has none."""
        lines = _DATA_LINE.findall(event.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        try:
            data = json.loads(b"\n".join(lines))
        except (ValueError, RecursionError):
            return False
        return self._layout.has_role(data, self._last_role)
