"""The latest uploads and image plans, for the inspector."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from mockserver.media.image.plan import Plan

MAX_BYTES = 32 * 1024 * 1024
MAX_RESPONSES = 200
PLAN_BYTES = 2_000  # approximate size of a plan without input images


class RecentOutputs:
    """
    Image plans by request id, and uploads by sha256.

    Both share a limit in bytes; the oldest plans are dropped first, then the oldest
    uploads. Unlike the journal they belong to this process only.
    """

    def __init__(
        self, max_bytes: int = MAX_BYTES, max_responses: int = MAX_RESPONSES
    ) -> None:
        self._max_bytes = max_bytes
        self._max_responses = max_responses
        self._plans: OrderedDict[str, Sequence[Plan]] = OrderedDict()
        self._uploads: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def add(
        self, request_id: str, plans: Sequence[Plan], uploads: Mapping[str, bytes]
    ) -> None:
        """Add the plans and uploads of a request; `uploads` are bytes by sha256."""
        if plans:
            self._plans[request_id] = plans
            self._bytes += _weight(plans)
        for sha256, data in uploads.items():
            if sha256 not in self._uploads:
                self._bytes += len(data)
            self._uploads[sha256] = data
            self._uploads.move_to_end(sha256)
        while len(self._plans) > self._max_responses or (
            self._bytes > self._max_bytes and self._plans
        ):
            _, oldest = self._plans.popitem(last=False)
            self._bytes -= _weight(oldest)
        while len(self._uploads) > self._max_responses or (
            self._bytes > self._max_bytes and self._uploads
        ):
            _, data = self._uploads.popitem(last=False)
            self._bytes -= len(data)

    def plan(self, request_id: str, index: int) -> Plan | None:
        """Return the plan of image `index`, counted from 0; None if it is dropped."""
        plans = self._plans.get(request_id, ())
        return plans[index] if 0 <= index < len(plans) else None

    def upload(self, sha256: str) -> bytes | None:
        return self._uploads.get(sha256)

    def clear(self) -> None:
        self._plans.clear()
        self._uploads.clear()
        self._bytes = 0


def _weight(plans: Sequence[Plan]) -> int:
    """Bytes held by the plans of one response, which share their input images."""
    if not plans[0].inputs:
        return PLAN_BYTES * len(plans)
    images = {each for plan in plans for each in (*plan.inputs, plan.mask) if each}
    return PLAN_BYTES * len(plans) + sum(map(len, images))
