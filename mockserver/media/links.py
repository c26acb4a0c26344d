"""
Signed URLs of images that are stored nowhere.

A token holds the plan of an image; the image is drawn from it again. The signature also
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
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from mockserver.media.image.plan import Plan
from mockserver.media.image.uploads import thumbnail

IMAGES_PATH = "/_images"  # the path below which signed URLs lie
MAX_TOKEN_LENGTH = 7_800  # aiohttp accepts request lines of up to 8190 bytes
MAX_THUMBNAIL_BYTES = 3_600
MAX_UNCOMPRESSED_BYTES = 1_000
THUMBNAIL_EDGES = (96, 64, 48, 32, 16, 8)
_FIELD_NAMES = tuple(each.name for each in fields(Plan))
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
    An image URL: the plan of the image, and the request that it was made for.

    `expires_at` is in seconds since 1970. `fault` is the name of a fault that the URL
    itself has, such as `head-refused`.
    """

    plan: Plan
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

    def path(self, link: Link, lifetime: float) -> str:
        """The path and query of a URL that expires after `lifetime` seconds."""
        until = math.floor((self.clock() + lifetime) * 1000) / 1000
        more = f'"ns":"{link.namespace}",' if link.namespace else ""
        more += f'"fault":"{link.fault}",' if link.fault else ""
        packed = f'{{"until":{until!r},{more}{_plan_json(link.plan)}'.encode()
        # Setting up the compressor costs as much as all the rest.
        if len(packed) > MAX_UNCOMPRESSED_BYTES:
            packed = zlib.compress(packed, 9)
        end = f".{link.plan.format}"
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
        facts["inputs"] = tuple(_decode_base64url(each) for each in facts["inputs"])
        facts["mask"] = facts["mask"] and _decode_base64url(facts["mask"])
        return Link(Plan(**facts), provider, namespace, fault, expires_at)

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
def _plan_json(plan: Plan) -> str:
    """A plan as JSON without its opening brace."""
    facts: dict[str, Any] = {name: getattr(plan, name) for name in _FIELD_NAMES}
    facts["inputs"] = [_encode_base64url(each) for each in plan.inputs]
    facts["mask"] = plan.mask and _encode_base64url(plan.mask)
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False)[1:]


def with_thumbnails(plan: Plan) -> Plan:
    """Return the plan with its input images small enough for a URL. Blocks."""
    if not plan.inputs:
        return plan
    inputs = plan.inputs[:4]
    share = MAX_THUMBNAIL_BYTES // (len(inputs) + (plan.mask is not None))
    return replace(
        plan,
        inputs=tuple(
            _thumbnail_within(each, share) if each else each for each in inputs
        ),
        mask=_thumbnail_within(plan.mask, share) if plan.mask else None,
    )


def _thumbnail_within(image: bytes, max_bytes: int) -> bytes:
    """Return the largest thumbnail that fits; the smallest one if none does."""
    data = b""
    for edge in THUMBNAIL_EDGES:
        data = thumbnail(image, edge)
        if len(data) <= max_bytes:
            break
    return data


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _decode_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
