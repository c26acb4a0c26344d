"""The latest uploads and outputs, for the inspector."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockserver.media.base import Output


MAX_BYTES = 32 * 1024 * 1024
MAX_RESPONSES = 200
OUTPUT_BYTES = 2_000  # approximate size of an output without uploads


class RecentOutputs:
    """
    Outputs by request id, and uploads by sha256.

    Both share a limit in bytes; the oldest outputs are dropped first, then the oldest
    uploads. Unlike the journal they belong to this process only.
    """

    def __init__(
        self, max_bytes: int = MAX_BYTES, max_responses: int = MAX_RESPONSES
    ) -> None:
        self._max_bytes = max_bytes
        self._max_responses = max_responses
        self._outputs: OrderedDict[str, Sequence[Output]] = OrderedDict()
        self._uploads: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def add(
        self,
        request_id: str,
        outputs: "Sequence[Output]",
        uploads: Mapping[str, bytes],
    ) -> None:
        """Add the outputs and uploads of a request; `uploads` are bytes by sha256."""
        if outputs:
            self._outputs[request_id] = outputs
            self._bytes += _weight(outputs)
        for sha256, data in uploads.items():
            if sha256 not in self._uploads:
                self._bytes += len(data)
            self._uploads[sha256] = data
            self._uploads.move_to_end(sha256)
        while len(self._outputs) > self._max_responses or (
            self._bytes > self._max_bytes and self._outputs
        ):
            _, oldest = self._outputs.popitem(last=False)
            self._bytes -= _weight(oldest)
        while len(self._uploads) > self._max_responses or (
            self._bytes > self._max_bytes and self._uploads
        ):
            _, data = self._uploads.popitem(last=False)
            self._bytes -= len(data)

    def output(self, request_id: str, index: int) -> "Output | None":
        """Return output `index`, counted from 0; None if it is dropped."""
        outputs = self._outputs.get(request_id, ())
        return outputs[index] if 0 <= index < len(outputs) else None

    def upload(self, sha256: str) -> bytes | None:
        return self._uploads.get(sha256)

    def clear(self) -> None:
        self._outputs.clear()
        self._uploads.clear()
        self._bytes = 0


def _weight(outputs: "Sequence[Output]") -> int:
    """Bytes held by the outputs of one response, which share their uploads."""
    size = OUTPUT_BYTES * len(outputs)
    if not outputs[0].uploads:
        return size
    # By identity: an image that a request has twice is there twice.
    uploads = {id(each): len(each) for output in outputs for each in output.uploads}
    return size + sum(uploads.values())
