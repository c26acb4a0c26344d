"""Observed exchanges: a request and its response, as far as they were kept."""

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl

from multidict import CIMultiDict

from contracts.errors import HarnessError
from mockserver.pipeline.request.authentication import KeyParts
from mockserver.recordings.redaction import Headers
from mockserver.settings import MAX_BODY

MAX_BODY_BYTES = MAX_BODY  # what the mock rejects is not judged either
MAX_HEADER_LENGTH = 1000  # characters of a header value; the rest is ignored


class Unreadable(HarnessError, ValueError):
    """A body whose content coding cannot be decoded."""


def decode_content(data: bytes, coding: str) -> bytes:
    """Decode the content coding of a body. Raises `Unreadable`."""
    coding = coding.strip().lower()
    if coding in {"", "identity"} or not data:
        return data
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise Unreadable(f"its content coding is '{coding[:40]}'")
    # 47: gzip or zlib, by the header; -15: raw deflate, which some servers send.
    for bits in (47, -15) if coding == "deflate" else (47,):
        inflated = zlib.decompressobj(bits)
        try:
            text = inflated.decompress(data, MAX_BODY_BYTES)
        except zlib.error:
            continue
        if inflated.unconsumed_tail:
            raise Unreadable(f"decoded it has more than {MAX_BODY_BYTES} bytes")
        if inflated.eof:
            return text
    raise Unreadable(f"it is not complete {coding}")


@dataclass(frozen=True, kw_only=True)
class ObservedExchange:
    """
    An exchange as it was observed.

    `path` is below the base URL, `query` is without its question mark. A body is None
    if it was not kept: too large, or incomplete. `status` is None without a response.
    `problem` says how the server cut the exchange off, `reason` why there is no
    response for another reason. `arrivals` are (seconds since the last chunk, number of
    bytes) of the response.
    """

    method: str
    path: str
    request_headers: Headers
    request: bytes | None
    status: int | None = None
    headers: Headers = ()
    body: bytes | None = None
    arrivals: Sequence[tuple[float, int]] = ()
    problem: str | None = None
    reason: str | None = None
    started_at: float = field(default_factory=time.time)
    seconds: float = 0.0
    query: str = ""

    def header(self, name: str) -> str:
        """The value of a request header; empty if it is missing."""
        return header_value(self.request_headers, name)

    @cached_property
    def key_parts(self) -> KeyParts:
        """The parts that may have an API key."""
        return KeyParts(CIMultiDict(self.request_headers), dict(parse_qsl(self.query)))


def header_value(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def lowercase_names(headers: Headers) -> dict[str, str]:
    return {name.lower(): value[:MAX_HEADER_LENGTH] for name, value in headers}
