"""
Simulated faults of networks, proxies and relays, by name.

A *wire* fault damages the transfer of a response. A *relay* fault is a defect of
gateways that forward responses.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from mockserver.media.registry import MEDIA
from mockserver.simulation import transfer
from mockserver.simulation.transfer import PendingResponse

MAX_DELAY = 600.0  # seconds, of a latency or a fault

# Relay faults that earlier steps of the pipeline simulate.
CDN_TIMEOUT = "cdn-timeout"
ERROR_AS_200 = "error-as-200"
HEAD_REFUSED = "head-refused"
NO_CORS = "no-cors"
STREAM_ERROR = "stream-error"

SendFunction = Callable[[web.Request, PendingResponse], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A simulated fault: its name, one sentence of description, and its kind.

    `status` replaces the status of the response in the journal; 0 means that the client
    receives no status. `send` sends the damaged response; None if another step of the
    pipeline simulates the fault. With `takes_status` a trigger can name another status.
    `loses_body` and `loses_stream` say that the client cannot use any output of a JSON
    response, or of a stream.
    """

    name: str
    description: str
    kind: str
    send: SendFunction | None = None
    status: int | None = None
    takes_status: bool = False
    loses_body: bool = False
    loses_stream: bool = False

    def loses(self, *, is_stream: bool) -> bool:
        """True if the outputs of a response are of no use to the client."""
        return self.loses_stream if is_stream else self.loses_body

    def damages_transfer(self, method: str) -> bool:
        """
        True if the fault damages the transfer of a response to this method.

        A response to HEAD has no body, so that most faults have nothing to damage.
        """
        if self.send is None:
            return False
        is_beyond_body = self.status is not None or self.name == NO_CORS
        return is_beyond_body or method != hdrs.METH_HEAD


_COMMON_FAULTS = (
    Fault(
        "reset",
        "The connection is reset before any byte of the response.",
        "wire",
        transfer.reset_without_response,
        status=0,
        loses_body=True,
        loses_stream=True,
    ),
    Fault(
        "empty",
        "The connection is closed without a byte of a response.",
        "wire",
        transfer.close_without_response,
        status=0,
        loses_body=True,
        loses_stream=True,
    ),
    Fault(
        "truncate",
        "The connection is closed after half of the body; Content-Length is the full "
        "size.",
        "wire",
        transfer.send_truncated,
        loses_body=True,
        loses_stream=True,
    ),
    Fault(
        "stall",
        "Half of the body is sent, then nothing for "
        f"{transfer.STALL_SECONDS:.0f} seconds (`seconds`), then the connection is "
        "reset.",
        "wire",
        transfer.send_and_stall,
        loses_body=True,
        loses_stream=True,
    ),
    Fault(
        "slow",
        "The whole body, or each event, is sent in small chunks over "
        f"{transfer.SLOW_SECONDS:.0f} seconds (`seconds`).",
        "wire",
        transfer.send_slowly,
    ),
    Fault(
        "garbage",
        "The body is random bytes, with the status and headers of the response.",
        "wire",
        transfer.send_garbage,
        loses_body=True,
        loses_stream=True,
    ),
    Fault(
        "html",
        "The response is the HTML error page of a content delivery network, with "
        "status 502 (`status`).",
        "wire",
        transfer.send_error_page,
        status=502,
        takes_status=True,
        loses_body=True,
        loses_stream=True,
    ),
    Fault(
        CDN_TIMEOUT,
        f"After {transfer.CDN_TIMEOUT_SECONDS:.0f} seconds (`seconds`) of the mock's "
        "clock a content delivery network gives up and sends an HTML page with status "
        "524 (`status`). The provider finishes, and bills: journal and costs show it.",
        "wire",
        transfer.send_timeout_page,
        status=transfer.CDN_TIMEOUT_STATUS,
        takes_status=True,
        loses_body=True,
        loses_stream=True,
    ),
    Fault(
        NO_CORS,
        "The response, or the image at a URL, has no CORS headers, so that a page of "
        "another origin cannot read it.",
        "wire",
        transfer.send_without_cors,
    ),
    Fault(
        HEAD_REFUSED,
        "A HEAD request for an image is answered 403, as by storage whose URLs are "
        "signed for GET only. Of a request for images it applies to the URLs in the "
        "response.",
        "wire",
    ),
    Fault(
        "cut-stream",
        "An event stream ends between two events, without the last chunk; a response "
        "that is not a stream is sent unchanged.",
        "wire",
        transfer.send_cut_stream,
        loses_stream=True,
    ),
    Fault(
        ERROR_AS_200,
        "The body of an error response (server_error by default) is sent with "
        "status 200.",
        "relay",
    ),
    Fault(
        "leading-whitespace",
        "Newlines precede the body, as some relays send them to keep the connection "
        "open.",
        "relay",
        transfer.send_leading_whitespace,
    ),
    Fault(
        STREAM_ERROR,
        "An event `error` replaces the first finished image of a stream, and the "
        "stream ends; a response that is not a stream is sent unchanged.",
        "relay",
        loses_stream=True,
    ),
)
_MEDIA_FAULTS = (
    Fault(name, description, "relay")
    for medium in MEDIA.values()
    for name, description in medium.relay_faults.items()
)
# The wire faults, then the relay faults by name.
FAULTS = {
    each.name: each
    for each in sorted(
        (*_COMMON_FAULTS, *_MEDIA_FAULTS),
        key=lambda each: each.name if each.kind == "relay" else "",
    )
}


async def send(
    request: web.Request, pending: PendingResponse, fault: Fault | None = None
) -> web.StreamResponse:
    """Send a response, damaged if the fault affects the transfer."""
    if fault and fault.send and fault.damages_transfer(request.method):
        return await fault.send(request, pending)
    return await transfer.send_whole(request, pending)
