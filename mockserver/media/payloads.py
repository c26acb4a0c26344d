"""
Insert already encoded base64 into JSON without escaping or copying it.

Encoding megabytes of base64 as a JSON string costs more than the rest of a response:
the text is escaped, encoded and copied. So the JSON is encoded with a placeholder for
each file, and split there.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from mockserver.json_text import dumps

JSON_CONTENT_TYPE = "application/json; charset=utf-8"
MAX_JOINED_BYTES = 256 * 1024  # below it, copying is faster than sending parts
WRITE_BLOCK_BYTES = 4 * 1024 * 1024  # smaller blocks are slower
_MARKER = secrets.token_hex(16)  # random, so that no client can send it in a text
_PLACEHOLDER = re.compile(rb"%b(\d+)\." % _MARKER.encode())


def placeholder(number: int) -> str:
    """Return the text that `JsonTemplate` replaces by the text of that number."""
    return f"{_MARKER}{number}."


class JsonTemplate:
    """A value as JSON, split at its placeholders."""

    __slots__ = ("_numbers", "_texts")

    def __init__(self, value: Any) -> None:
        parts = _PLACEHOLDER.split(dumps(value).encode())
        self._texts, self._numbers = parts[::2], [int(each) for each in parts[1::2]]

    def fill(self, texts: Sequence[bytes]) -> list[bytes]:
        """Return the parts of the JSON, in order, with texts in the placeholders."""
        parts = [self._texts[0]]
        for number, rest in zip(self._numbers, self._texts[1:], strict=True):
            parts += (texts[number], rest)
        return parts


class ChunkedPayload(Payload):
    """
    The body of a response or request, sent part by part.

    Joining the parts would copy them. asyncio copies what the socket does not accept
    at once, so parts are written in blocks.
    """

    _autoclose = True

    def __init__(
        self, parts: Sequence[bytes], content_type: str = JSON_CONTENT_TYPE
    ) -> None:
        super().__init__(parts, content_type=content_type)
        self._size = sum(map(len, parts))

    async def write(self, writer: AbstractStreamWriter) -> None:
        for part in self._value:
            for at in range(0, len(part), WRITE_BLOCK_BYTES):
                await writer.write(memoryview(part)[at : at + WRITE_BLOCK_BYTES])

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self.to_bytes().decode(encoding, errors)

    def to_bytes(self) -> bytes:
        return b"".join(self._value)


def json_bytes_response(body: bytes | ChunkedPayload) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": JSON_CONTENT_TYPE})


def response_body(response: web.Response) -> bytes:
    """Return the whole body of a response; empty if it has none."""
    body = response.body
    if isinstance(body, ChunkedPayload):
        return body.to_bytes()
    return bytes(body) if isinstance(body, (bytes, bytearray)) else b""
