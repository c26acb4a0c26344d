"""
Signed URLs of outputs that are stored nowhere.

A token holds the facts of an output, which is made from them again. The signature also
covers the provider, the file extension and the time of expiry. It is part of the token,
or in the query, as that of storage services is.
"""

import base64
import binascii
import hmac
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlencode

from mockserver.media.base import DEFAULT_MEDIUM, Output
from mockserver.media.paths import IMAGES_PATH

MAX_TOKEN_LENGTH = 7_800  # aiohttp accepts request lines of up to 8190 bytes
MAX_UNCOMPRESSED_BYTES = 1_000
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

    def path(
        self, link: Link, lifetime: float, *, expires_at: float | None = None
    ) -> str:
        """
        The path and query of a URL that expires after `lifetime` seconds.

        `expires_at`, in seconds since 1970, is the time of expiry itself.
        """
        until = self.clock() + lifetime if expires_at is None else expires_at
        until = math.floor(until * 1000) / 1000
        more = f'"ns":"{link.namespace}",' if link.namespace else ""
        more += f'"fault":"{link.fault}",' if link.fault else ""
        medium = link.output.medium
        more += f'"medium":"{medium}",' if medium != DEFAULT_MEDIUM else ""
        packed = f'{{"until":{until!r},{more}{_facts_json(link.output)}'.encode()
        # Setting up the compressor costs as much as all the rest.
        if len(packed) > MAX_UNCOMPRESSED_BYTES:
            packed = zlib.compress(packed, 9)
        end = f".{link.output.extension}"
        if not self.in_query:
            signature = self._digest(f"{link.provider}{end}", packed)[:16]
            token = _encode_base64url(signature + packed)
            return f"{IMAGES_PATH}/{link.provider}/{token}{end}"
        name = f"{link.provider}/{_encode_base64url(packed)}{end}"
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
            expected = self._query_signature(f"{provider}/{name}", query)
            if not _equal(expected, query.get("sig", "")):
                raise ForgedLink
            packed = _decode(token)
        else:
            data = _decode(token)
            signature, packed = data[:16], data[16:]
            digest = self._digest(f"{provider}.{extension}", packed)
            if not hmac.compare_digest(signature, digest[:16]):
                raise InvalidLink
        if not packed.startswith(b"{"):
            packed = zlib.decompress(packed)
        facts = json.loads(packed)
        expires_at = facts.pop("until")
        if expires_at <= self.clock():
            raise ExpiredLink
        namespace, fault = facts.pop("ns", ""), facts.pop("fault", "")
        medium = MEDIA[facts.pop("medium", DEFAULT_MEDIUM)]
        output = medium.output_from(facts)
        return Link(output, provider, namespace, fault, expires_at)

    def _query_signature(self, name: str, query: Mapping[str, str]) -> str:
        signed = [name, *(query.get(each, "") for each in _QUERY)]
        digest = self._digest("\n".join(signed), b"")
        return base64.b64encode(_SIGNATURE_START + digest).decode()

    def _digest(self, name: str, packed: bytes) -> bytes:
        text = name.encode("utf-8", "surrogateescape")
        return hmac.digest(self.secret, text + b"\n" + packed, "sha256")


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
def _facts_json(output: Output) -> str:
    """The facts of an output as JSON without its opening brace."""
    facts = output.facts()
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False)[1:]


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
