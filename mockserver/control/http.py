"""Read control requests and write their responses."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.json_text import dumps
from mockserver.pipeline.body_reading import read_bytes
from mockserver.simulation.namespaces import is_namespace

MAX_REQUEST_BYTES = 1024 * 1024


class BadControlRequest(ValueError):
    """A control request that makes no sense; the message says what would."""


def integer_parameter(
    request: web.Request, name: str, default: int, maximum: int = 10**15
) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BadControlRequest(f"{name} must be a whole number, not '{text[:40]}'")
    if int(text) > maximum:
        raise BadControlRequest(f"{name} must be at most {maximum}")
    return int(text)


def namespace_parameter(request: web.Request) -> str | None:
    """The one meant, or None: a slip of the pen must not wipe the whole slate."""
    unknown = sorted(set(request.query) - {"namespace", "token"})
    if unknown:
        raise BadControlRequest(f"no parameter '{unknown[0][:80]}'; known: namespace")
    name = request.query.get("namespace")
    if name and not is_namespace(name):
        raise BadControlRequest(
            "namespace takes up to 64 letters, digits, '.', '_' and '-', "
            f"not '{name[:80]}'"
        )
    return name


async def json_body(request: web.Request) -> Any:
    try:
        return json.loads(await read_bytes(request, MAX_REQUEST_BYTES))
    except Rejected as rejected:
        raise BadControlRequest(rejected.message) from None
    except (ValueError, RecursionError):
        raise BadControlRequest("the body is no JSON") from None


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=dumps)


def error_response(message: str, status: int = 400) -> web.Response:
    return json_response({"error": {"message": message}}, status=status)
