"""Cross-origin requests: preflight responses, and the headers of all responses."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from mockserver.settings import CONTROL_PREFIX
from mockserver.simulation.transfer import RESPONSE_HEADERS

ANY_ORIGIN = "*"
METHODS = "GET, HEAD, POST, OPTIONS"
_PRIVATE_NETWORK = "Access-Control-Request-Private-Network"
_ORIGIN = re.compile(rb"\r\norigin:[ \t]*([!-~]+)", re.IGNORECASE)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """The origins whose pages may read responses; `*` stands for all of them."""

    origins: tuple[str, ...]

    def headers(self, origin: str | None) -> dict[str, str]:
        """The headers of each response to a page of an origin, or to another client."""
        is_open = ANY_ORIGIN in self.origins
        headers: dict[str, str] = {} if is_open else {hdrs.VARY: hdrs.ORIGIN}
        if is_open or (origin is not None and origin in self.origins):
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = (
                ANY_ORIGIN if is_open else str(origin)
            )
            headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = "*"
        return headers

    def headers_for_head(self, head: bytes, path: str) -> dict[str, str]:
        """
        As `headers`, for the first bytes of a request that was not parsed.

        `path` is the one of the request; there are none for the control API.
        """
        if is_control_path(path):
            return {}
        match = _ORIGIN.search(head)
        return self.headers(match[1].decode() if match else None)


def with_cors(policy: CorsPolicy, handler: Handler) -> Handler:
    """
    A handler that lets pages of other origins read all but the control API.

    A preflight request gets all headers and methods that it asks for.
    """

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if is_control_path(request.path):
            return await handler(request)
        headers = policy.headers(request.headers.get(hdrs.ORIGIN))
        if hdrs.ACCESS_CONTROL_ALLOW_ORIGIN in headers and _is_preflight(request):
            return web.Response(
                status=204, headers=_preflight_headers(request, headers)
            )
        request[RESPONSE_HEADERS] = headers
        response = await handler(request)
        if not response.prepared:
            response.headers.popall(hdrs.ACCESS_CONTROL_ALLOW_ORIGIN, None)
            response.headers.update(headers)
        return response

    return handle


def is_control_path(path: str) -> bool:
    return path == CONTROL_PREFIX or path.startswith(f"{CONTROL_PREFIX}/")


def _is_preflight(request: web.BaseRequest) -> bool:
    method = hdrs.ACCESS_CONTROL_REQUEST_METHOD
    return request.method == hdrs.METH_OPTIONS and method in request.headers


def _preflight_headers(
    request: web.BaseRequest, headers: dict[str, str]
) -> dict[str, str]:
    asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
    allowed = {**headers, hdrs.ACCESS_CONTROL_ALLOW_METHODS: METHODS}
    if asked:
        allowed[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = asked
    if _PRIVATE_NETWORK in request.headers:
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return allowed
