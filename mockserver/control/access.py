"""Who may call the control API: loopback hosts, own origins, or a token."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from mockserver.control.http import BadControlRequest, Handler, error_response
from mockserver.pipeline.server_context import ServerContext
from mockserver.state.memory import StateError

TOKEN_HEADER = "X-Mock-Token"  # noqa: S105 -- the name of a header
PUBLIC_PATHS = {"/", "/health"}


def guard(
    handler: Handler, context: ServerContext, *, is_open: bool = False
) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        refusal = _access_error(request, context.settings.token, is_open=is_open)
        if refusal is not None:
            return refusal
        try:
            return await handler(request)
        except BadControlRequest as error:
            return error_response(str(error))
        except StateError as error:
            return error_response(str(error), status=503)

    return guarded


def _access_error(
    request: web.Request, token: str | None, *, is_open: bool
) -> web.Response | None:
    """Why a request may not control this mock, if so."""
    origin = request.headers.get("Origin")
    if origin is not None and _origin_host(origin) != request.host:
        return error_response("the control API is closed to other origins", status=403)
    if token is None:
        if not _is_local_host(request.host):
            message = f"the control API does not answer to '{request.host[:80]}'"
            return error_response(message, status=403)
        return None
    if is_open:
        return None
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    given = [request.headers.get(TOKEN_HEADER), request.query.get("token")]
    given += [bearer.strip()] if scheme.lower() == "bearer" else []
    if any(each and _is_token(each, token) for each in given):
        return None
    return error_response(
        f"the control API wants its token: {TOKEN_HEADER}, a bearer token or ?token=",
        status=401,
    )


def _is_token(given: str, token: str) -> bool:
    """Compared in constant time; headers may hold what no text can."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _is_local_host(host: str) -> bool:
    """Whether a Host header names this machine by address or as localhost."""
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


def _origin_host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
