"""Restrict the control API to local hosts and the own origin, or to a token."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from mockserver.control.http import BadControlRequest, Handler, error_response
from mockserver.pipeline.public_url import root_url
from mockserver.pipeline.server_context import ServerContext
from mockserver.settings import Settings
from mockserver.state.memory import StateError

TOKEN_HEADER = "X-Mock-Token"  # noqa: S105 -- the name of a header
PUBLIC_PATHS = {"/", "/health", "/ready", "/openapi.json"}


def guard(
    handler: Handler, context: ServerContext, *, is_open: bool = False
) -> Handler:
    """
    A handler that checks the access, and writes error responses.

    With `is_open` no token is needed.
    """

    async def guarded(request: web.Request) -> web.StreamResponse:
        denied = _access_error(request, context.settings, is_open=is_open)
        if denied is not None:
            return denied
        try:
            return await handler(request)
        except BadControlRequest as error:
            return error_response(str(error))
        except StateError as error:
            return error_response(str(error), status=503)

    return guarded


def _access_error(
    request: web.Request, settings: Settings, *, is_open: bool
) -> web.Response | None:
    """The error response if access is denied, else None."""
    token, origin = settings.token, request.headers.get("Origin")
    own = {f"{request.scheme}://{request.host}", root_url(request, settings)}
    if origin is not None and _origin(origin) not in map(_origin, own):
        return error_response(
            "the control API does not accept requests of other origins. Behind a proxy "
            "that speaks HTTPS, start the server with --public-url URL",
            status=403,
        )
    if token is None:
        if not is_local_host(request.host):
            message = (
                f"the control API rejects the host '{request.host[:80]}': without a "
                "token it answers at localhost and IP addresses only. Start the server "
                f"with --token TEXT and send {TOKEN_HEADER}: TEXT (a container also "
                "needs --host 0.0.0.0)"
            )
            return error_response(message, status=403)
        return None
    if is_open:
        return None
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    tokens = [request.headers.get(TOKEN_HEADER), request.query.get("token")]
    tokens += [bearer.strip()] if scheme.lower() == "bearer" else []
    if any(each and _is_token(each, token) for each in tokens):
        return None
    return error_response(
        f"the control API needs its token: {TOKEN_HEADER}, a bearer token or ?token=",
        status=401,
    )


def _is_token(text: str, token: str) -> bool:
    """Compare in constant time; a header may contain lone surrogates."""
    return hmac.compare_digest(text.encode("utf-8", "replace"), token.encode())


def is_local_host(host: str) -> bool:
    """True if a Host header is an IP address or localhost, not another DNS name."""
    name = _host_name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str]:
    """The scheme and the host, with its port, of a URL; empty texts if it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.netloc.lower()
