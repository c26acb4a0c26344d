"""One target, asked in its own dialect: within a budget, and while it answers."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from contracts.compare.servers.aspects import Outcome, Result, outcome, usage_of
from contracts.compare.servers.intents import Intent, Spoken, Unspoken, speak
from contracts.compare.servers.model import TargetFacts
from contracts.compare.servers.verdicts import is_compared
from contracts.execution.campaign import CouldNotRun
from contracts.execution.client import Sender, Unreachable
from contracts.execution.targets import Labelled
from specs import Provider, State, cost

AT_ONCE = 8
ERRORS_IN_A_ROW = 10

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Unasked:
    """Why a question has no outcome."""

    why: str


@dataclass(slots=True)
class Asker:
    """Asks one target; each request is sent once, however often it is asked for."""

    labelled: Labelled
    sender: Sender
    unlisted: bool
    budget: float | None
    spent: float = 0.0
    priced: bool = False
    stopped: str | None = None
    found: dict[Intent, Outcome | Unasked] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    repeats: dict[str, bool] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.labelled.label

    @property
    def provider(self) -> Provider:
        return self.labelled.provider

    def spoken(self, intent: Intent) -> Spoken | Unspoken:
        return speak(intent, self.provider, unlisted=self.unlisted)

    async def ask(self, intent: Intent, *, fresh: bool = False) -> Outcome | Unasked:
        """What comes of a question; asked again only if it is to be `fresh`."""
        key = replace(intent, about="")
        if not fresh and key in self.found:
            return self.found[key]
        result = await self._asked(intent)
        if not fresh:
            self.found[key] = result
        return result

    async def _asked(self, intent: Intent) -> Outcome | Unasked:
        spoken = self.spoken(intent)
        if isinstance(spoken, Unspoken):
            return Unasked(spoken)
        if self.stopped:
            return Unasked(self.stopped)
        if self.budget is not None and spoken.state is not State.INVALID:
            price = self._price(spoken, spoken.asked.get("n", 1))
            if price is None:
                return Unasked("its price is not documented, and there is a budget")
            if self.spent + price > self.budget:
                return Unasked("the budget allows no more")
        found = await self.sender.send(spoken.case, spoken.operation)
        key = self.labelled.target.key
        result = outcome(spoken, found, key, keep=is_compared(intent))
        self.seconds.append(found.seconds)
        if result.result is Result.ACCEPTED:
            price = self._price(spoken, len(found.pictures), usage_of(found))
            self.priced = self.priced or price is not None
            self.spent += price or 0.0
        return result

    def _price(
        self, spoken: Spoken, count: object, usage: Mapping[str, Any] | None = None
    ) -> float | None:
        """The price of so many pictures; None where none is documented."""
        number = count if isinstance(count, int) and count > 0 else 1
        dialect, operation = self.provider.dialect, spoken.operation.id
        asked = spoken.asked
        return cost(dialect, operation, asked, count=number, usage=usage).amount

    async def begin(self, plain: Intent) -> None:
        """
        The first question.

        Raises `CouldNotRun` when the key is refused, `Unreachable` when nobody listens.
        """
        await self.sender.reach()
        first = await self.ask(plain)
        if isinstance(first, Outcome) and first.status == 401:
            raise CouldNotRun(
                f"{self.label}: {self.labelled.target.base_url} refuses the key (401). "
                f"Check {self.provider.dialect.key_env}, or name another variable "
                "with --key-env"
            )

    async def ask_all(self, questions: Sequence[Intent], progress: Progress) -> None:
        """Ask everything; a target that goes down is left alone from then on."""
        at_once, done = AT_ONCE, 0
        if self.budget is not None:
            at_once, questions = 1, sorted(questions, key=self._bill)
        plains = [each for each in questions if each.about == "request"]
        if self.budget is None:
            for plain in plains:
                await self._ask_twice(plain)
        failed: list[Intent] = []
        for at in range(0, len(questions), at_once):
            some = questions[at : at + at_once]
            found = await asyncio.gather(*(self.ask(each) for each in some))
            for intent, each in zip(some, found, strict=True):
                done += 1
                progress(self.label, done, len(questions))
                if isinstance(each, Outcome):
                    is_error = each.status is None or each.status >= 500
                    failed = [*failed, intent] if is_error else []
            if failed and not self.stopped:
                self.stopped = await self._why_down(failed, plains[0])
                for intent in failed if self.stopped else ():
                    self.found[replace(intent, about="")] = Unasked(str(self.stopped))

    def _bill(self, intent: Intent) -> float:
        """What a question is expected to cost: nothing, if it is to be refused."""
        spoken = self.spoken(intent)
        if isinstance(spoken, Unspoken) or spoken.state is State.INVALID:
            return 0.0
        price = self._price(spoken, spoken.asked.get("n", 1))
        return math.inf if price is None else price

    async def _why_down(self, failed: Sequence[Intent], plain: Intent) -> str | None:
        """Why there is no use in asking on; None where there is."""
        try:
            await self.sender.reach()
        except Unreachable as error:
            return f"it went down: {error}"
        if len(failed) < ERRORS_IN_A_ROW:
            return None
        again = await self.ask(plain, fresh=True)
        answers = isinstance(again, Outcome) and again.result is Result.ACCEPTED
        return None if answers else "it answers with nothing but errors"

    async def _ask_twice(self, plain: Intent) -> None:
        """Whether the same question brings the same picture."""
        first, again = await self.ask(plain), await self.ask(plain, fresh=True)
        pictures = [
            each.picture if isinstance(each, Outcome) else None
            for each in (first, again)
        ]
        same = pictures[0] is not None and pictures[0] == pictures[1]
        self.repeats[plain.operation] = same

    def facts(self) -> TargetFacts:
        currency = self.provider.dialect.prices.get("currency")
        target = self.labelled.target
        return TargetFacts(
            label=self.label,
            provider=self.provider.id,
            title=self.provider.title,
            base_url=target.base_url,
            currency=currency,
            asked=len(self.seconds),
            seconds=round(median(self.seconds), 4) if self.seconds else None,
            cost=round(self.spent, 6) if self.priced else None,
            stopped=self.stopped,
        )
