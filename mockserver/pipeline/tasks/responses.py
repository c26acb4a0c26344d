"""Responses with the status of the document's success."""

from typing import Any

from aiohttp import web

from mockserver.json_text import dumps
from mockserver.pipeline.exchange import Exchange


def json_response(exchange: Exchange, body: Any) -> web.Response:
    """A success with a JSON body."""
    return web.json_response(body, status=_status(exchange), dumps=dumps)


def empty_response(exchange: Exchange) -> web.Response:
    """A success without a body."""
    return web.Response(status=_status(exchange))


def _status(exchange: Exchange) -> int:
    text = exchange.operation.success.status
    return int(text) if text.isdigit() else 200
