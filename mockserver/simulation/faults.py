"""
Simulated faults of networks, proxies and relays, by name.

A *wire* fault damages the transfer of a response. A *relay* fault is a defect of
gateways that forward responses.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from mockserver.simulation import transfer
from mockserver.simulation.transfer import PendingResponse

MAX_DELAY = 600.0  # seconds, of a latency or a fault

# Relay faults that earlier steps of the pipeline simulate.
BAD_BASE64 = "bad-base64"
BOTH_DELIVERIES = "both-deliveries"
CDN_TIMEOUT = "cdn-timeout"
EMPTY_DATA = "empty-data"
ERROR_AS_200 = "error-as-200"
FEWER_IMAGES = "fewer-images"
HEAD_REFUSED = "head-refused"
NO_CORS = "no-cors"
NO_PARTIALS = "no-partials"
ONE_IMAGE = "one-image"
OTHER_FORMAT = "other-format"
STREAM_ERROR = "stream-error"

SendFunction = Callable[[web.Request, PendingResponse], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A simulated fault: its name, one sentence of description, and its kind.

    `status` replaces the status of the response in the journal; 0 means that the client
    receives no status. `send` sends the damaged response; None if another step of the
    pipeline simulates the fault. With `takes_status` a trigger can name another status.
    """

    name: str
    description: str
    kind: str
    send: SendFunction | None = None
    status: int | None = None
    takes_status: bool = False

    def damages_transfer(self, method: str) -> bool:
        """
        True if the fault damages the transfer of a response to this method.

        A response to HEAD has no body, so that most faults have nothing to damage.
        """
        if self.send is None:
            return False
        is_beyond_body = self.status is not None or self.name == NO_CORS
        return is_beyond_body or method != hdrs.METH_HEAD


_ALL_FAULTS = (
    Fault(
        "reset",
        "The connection is reset before any byte of the response.",
        "wire",
        transfer.reset_without_response,
        status=0,
    ),
    Fault(
        "empty",
        "The connection is closed without a byte of a response.",
        "wire",
        transfer.close_without_response,
        status=0,
    ),
    Fault(
        "truncate",
        "The connection is closed after half of the body; Content-Length is the full "
        "size.",
        "wire",
        transfer.send_truncated,
    ),
    Fault(
        "stall",
        "Half of the body is sent, then nothing for "
        f"{transfer.STALL_SECONDS:.0f} seconds (`seconds`), then the connection is "
        "reset.",
        "wire",
        transfer.send_and_stall,
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
    ),
    Fault(
        "html",
        "The response is the HTML error page of a content delivery network, with "
        "status 502 (`status`).",
        "wire",
        transfer.send_error_page,
        status=502,
        takes_status=True,
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
    ),
    Fault(
        BAD_BASE64,
        "The base64 of each image is cut off, and ends with a character that base64 "
        "does not have; URLs are unchanged.",
        "relay",
    ),
    Fault(
        BOTH_DELIVERIES,
        "Every image is delivered twice, as `url` and as `b64_json`.",
        "relay",
    ),
    Fault(
        EMPTY_DATA,
        "`data` is an empty list, with status 200; a stream is sent unchanged.",
        "relay",
    ),
    Fault(
        ERROR_AS_200,
        "The body of an error response (server_error by default) is sent with "
        "status 200.",
        "relay",
    ),
    Fault(
        FEWER_IMAGES,
        "The last of several images is missing; a single image is sent unchanged.",
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
        NO_PARTIALS,
        "The requested partial images are missing from the stream.",
        "relay",
    ),
    Fault(
        ONE_IMAGE,
        "Only the first of several images to edit (`image[]`) is read.",
        "relay",
    ),
    Fault(
        OTHER_FORMAT,
        "Each image is in another format than the one asked for.",
        "relay",
    ),
    Fault(
        STREAM_ERROR,
        "An event `error` replaces the first finished image of a stream, and the "
        "stream ends; a response that is not a stream is sent unchanged.",
        "relay",
    ),
)
FAULTS = {each.name: each for each in _ALL_FAULTS}


async def send(
    request: web.Request, pending: PendingResponse, fault: Fault | None = None
) -> web.StreamResponse:
    """Send a response, damaged if the fault affects the transfer."""
    if fault and fault.send and fault.damages_transfer(request.method):
        return await fault.send(request, pending)
    return await transfer.send_whole(request, pending)
