"""
Addresses of pictures that are stored nowhere.

A token is a picture's plan and an expiry, signed; from it the picture is drawn again.
"""

import base64
import binascii
import hashlib
import hmac
import json
import math
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from mockserver.pictures import Plan, thumbnail

MAX_TOKEN = 8_000  # a request line holds 8190 bytes
MAX_THUMBNAILS = 3_600
EDGES = (96, 64, 48, 32, 16, 8)


class Expired(Exception):
    """The address was good once."""


class Forged(Exception):
    """The address is none of ours."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs plans with a secret; time is the server's clock, in seconds."""

    secret: bytes
    clock: Callable[[], float]

    def token(self, plan: Plan, lifetime: float) -> str:
        facts: dict[str, Any] = asdict(plan)
        facts["inputs"] = [_text(each) for each in plan.inputs]
        facts["mask"] = plan.mask and _text(plan.mask)
        facts["until"] = math.floor((self.clock() + lifetime) * 1000) / 1000
        text = json.dumps(facts, separators=(",", ":"), ensure_ascii=False)
        packed = zlib.compress(text.encode(), 9)
        return _text(self._signature(packed) + packed)

    def plan(self, token: str) -> Plan:
        """The plan behind a token. Raises `Forged` or `Expired`."""
        try:
            data = base64.b64decode(
                token.encode("ascii"), altchars=b"-_", validate=True
            )
        except (ValueError, binascii.Error):
            raise Forged from None
        signature, packed = data[:16], data[16:]
        if len(token) > MAX_TOKEN or not hmac.compare_digest(
            signature, self._signature(packed)
        ):
            raise Forged
        facts = json.loads(zlib.decompress(packed))
        if facts.pop("until") <= self.clock():
            raise Expired
        facts["inputs"] = tuple(_bytes(each) for each in facts["inputs"])
        facts["mask"] = facts["mask"] and _bytes(facts["mask"])
        return Plan(**facts)

    def _signature(self, packed: bytes) -> bytes:
        return hmac.new(self.secret, packed, hashlib.sha256).digest()[:16]


def portable(plan: Plan) -> Plan:
    """The plan with its pictures made small enough for an address. Blocks."""
    if not plan.inputs:
        return plan
    inputs = plan.inputs[:4]
    share = MAX_THUMBNAILS // (len(inputs) + (plan.mask is not None))
    return replace(
        plan,
        inputs=tuple(_small(each, share) if each else each for each in inputs),
        mask=_small(plan.mask, share) if plan.mask else None,
    )


def _small(picture: bytes, most: int) -> bytes:
    """The largest of some thumbnails that is small enough; the smallest always is."""
    found = b""
    for edge in EDGES:
        found = thumbnail(picture, edge)
        if len(found) <= most:
            break
    return found


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
