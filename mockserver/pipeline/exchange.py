"""One request on its way through the steps, and what is known of it so far."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockserver.media.image.plan import Plan
from mockserver.pipeline.body_parsing import ParsedBody
from mockserver.pipeline.interpretation import (
    Interpretation,
)
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.simulation.triggers import (
    NO_BEHAVIOR,
    Behavior,
)
from mockserver.state.rate_limit import BucketState, format_duration
from specs import (
    Operation,
    Verdict,
)

if TYPE_CHECKING:
    pass

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

ABORTED, ANSWERED = "aborted", "answered"


@dataclass(slots=True)
class Exchange:
    """One request on its way: what is known of it so far, for the journal."""

    request: web.Request
    operation: Operation
    provider_context: ProviderContext
    request_id: str
    started_at: float
    key: str = ""
    namespace: str | None = None
    body_size: int = 0
    parsed_body: ParsedBody | None = None
    interpretation: Interpretation | None = None
    behavior: Behavior = NO_BEHAVIOR
    verdict: Verdict | None = None
    error: str | None = None
    reason: str | None = None
    bucket_state: BucketState | None = None
    plans: Sequence[Plan] = ()
    delivered: int = 0
    cost: Mapping[str, Any] = field(default_factory=dict)
    is_replayed: bool = False
    status: int | None = None
    outcome: str = ABORTED
    holds_slot: bool = False
    is_recorded: bool = False

    @property
    def quota_key(self) -> str:
        """Whose quotas count, as it may be written down."""
        digest = hashlib.sha256(self.key.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{self.namespace}|{self.provider_context.provider.id}|{digest}"

    def headers(self) -> dict[str, str]:
        """Those of every answer, as the dialect gives them."""
        given = self.provider_context.provider.dialect.mock
        found = dict(given.get("headers", {}))
        details = {"request_id": self.request_id}
        if self.bucket_state is not None:
            found |= given.get("quota_headers", {})
            details |= {
                "limit": str(self.bucket_state.limit),
                "remaining": str(self.bucket_state.remaining),
                "reset": format_duration(self.bucket_state.reset),
            }
        for name, value in found.items():
            if "{" in value:
                found[name] = value.format(**details)
        return found
