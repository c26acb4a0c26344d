"""Forward HTTP exchanges unchanged: the client session, the server and the headers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

CONNECT_TIMEOUT = 30.0  # seconds
MAX_HEADER_LENGTH = 64 * 1024  # bytes
# RFC 9110, 7.6.1: headers of the connection, not of the message.
_HOP_BY_HOP = {
    *("connection", "proxy-connection", "keep-alive", "te", "transfer-encoding"),
    *("upgrade", "trailer", "proxy-authenticate", "proxy-authorization"),
}
# Headers that aiohttp adds to a response that has none.
_SERVER_DEFAULT_HEADERS = ("Content-Type", "Server")
_UPSTREAM_HEADER_NAMES = web.ResponseKey("upstream_header_names", set[str])


def end_to_end_headers(headers: Any) -> list[tuple[str, str]]:
    """The headers of the message, without those of the connection."""
    pairs = [(str(name), str(value)) for name, value in headers]
    named = {
        each.strip().lower()
        for name, value in pairs
        if name.lower() == "connection"
        for each in value.split(",")
    }
    dropped = _HOP_BY_HOP | named
    return [(name, value) for name, value in pairs if name.lower() not in dropped]


def open_session() -> aiohttp.ClientSession:
    """A client session that adds no headers and no cookies, and decodes no body."""
    return aiohttp.ClientSession(
        # The upstream may close an idle connection just when it is used again, and a
        # POST must not be sent twice.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        auto_decompress=False,
        trust_env=False,
        max_line_size=MAX_HEADER_LENGTH,
        max_field_size=MAX_HEADER_LENGTH,
    )


async def send_upstream(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    body: Any,
) -> aiohttp.ClientResponse:
    """Send a request to a URL that is percent-encoded already; follow no redirect."""
    return await session.request(
        method,
        URL(url, encoded=True),
        # This server has already handled `Expect`.
        headers=[(k, v) for k, v in headers if k.lower() != "expect"],
        data=body,
        allow_redirects=False,
    )


def start_response(upstream_response: aiohttp.ClientResponse) -> web.StreamResponse:
    """A response with the status, the reason and the headers of the upstream."""
    response = web.StreamResponse(
        status=upstream_response.status, reason=upstream_response.reason
    )
    for name, value in end_to_end_headers(upstream_response.headers.items()):
        response.headers.add(name, value)
    response[_UPSTREAM_HEADER_NAMES] = {name.lower() for name in response.headers}
    return response


@asynccontextmanager
async def serve_app(
    app: web.Application, host: str, port: int, *, shutdown_timeout: float
) -> AsyncIterator[str]:
    """
    Serve a forwarding application until the block ends; yield its root URL.

    Request bodies are not decoded. `shutdown_timeout` is in seconds. Raises `OSError`
    if it cannot listen.
    """
    app.on_response_prepare.append(_remove_default_headers)
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=shutdown_timeout,
        auto_decompress=False,
        max_line_size=MAX_HEADER_LENGTH,
        max_field_size=MAX_HEADER_LENGTH,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_port = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"
    finally:
        await runner.cleanup()


async def _remove_default_headers(
    request: web.Request, response: web.StreamResponse
) -> None:
    """Remove the headers that aiohttp added to a response of the upstream."""
    names = response.get(_UPSTREAM_HEADER_NAMES)
    if names is None:
        return
    for name in _SERVER_DEFAULT_HEADERS:
        if name.lower() not in names:
            response.headers.popall(name, None)
