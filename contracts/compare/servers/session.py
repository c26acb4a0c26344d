"""One target, asked in its own dialect: within a budget, and while it answers."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from contracts.compare.servers.model import ServerStats
from contracts.compare.servers.observed_aspects import (
    ObservedAnswer,
    Result,
    is_compared,
    observe,
    usage_of,
)
from contracts.compare.servers.translation import (
    Intent,
    NotTranslatable,
    Translation,
    translate,
)
from contracts.execution.campaign import CouldNotRun
from contracts.execution.client import Sender, Unreachable
from contracts.execution.targets import NamedTarget
from specs import Provider, State, cost

MAX_CONNECTIONS = 8
MAX_CONSECUTIVE_ERRORS = 10

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why a question has no outcome."""

    reason: str


@dataclass(slots=True)
class TargetSession:
    """Asks one target; each request is sent once, however often it is asked for."""

    named_target: NamedTarget
    sender: Sender
    unlisted: bool
    budget: float | None
    spent: float = 0.0
    has_price: bool = False
    stopped: str | None = None
    outcomes: dict[Intent, ObservedAnswer | Skipped] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    determinism: dict[str, bool] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.named_target.label

    @property
    def provider(self) -> Provider:
        return self.named_target.provider

    def translation_of(self, intent: Intent) -> Translation | NotTranslatable:
        return translate(intent, self.provider, unlisted=self.unlisted)

    async def send(
        self, intent: Intent, *, fresh: bool = False
    ) -> ObservedAnswer | Skipped:
        """What comes of a question; asked again only if it is to be `fresh`."""
        key = replace(intent, feature="")
        if not fresh and key in self.outcomes:
            return self.outcomes[key]
        result = await self._send(intent)
        if not fresh:
            self.outcomes[key] = result
        return result

    async def _send(self, intent: Intent) -> ObservedAnswer | Skipped:
        spoken = self.translation_of(intent)
        if isinstance(spoken, NotTranslatable):
            return Skipped(spoken)
        if self.stopped:
            return Skipped(self.stopped)
        if self.budget is not None and spoken.state is not State.INVALID:
            price = self._price(spoken, spoken.canonical_payload.get("n", 1))
            if price is None:
                return Skipped("its price is not documented, and there is a budget")
            if self.spent + price > self.budget:
                return Skipped("the budget allows no more")
        found = await self.sender.send(spoken.case, spoken.operation)
        key = self.named_target.target.key
        result = observe(spoken, found, key, keep=is_compared(intent))
        self.seconds.append(found.seconds)
        if result.result is Result.ACCEPTED:
            price = self._price(spoken, len(found.pictures), usage_of(found))
            self.has_price = self.has_price or price is not None
            self.spent += price or 0.0
        return result

    def _price(
        self,
        translation: Translation,
        count: object,
        usage: Mapping[str, Any] | None = None,
    ) -> float | None:
        """The price of so many pictures; None where none is documented."""
        number = count if isinstance(count, int) and count > 0 else 1
        dialect, operation = self.provider.dialect, translation.operation.id
        asked = translation.canonical_payload
        return cost(dialect, operation, asked, count=number, usage=usage).amount

    async def start(self, plain: Intent) -> None:
        """
        The first question.

        Raises `CouldNotRun` when the key is refused, `Unreachable` when nobody listens.
        """
        await self.sender.check_reachable()
        first = await self.send(plain)
        if isinstance(first, ObservedAnswer) and first.status == 401:
            raise CouldNotRun(
                f"{self.label}: {self.named_target.target.base_url} refuses the key (401). "
                f"Check {self.provider.dialect.key_env}, or name another variable "
                "with --key-env"
            )

    async def send_all(self, questions: Sequence[Intent], progress: Progress) -> None:
        """Ask everything; a target that goes down is left alone from then on."""
        at_once, done = MAX_CONNECTIONS, 0
        if self.budget is not None:
            at_once, questions = 1, sorted(questions, key=self._expected_cost)
        plains = [each for each in questions if each.feature == "request"]
        if self.budget is None:
            for plain in plains:
                await self._check_determinism(plain)
        failed: list[Intent] = []
        for at in range(0, len(questions), at_once):
            some = questions[at : at + at_once]
            found = await asyncio.gather(*(self.send(each) for each in some))
            for intent, each in zip(some, found, strict=True):
                done += 1
                progress(self.label, done, len(questions))
                if isinstance(each, ObservedAnswer):
                    is_error = each.status is None or each.status >= 500
                    failed = [*failed, intent] if is_error else []
            if failed and not self.stopped:
                self.stopped = await self._failure_reason(failed, plains[0])
                for intent in failed if self.stopped else ():
                    self.outcomes[replace(intent, feature="")] = Skipped(
                        str(self.stopped)
                    )

    def _expected_cost(self, intent: Intent) -> float:
        """What a question is expected to cost: nothing, if it is to be refused."""
        spoken = self.translation_of(intent)
        if isinstance(spoken, NotTranslatable) or spoken.state is State.INVALID:
            return 0.0
        price = self._price(spoken, spoken.canonical_payload.get("n", 1))
        return math.inf if price is None else price

    async def _failure_reason(
        self, failed: Sequence[Intent], plain: Intent
    ) -> str | None:
        """Why there is no use in asking on; None where there is."""
        try:
            await self.sender.check_reachable()
        except Unreachable as error:
            return f"it went down: {error}"
        if len(failed) < MAX_CONSECUTIVE_ERRORS:
            return None
        again = await self.send(plain, fresh=True)
        answers = isinstance(again, ObservedAnswer) and again.result is Result.ACCEPTED
        return None if answers else "it answers with nothing but errors"

    async def _check_determinism(self, plain: Intent) -> None:
        """Whether the same question brings the same picture."""
        first, again = await self.send(plain), await self.send(plain, fresh=True)
        pictures = [
            each.picture if isinstance(each, ObservedAnswer) else None
            for each in (first, again)
        ]
        same = pictures[0] is not None and pictures[0] == pictures[1]
        self.determinism[plain.operation] = same

    def stats(self) -> ServerStats:
        currency = self.provider.dialect.prices.get("currency")
        target = self.named_target.target
        return ServerStats(
            label=self.label,
            provider=self.provider.id,
            title=self.provider.title,
            base_url=target.base_url,
            currency=currency,
            asked=len(self.seconds),
            seconds=round(median(self.seconds), 4) if self.seconds else None,
            cost=round(self.spent, 6) if self.has_price else None,
            stopped=self.stopped,
        )
