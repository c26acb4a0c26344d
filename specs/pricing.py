"""Costs of requests by the documented prices of a provider."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from specs.documents.dialect import Dialect, PriceList, TokenPrice
from specs.media.image import requested_size


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in the provider's currency; None where no price is documented."""

    amount: float | None
    currency: str | None = None


UNKNOWN_COST = Cost(None)


def cost(
    dialect: Dialect,
    operation: str,
    request: Mapping[str, Any],
    *,
    count: int,
    usage: Mapping[str, Any] | None = None,
    medium: str = "image",
) -> Cost:
    """
    The price of `count` results of a medium for a request in canonical names.

    An image costs the documented price per image, else per token in `usage`; a video
    the price per second. The amount is None if no documented price applies.
    """
    prices = dialect.prices
    if not prices:
        return UNKNOWN_COST
    return _COSTS[medium](dialect, prices, operation, request, count, usage)


def _video_cost(
    dialect: Dialect,
    prices: PriceList,
    operation: str,
    request: Mapping[str, Any],
    count: int,
    usage: Mapping[str, Any] | None,
) -> Cost:
    video = dialect.video.facts(request)
    facts = {**request, "operation": operation, **asdict(video)}
    for price in prices.per_second:
        if price.when.applies_to(facts):
            amount = price.price * video.duration * count
            return Cost(round(amount, 6), prices.currency)
    return UNKNOWN_COST


def _image_cost(
    dialect: Dialect,
    prices: PriceList,
    operation: str,
    request: Mapping[str, Any],
    count: int,
    usage: Mapping[str, Any] | None,
) -> Cost:
    facts = _facts(dialect, operation, request)
    for image_price in prices.per_image:
        if image_price.when.applies_to(facts):
            return Cost(round(image_price.price * count, 6), prices.currency)
    if usage:
        for token_price in prices.per_million_tokens:
            if token_price.when.applies_to(facts):
                return Cost(_token_cost(token_price, usage), prices.currency)
    return UNKNOWN_COST


_COSTS = {"image": _image_cost, "video": _video_cost}


def _facts(
    dialect: Dialect, operation: str, request: Mapping[str, Any]
) -> dict[str, Any]:
    width, height = requested_size(request) or dialect.mock.auto_size
    return {
        **{key: request[key] for key in ("model", "quality") if key in request},
        "operation": operation,
        "size": f"{width}x{height}",
        "width": width,
        "height": height,
        "longest_edge": max(width, height),
    }


def _token_cost(prices: TokenPrice, usage: Mapping[str, Any]) -> float:
    details = usage.get("input_tokens_details")
    details = details if isinstance(details, dict) else {}
    counts = {
        "text_input": details.get("text_tokens"),
        "image_input": details.get("image_tokens"),
        "image_output": usage.get("output_tokens"),
    }
    millionths = sum(
        prices.amounts[name] * count
        for name, count in counts.items()
        if isinstance(count, int) and count > 0  # a server may return anything
    )
    return round(float(millionths) / 1_000_000, 6)
