"""What was asked in all, and what it would have cost: sums, for costs and metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

TotalsKey = tuple[str, str, int]


@dataclass(slots=True)
class StatusTotals:
    """
    The sum over one provider, operation and status.

    `seconds` were spent answering; `amount` is in `currency`; `unpriced` counts the
    pictures whose price no page states.
    """

    requests: int = 0
    images: int = 0
    seconds: float = 0.0
    amount: float = 0.0
    currency: str = ""
    unpriced: int = 0

    def add(self, entry: Mapping[str, Any]) -> None:
        cost = entry["cost"]
        self.requests += 1
        self.images += entry["images"]
        self.seconds += entry["seconds"]
        if cost.get("amount") is not None:
            self.amount += cost["amount"]
            self.currency = cost["currency"]
        else:
            self.unpriced += entry["images"]

    def merge(self, other: "StatusTotals") -> None:
        self.requests += other.requests
        self.images += other.images
        self.seconds += other.seconds
        self.amount += other.amount
        self.currency = other.currency or self.currency
        self.unpriced += other.unpriced


@dataclass(slots=True)
class Totals:
    """Sums by provider, operation (empty beside them) and status (0: none was sent)."""

    rows: dict[TotalsKey, StatusTotals] = field(default_factory=dict)

    def __add__(self, other: "Totals") -> "Totals":
        found = Totals()
        for rows in (self.rows, other.rows):
            for key, row in rows.items():
                found.rows.setdefault(key, StatusTotals()).merge(row)
        return found

    def add(self, entry: Mapping[str, Any]) -> None:
        key = (entry["provider"], entry["operation"] or "", entry["status"] or 0)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = StatusTotals()
        row.add(entry)

    def costs(self) -> dict[str, Any]:
        """By provider, and in all by currency; money is rounded to a millionth."""
        providers: dict[str, dict[str, Any]] = {}
        for (provider, _, _), row in self.rows.items():
            sums = providers.setdefault(
                provider,
                {
                    "requests": 0,
                    "images": 0,
                    "amount": 0.0,
                    "currency": None,
                    "unpriced_images": 0,
                },
            )
            sums["requests"] += row.requests
            sums["images"] += row.images
            sums["amount"] = round(sums["amount"] + row.amount, 6)
            sums["currency"] = row.currency or sums["currency"]
            sums["unpriced_images"] += row.unpriced
        alone = (
            {**sums, "amounts": {sums["currency"]: sums["amount"]}}
            if sums["currency"]
            else {**sums, "amounts": {}}
            for sums in providers.values()
        )
        return {"providers": providers, "total": total_costs(alone)}


def total_costs(totals: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One `total` of several, each as `costs` has it."""
    whole = {"requests": 0, "images": 0, "unpriced_images": 0}
    amounts: dict[str, float] = {}
    for each in totals:
        for name in whole:
            whole[name] += each[name]
        for currency, amount in each["amounts"].items():
            amounts[currency] = round(amounts.get(currency, 0.0) + amount, 6)
    return {**whole, "amounts": amounts}


def cost_summary(costs: Mapping[str, Any]) -> str:
    """One line: `12 requests, 10 pictures; live they would have cost 1.25 USD`."""
    total = costs["total"]
    said = f"{pluralize(total['requests'], 'request')}, "
    said += pluralize(total["images"], "picture")
    amounts = [f"{amount:.2f} {name}" for name, amount in total["amounts"].items()]
    if amounts:
        least = "at least " if total["unpriced_images"] else ""
        said += f"; live they would have cost {least}{' and '.join(amounts)}"
    return said


def pluralize(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
