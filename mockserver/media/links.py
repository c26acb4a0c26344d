"""
Signed URLs of images that are stored nowhere.

A token holds the plan of an image and an expiry time; the image is drawn from it again.
"""

import base64
import binascii
import hmac
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from mockserver.media.image.plan import Plan
from mockserver.media.image.uploads import thumbnail

IMAGES_PATH = "/_images"  # the path below which signed URLs lie
MAX_TOKEN_LENGTH = 8_000  # aiohttp accepts request lines of up to 8190 bytes
MAX_THUMBNAIL_BYTES = 3_600
MAX_UNCOMPRESSED_BYTES = 1_000
THUMBNAIL_EDGES = (96, 64, 48, 32, 16, 8)
_FIELD_NAMES = tuple(each.name for each in fields(Plan))


class ExpiredLink(Exception):
    """A token that has expired."""


class InvalidLink(Exception):
    """A token that this server did not sign."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs plans with a secret. `clock` returns the server's time in seconds."""

    secret: bytes
    clock: Callable[[], float]

    def token(self, plan: Plan, lifetime: float) -> str:
        """Return a token for a plan that expires after `lifetime` seconds."""
        until = math.floor((self.clock() + lifetime) * 1000) / 1000
        packed = f'{{"until":{until!r},{_plan_json(plan)}'.encode()
        # Setting up the compressor costs as much as all the rest.
        if len(packed) > MAX_UNCOMPRESSED_BYTES:
            packed = zlib.compress(packed, 9)
        return _encode_base64url(self._signature(packed) + packed)

    def plan(self, token: str) -> Plan:
        """Return the plan in a token. Raises `InvalidLink` or `ExpiredLink`."""
        try:
            data = base64.b64decode(
                token.encode("ascii"), altchars=b"-_", validate=True
            )
        except (ValueError, binascii.Error):
            raise InvalidLink from None
        signature, packed = data[:16], data[16:]
        if len(token) > MAX_TOKEN_LENGTH or not hmac.compare_digest(
            signature, self._signature(packed)
        ):
            raise InvalidLink
        if not packed.startswith(b"{"):
            packed = zlib.decompress(packed)
        facts = json.loads(packed)
        if facts.pop("until") <= self.clock():
            raise ExpiredLink
        facts["inputs"] = tuple(_decode_base64url(each) for each in facts["inputs"])
        facts["mask"] = facts["mask"] and _decode_base64url(facts["mask"])
        return Plan(**facts)

    def _signature(self, packed: bytes) -> bytes:
        return hmac.digest(self.secret, packed, "sha256")[:16]


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
