"""Totals of requests, images, seconds and estimated costs, for costs and metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

IMAGE_OPERATION = "image"  # the download of an image by its URL
WEBHOOK_OPERATION = "webhook"  # a request of the mock to a receiver of webhooks
_FREE = {IMAGE_OPERATION, WEBHOOK_OPERATION}
TotalsKey = tuple[str, str, int]  # provider, operation, status


@dataclass(slots=True)
class StatusTotals:
    """
    The totals of one provider, operation and status.

    `outputs` counts those of other media than images by their unit, such as `videos`.
    `seconds` is the time spent on responses. `amount` is the cost at list prices in
    `currency`. `unpriced` counts images and outputs without a documented price, and
    `undelivered` those that were billed and did not reach the client.
    """

    requests: int = 0
    images: int = 0
    seconds: float = 0.0
    amount: float = 0.0
    currency: str = ""
    unpriced: int = 0
    undelivered: int = 0
    outputs: dict[str, int] = field(default_factory=dict)

    def add(self, entry: Mapping[str, Any]) -> None:
        cost, outputs = entry["cost"], entry.get("outputs", {})
        self.requests += 1
        self.images += entry["images"]
        self.seconds += entry["seconds"]
        self.undelivered += entry.get("undelivered", 0)
        if cost.get("amount") is not None:
            self.amount += cost["amount"]
            self.currency = cost["currency"]
        else:
            self.unpriced += entry["images"] + sum(outputs.values())
        add_counts(self.outputs, outputs)

    def merge(self, other: "StatusTotals") -> None:
        self.requests += other.requests
        self.images += other.images
        self.seconds += other.seconds
        self.amount += other.amount
        self.currency = other.currency or self.currency
        self.unpriced += other.unpriced
        self.undelivered += other.undelivered
        add_counts(self.outputs, other.outputs)


def add_counts(total: dict[str, int], counts: Mapping[str, int]) -> None:
    """Add counts by unit to a total."""
    for unit, count in counts.items():
        total[unit] = total.get(unit, 0) + count


@dataclass(slots=True)
class Totals:
    """
    Totals by provider, operation and status.

    The operation is empty for a request of none; the status is 0 if none was sent.
    """

    rows: dict[TotalsKey, StatusTotals] = field(default_factory=dict)

    def __add__(self, other: "Totals") -> "Totals":
        total = Totals()
        for rows in (self.rows, other.rows):
            for key, row in rows.items():
                total.rows.setdefault(key, StatusTotals()).merge(row)
        return total

    def add(self, entry: Mapping[str, Any]) -> None:
        key = (entry["provider"], entry["operation"] or "", entry["status"] or 0)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = StatusTotals()
        row.add(entry)

    def costs(self) -> dict[str, Any]:
        """
        Return `{"providers": {id: totals}, "total": totals}`, as `GET costs` does.

        Amounts are rounded to a millionth. Downloads, webhooks, and requests to
        no provider, are left out: they cost nothing.
        """
        providers: dict[str, dict[str, Any]] = {}
        for (provider, operation, _), row in self.rows.items():
            if not provider or operation in _FREE:
                continue
            totals = providers.setdefault(
                provider,
                {
                    "requests": 0,
                    "images": 0,
                    "amount": 0.0,
                    "currency": None,
                    "unpriced_images": 0,
                    "undelivered": 0,
                },
            )
            totals["requests"] += row.requests
            totals["images"] += row.images
            totals["amount"] = round(totals["amount"] + row.amount, 6)
            totals["currency"] = row.currency or totals["currency"]
            totals["unpriced_images"] += row.unpriced
            totals["undelivered"] += row.undelivered
            if row.outputs:
                add_counts(totals.setdefault("outputs", {}), row.outputs)
        with_amounts = (
            {**totals, "amounts": {totals["currency"]: totals["amount"]}}
            if totals["currency"]
            else {**totals, "amounts": {}}
            for totals in providers.values()
        )
        return {"providers": providers, "total": total_costs(with_amounts)}


def total_costs(totals: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up several `total` objects of `Totals.costs`."""
    counts = {"requests": 0, "images": 0, "unpriced_images": 0, "undelivered": 0}
    amounts: dict[str, float] = {}
    outputs: dict[str, int] = {}
    for total in totals:
        add_counts(outputs, total.get("outputs", {}))
        for name in counts:
            counts[name] += total.get(name, 0)
        for currency, amount in total["amounts"].items():
            amounts[currency] = round(amounts.get(currency, 0.0) + amount, 6)
    more = {"outputs": outputs} if outputs else {}
    return {**counts, "amounts": amounts, **more}


def cost_summary(costs: Mapping[str, Any]) -> str:
    """Return a line such as `12 requests, 10 images; cost at list prices: 1.25 USD`."""
    total = costs["total"]
    text = f"{pluralize(total['requests'], 'request')}, {describe_outputs(total)}"
    if total.get("undelivered"):
        text += f" ({describe_undelivered(total)})"
    amounts = [f"{amount:.2f} {name}" for name, amount in total["amounts"].items()]
    if amounts:
        at_least = "at least " if total["unpriced_images"] else ""
        text += f"; cost at list prices: {at_least}{' and '.join(amounts)}"
    return text


def describe_outputs(counts: Mapping[str, Any]) -> str:
    """Return the images and outputs of an entry or a total: `1 image, 2 videos`."""
    outputs = counts.get("outputs", {})
    images = {"images": counts["images"]} if counts["images"] or not outputs else {}
    return ", ".join(
        pluralize(number, unit.removesuffix("s"))
        for unit, number in {**images, **outputs}.items()
    )


def describe_undelivered(counts: Mapping[str, Any]) -> str:
    """Return the billed outputs that no client received: `1 undelivered`, or empty."""
    number = counts.get("undelivered", 0)
    return f"{number:,} undelivered" if number else ""


def pluralize(number: int, noun: str) -> str:
    """Return number and noun, such as `1 image` and `1,200 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
