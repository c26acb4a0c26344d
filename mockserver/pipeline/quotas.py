"""Enforce the quotas of an API key: requests and outputs per minute, concurrency."""

import math
from collections.abc import Mapping

from mockserver.errors import RATE_LIMITED, RETRY_AFTER, Rejected, retry_headers
from mockserver.pipeline.exchange import Exchange
from mockserver.state.rate_limit import BucketState


async def enforce_quotas(exchange: Exchange) -> None:
    """Count the request. Raises `Rejected` if a quota of requests is exceeded."""
    context = exchange.provider_context
    if context.quotas.concurrency is not None:
        exchange.holds_slot = True
        number = await context.store.acquire_slot(exchange.quota_key)
        if number > context.quotas.concurrency:
            limit = f"{context.quotas.concurrency} concurrent requests"
            raise _rate_limited(limit, retry_headers(1))
    if context.quotas.requests_per_minute is not None:
        exchange.bucket_state = await take_quota(
            exchange, "requests", context.quotas.requests_per_minute, 1
        )


async def enforce_output_quotas(exchange: Exchange, meter: Mapping[str, int]) -> None:
    """Count outputs by their unit. Raises `Rejected` if a quota is exceeded."""
    for unit, limit in exchange.provider_context.quotas.outputs_per_minute.items():
        if unit in meter:
            await take_quota(exchange, unit, limit, meter[unit])


async def take_quota(
    exchange: Exchange, resource: str, limit: int, amount: int
) -> BucketState:
    """The quota after taking `amount` from it. Raises `Rejected` if it is exceeded."""
    bucket_state = await exchange.provider_context.store.take_quota(
        f"{exchange.quota_key}|{resource}", amount, limit
    )
    if not bucket_state.is_admitted:
        if resource == "requests":
            exchange.bucket_state = bucket_state
        raise _rate_limited(
            f"{limit} {resource} per minute",
            _retry_headers(bucket_state),
        )
    return bucket_state


def _retry_headers(bucket_state: BucketState) -> dict[str, str]:
    headers = retry_headers(math.ceil(bucket_state.wait * 1000) / 1000)
    return {**headers, RETRY_AFTER: str(bucket_state.retry_after)}


def _rate_limited(limit: str, headers: Mapping[str, str]) -> Rejected:
    return Rejected(RATE_LIMITED, f"The limit is {limit}.", headers=headers)
