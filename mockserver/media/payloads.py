"""
JSON around pictures that are base64 already: joined as late as can be.

To write megabytes of base64 as a member of JSON costs more than all the rest of an
answer: the text is escaped, encoded and copied. So the JSON is written with a mark in
each picture's place, and cut there.
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
MAX_JOINED_BYTES = 256 * 1024  # to send it in parts takes longer than to copy it
WRITE_BLOCK_BYTES = 4 * 1024 * 1024  # smaller ones take longer
_MARKER = secrets.token_hex(16)  # nobody outside knows it, so no text can hold it
_PLACEHOLDER = re.compile(rb"%b(\d+)\." % _MARKER.encode())


def placeholder(number: int) -> str:
    """What stands in a value where the picture of that number belongs."""
    return f"{_MARKER}{number}."


class JsonTemplate:
    """A value as JSON, cut where its pictures belong."""

    __slots__ = ("_numbers", "_texts")

    def __init__(self, value: Any) -> None:
        parts = _PLACEHOLDER.split(dumps(value).encode())
        self._texts, self._numbers = parts[::2], [int(each) for each in parts[1::2]]

    def fill(self, images: Sequence[bytes]) -> list[bytes]:
        """The JSON in parts that only need to follow each other."""
        parts = [self._texts[0]]
        for number, text in zip(self._numbers, self._texts[1:], strict=True):
            parts += (images[number], text)
        return parts


class ChunkedPayload(Payload):
    """
    A body that is sent part by part, of an answer or of a request.

    Put together it would be copied, and of what its socket does not take at once
    asyncio makes a copy too.
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
    """An answer of JSON."""
    return web.Response(body=body, headers={"Content-Type": JSON_CONTENT_TYPE})


def response_body(response: web.Response) -> bytes:
    """The whole body of an answer."""
    body = response.body
    if isinstance(body, ChunkedPayload):
        return body.to_bytes()
    return bytes(body) if isinstance(body, (bytes, bytearray)) else b""
