"""The state of one request while it passes the steps of the pipeline."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import web

from mockserver.media.base import Output
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.request.interpretation import Interpretation, Refusal
from mockserver.simulation.triggers import NO_BEHAVIOR, Behavior
from mockserver.state.rate_limit import BucketState, format_duration
from specs import Operation, Verdict

ABORTED, ANSWERED = "aborted", "answered"
IGNORED_HEADER = "X-Mock-Ignored"
# The value of a header may also hold the brackets of `image[0]`.
_SAFE_CHARACTERS = "!#$&'*+-.^_`|~[]"


@dataclass(slots=True)
class Exchange:
    """
    A request and the results of the steps so far, for later steps and the journal.

    * `started_at`: on the monotonic clock, in seconds.
    * `namespace`: None until it was read from the request.
    * `body_size`: bytes of the request body.
    * `error`, `reason`: name and message of the error response.
    * `bucket_state`: the request quota, if one is set or simulated.
    * `ignored`: names of fields that had no effect on the response.
    * `billed`: number of outputs that were made and billed.
    * `delivered`: number of outputs sent.
    * `is_lost`: a fault keeps the outputs that were sent from the client.
    * `status`: None if no response was sent.
    * `outcome`: `answered`, `aborted` or the name of the simulated fault.
    * `path_parameters`: the values in the path, by name.
    * `task_id`, `task_state`: the task that the request is about, if any.
    * `holds_slot`: the request counts as open for the concurrency quota.
    """

    request: web.Request
    operation: Operation
    provider_context: ProviderContext
    request_id: str
    started_at: float
    key: str = ""
    namespace: str | None = None
    body_size: int = 0
    parsed_body: ParsedBody | None = None
    interpretation: Interpretation | Refusal | None = None
    behavior: Behavior = NO_BEHAVIOR
    verdict: Verdict | None = None
    error: str | None = None
    reason: str | None = None
    bucket_state: BucketState | None = None
    outputs: Sequence[Output] = ()
    billed: int = 0
    delivered: int = 0
    is_lost: bool = False
    cost: Mapping[str, Any] = field(default_factory=dict)
    is_replayed: bool = False
    status: int | None = None
    outcome: str = ABORTED
    holds_slot: bool = False
    ignored: Sequence[str] = ()
    is_recorded: bool = False
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    task_id: str | None = None
    task_state: str | None = None

    @property
    def fault_name(self) -> str | None:
        """The name of the simulated fault, if any."""
        fault = self.behavior.fault
        return None if fault is None else fault.name

    @property
    def undelivered(self) -> int:
        """The number of billed outputs that the client did not receive."""
        return max(0, self.billed - (0 if self.is_lost else self.delivered))

    @property
    def quota_key(self) -> str:
        """The owner of a quota: namespace, provider and a digest of the API key."""
        digest = hashlib.sha256(self.key.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{self.namespace}|{self.provider_context.provider.id}|{digest}"

    def headers(self) -> dict[str, str]:
        """The headers that the dialect defines for every response, and the mock's."""
        mock = self.provider_context.provider.dialect.mock
        headers = dict(mock.headers)
        details = {"request_id": self.request_id}
        if self.bucket_state is not None:
            limit, quota_headers = self.bucket_state.limit, mock.quota_headers
            if limit is None:
                quota_headers = {
                    name: value
                    for name, value in quota_headers.items()
                    if "{limit}" not in value
                }
            headers |= quota_headers
            details |= {
                "limit": str(limit),
                "remaining": str(self.bucket_state.remaining),
                "reset": format_duration(self.bucket_state.reset),
            }
        for name, value in headers.items():
            if "{" in value:
                headers[name] = value.format(**details)
        if self.ignored:
            names = (quote(each, safe=_SAFE_CHARACTERS) for each in self.ignored)
            headers[IGNORED_HEADER] = ", ".join(names)
        return headers
