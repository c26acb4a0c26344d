"""Enforce the quotas of a key: requests and images a minute, requests at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mockserver.errors import (
    Rejected,
)
from mockserver.state.rate_limit import BucketState

if TYPE_CHECKING:
    pass
from mockserver.pipeline.exchange import Exchange


async def enforce_quotas(exchange: Exchange) -> None:
    """Raises `Rejected` when the key has asked too often, or too much at once."""
    service = exchange.provider_context
    if service.quotas.concurrency is not None:
        exchange.holds_slot = True
        number = await service.store.acquire_slot(exchange.quota_key)
        if number > service.quotas.concurrency:
            limit = f"{service.quotas.concurrency} requests at once"
            raise _rate_limited(limit, {"Retry-After": "1"})
    if service.quotas.requests_per_minute is not None:
        exchange.bucket_state = await take_quota(
            exchange, "requests", service.quotas.requests_per_minute, 1
        )


async def take_quota(
    exchange: Exchange, resource: str, limit: int, amount: int
) -> BucketState:
    """How the quota stands afterwards. Raises `Rejected`."""
    level = await exchange.provider_context.store.take_quota(
        f"{exchange.quota_key}|{resource}", amount, limit
    )
    if not level.is_admitted:
        if resource == "requests":
            exchange.bucket_state = level
        raise _rate_limited(
            f"{limit} {resource} a minute", {"Retry-After": str(level.retry_after)}
        )
    return level


def _rate_limited(limit: str, headers: Mapping[str, str]) -> Rejected:
    return Rejected("rate_limited", f"The limit is {limit}.", headers=headers)
