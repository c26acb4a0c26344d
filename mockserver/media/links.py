"""
Signed URLs of outputs that are stored nowhere.

A URL holds the facts of an output, which is made from them again, and the time of its
expiry. The signature covers all of it. It follows the expiry, or is in the query, as
that of storage services is.
"""

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlencode

from mockserver.media.base import DEFAULT_MEDIUM, Output
from mockserver.media.paths import IMAGES_PATH

MAX_TOKEN_LENGTH = 7_800  # aiohttp accepts request lines of up to 8190 bytes
MAX_UNCOMPRESSED_BYTES = 1_000
EXPIRY_BYTES = 6  # of the time of expiry, in milliseconds since 1970
SIGNATURE_BYTES = 18  # of a token, so that its base64 needs no padding
# The query of a storage service, in the order that is signed; `se` is the expiry.
_QUERY = {"se": "", "sp": "r", "sv": "2024-08-04", "sr": "b"}
# Its base64 is `++//`: a client that encodes a query twice or not at all always fails.
_SIGNATURE_START = b"\xfb\xef\xff"


class ExpiredLink(Exception):
    """A URL that has expired."""


class InvalidLink(Exception):
    """A URL that this server did not sign."""


class ForgedLink(InvalidLink):
    """A URL whose query lacks the right signature."""


@dataclass(frozen=True, slots=True)
class Link:
    """
    The URL of an output, and the request that it was made for.

    `expires_at` is in seconds since 1970. `fault` is the name of a fault that the URL
    itself has, such as `head-refused`.
    """

    output: Output
    provider: str
    namespace: str = ""
    fault: str = ""
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Signer:
    """
    Signs links with a secret. `clock` returns the server's time in seconds.

    With `in_query` the expiry and the signature are in the query of a URL.
    """

    secret: bytes
    clock: Callable[[], float]
    in_query: bool = False
    _keyed: hashlib.blake2b = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = hashlib.sha256(self.secret).digest()  # a key has at most 64 bytes
        keyed = hashlib.blake2b(key=key, digest_size=32)
        object.__setattr__(self, "_keyed", keyed)

    def path(
        self, link: Link, lifetime: float, *, expires_at: float | None = None
    ) -> str:
        """
        The path and query of a URL that expires after `lifetime` seconds.

        `expires_at`, in seconds since 1970, is the time of expiry itself.
        """
        until = self.clock() + lifetime if expires_at is None else expires_at
        expiry = int(until * 1000).to_bytes(EXPIRY_BYTES, signed=True)
        start, digest, end = _facts_part(link)
        if not self.in_query:
            tail = expiry + self._signature(digest + expiry)[:SIGNATURE_BYTES]
            return f"{IMAGES_PATH}/{start}.{_encode_base64url(tail)}{end}"
        name = f"{start}.{_encode_base64url(expiry)}{end}"
        query = {**_QUERY, "se": _iso(until)}
        query["sig"] = self._query_signature(name, query)
        return f"{IMAGES_PATH}/{name}?{urlencode(query)}"

    def link(self, provider: str, name: str, query: Mapping[str, str]) -> Link:
        """
        The link of a URL with its decoded query.

        Raises `ExpiredLink`, or `InvalidLink` if any part of it was changed.
        """
        from mockserver.media.registry import MEDIA

        token, _, extension = name.rpartition(".")
        if self.in_query:
            signed = self._query_signature(f"{provider}/{name}", query)
            if not _equal(signed, query.get("sig", "")):
                raise ForgedLink
        facts_part, _, tail_part = token.partition(".")
        packed, tail = _decode(facts_part), _decode(tail_part)
        expiry, signature = tail[:EXPIRY_BYTES], tail[EXPIRY_BYTES:]
        if not self.in_query:
            digest = _digest(f"{provider}/{facts_part}.{extension}")
            expected = self._signature(digest + expiry)[:SIGNATURE_BYTES]
            if not hmac.compare_digest(signature, expected):
                raise InvalidLink
        if not packed.startswith(b"{"):
            packed = zlib.decompress(packed)
        facts = json.loads(packed)
        expires_at = int.from_bytes(expiry, signed=True) / 1000
        if expires_at <= self.clock():
            raise ExpiredLink
        namespace, fault = facts.pop("ns", ""), facts.pop("fault", "")
        medium = MEDIA[facts.pop("medium", DEFAULT_MEDIUM)]
        output = medium.output_from(facts)
        return Link(output, provider, namespace, fault, expires_at)

    def _query_signature(self, name: str, query: Mapping[str, str]) -> str:
        signed = "\n".join([name, *(query.get(each, "") for each in _QUERY)])
        signature = self._signature(_digest(signed))
        return base64.b64encode(_SIGNATURE_START + signature).decode()

    def _signature(self, data: bytes) -> bytes:
        # Keyed BLAKE2 is as strong as an HMAC, and its state can be copied.
        keyed = self._keyed.copy()
        keyed.update(data)
        return keyed.digest()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _equal(signature: str, text: str) -> bool:
    """Compare in constant time; a query may contain lone surrogates."""
    return hmac.compare_digest(signature.encode(), text.encode("utf-8", "replace"))


def _decode(token: str) -> bytes:
    """The bytes of a token. Raises `InvalidLink`, also if others encode alike."""
    try:
        data = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise InvalidLink from None
    if len(token) > MAX_TOKEN_LENGTH or _encode_base64url(data) != token:
        raise InvalidLink
    return data


@lru_cache(maxsize=256)
def _facts_part(link: Link) -> tuple[str, bytes, str]:
    """The start of a URL, with the facts of its link; its digest; and its end."""
    more = f'"ns":"{link.namespace}",' if link.namespace else ""
    more += f'"fault":"{link.fault}",' if link.fault else ""
    output = link.output
    more += f'"medium":"{output.medium}",' if output.medium != DEFAULT_MEDIUM else ""
    facts = json.dumps(output.facts(), separators=(",", ":"), ensure_ascii=False)
    packed = f"{{{more}{facts[1:]}".encode()
    if len(packed) > MAX_UNCOMPRESSED_BYTES:
        packed = zlib.compress(packed, 9)
    start, end = f"{link.provider}/{_encode_base64url(packed)}", f".{output.extension}"
    return start, _digest(f"{start}{end}"), end


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
