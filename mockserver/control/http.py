"""Read control requests and write their responses."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.json_text import dumps
from mockserver.pipeline.request.body_reading import read_bytes
from mockserver.pipeline.server_context import ServerContext
from mockserver.simulation.namespaces import is_namespace

if TYPE_CHECKING:
    from mockserver.pipeline.provider_context import ProviderContext

MAX_REQUEST_BYTES = 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadControlRequest(ValueError):
    """An invalid control request; the message names the accepted values."""


def integer_parameter(
    request: web.Request, name: str, default: int, maximum: int = 10**15
) -> int:
    """A query parameter from 0 to `maximum`. Raises `BadControlRequest`."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadControlRequest(f"{name} must be a whole number, not '{text[:40]}'")
    if int(text) > maximum:
        raise BadControlRequest(f"{name} must be at most {maximum}")
    return int(text)


def namespace_parameter(request: web.Request) -> str | None:
    """
    The query parameter `namespace`, or None.

    Raises `BadControlRequest` for any other parameter: a misspelled name would
    otherwise reset all namespaces.
    """
    unknown = sorted(set(request.query) - {"namespace", "token"})
    if unknown:
        raise BadControlRequest(
            f"unknown parameter '{unknown[0][:80]}'; known: namespace"
        )
    name = request.query.get("namespace")
    if name and not is_namespace(name):
        raise BadControlRequest(
            "namespace takes up to 64 letters, digits, '.', '_' and '-', "
            f"not '{name[:80]}'"
        )
    return name


def check_provider(provider: str, context: ServerContext) -> str:
    """The id of a served provider. Raises `BadControlRequest` for another one."""
    if provider not in context.provider_contexts:
        known = ", ".join(context.provider_contexts)
        raise BadControlRequest(f"unknown provider '{provider[:80]}'; known: {known}")
    return provider


def path_provider(request: web.Request, context: ServerContext) -> "ProviderContext":
    """The provider that the path names. Raises `BadControlRequest`."""
    provider = check_provider(request.match_info["provider"], context)
    return context.provider_contexts[provider]


async def json_body(request: web.Request) -> Any:
    """The JSON value of the body. Raises `BadControlRequest`."""
    try:
        return json.loads(await read_bytes(request, MAX_REQUEST_BYTES))
    except Rejected as rejected:
        raise BadControlRequest(rejected.message) from None
    except (ValueError, RecursionError):
        raise BadControlRequest("the body is not JSON") from None


def json_response(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=dumps)


def error_response(message: str, status: int = 400) -> web.Response:
    return json_response({"error": {"message": message}}, status=status)
