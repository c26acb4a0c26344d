"""The requests to one server, within a budget and while the server is up."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from contracts.compare.servers.account import ServerAccount
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
from contracts.execution.sending.client import Sender, Unreachable
from contracts.execution.targets import NamedTarget
from contracts.execution.tasks.follow import Follower
from contracts.judging.interaction import Interaction
from contracts.judging.tasks.conversation import Conversation
from specs import Provider, State, cost

MAX_CONNECTIONS = 8
MAX_CONSECUTIVE_ERRORS = 10

Progress = Callable[[str, int, int], None]
"""Called with a target's label, the number of intents done, and of all intents."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """The reason why an intent has no response."""

    reason: str


@dataclass(slots=True)
class TargetSession:
    """
    Sends intents to one target and keeps the responses.

    `budget` is in the provider's own currency; None for no limit. `has_price` is set
    if the cost of a response is documented. `stopped` is the reason why no more is
    sent, None before that.
    `seconds` are the durations of all requests. `determinism` says for each operation
    if two equal requests gave the same image.
    """

    named_target: NamedTarget
    sender: Sender
    unlisted: bool
    budget: float | None
    follower: Follower
    has_price: bool = False
    stopped: str | None = None
    outcomes: dict[Intent, ObservedAnswer | Skipped] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    determinism: dict[str, bool] = field(default_factory=dict)
    _account: ServerAccount = field(init=False)

    def __post_init__(self) -> None:
        self._account = ServerAccount(self.label, self.budget)

    @property
    def label(self) -> str:
        return self.named_target.label

    @property
    def provider(self) -> Provider:
        return self.named_target.provider

    def translation_of(self, intent: Intent) -> Translation | NotTranslatable:
        return translate(intent, self.provider, unlisted=self.unlisted)

    def outcome(self, intent: Intent) -> ObservedAnswer | Skipped | None:
        """The kept outcome of an intent; None if it was never sent."""
        return self.outcomes.get(_request_key(intent))

    def answer(self, intent: Intent | None) -> ObservedAnswer | None:
        """The kept response to an intent; None if there is none."""
        outcome = self.outcome(intent) if intent else None
        return outcome if isinstance(outcome, ObservedAnswer) else None

    async def send(
        self, intent: Intent, *, fresh: bool = False
    ) -> ObservedAnswer | Skipped:
        """
        Send an intent, or return its kept outcome.

        With `fresh`, always send, and do not keep the outcome.
        """
        key = _request_key(intent)
        if not fresh and key in self.outcomes:
            return self.outcomes[key]
        outcome = await self._send(intent)
        if not fresh:
            self.outcomes[key] = outcome
        return outcome

    def stop(self, reason: str) -> None:
        """Send no more requests, and wait for no task."""
        self.stopped = self.stopped or reason
        self.follower.stopping.set()

    async def follow(self, translation: Translation) -> Conversation | Skipped:
        """Create a task and follow it to its end, if the budget allows that."""
        begun = await self._begin(translation)
        if isinstance(begun, Skipped):
            return begun
        talk = await self.follower.follow(translation.case)
        self.seconds += [each.interaction.seconds for each in talk.steps]
        created = talk.steps[0].interaction if talk.steps else None
        if talk.created is not None and talk.created.body is not None:
            await self._settle(begun, self._expected_price(translation))
        else:
            await self._settle_failed(begun, created)
        return talk

    async def _send(self, intent: Intent) -> ObservedAnswer | Skipped:
        translation = self.translation_of(intent)
        if isinstance(translation, NotTranslatable):
            return Skipped(translation)
        return await self.send_translated(translation)

    async def send_translated(
        self, translation: Translation
    ) -> ObservedAnswer | Skipped:
        """Send a request, if the budget allows that; the outcome is not kept."""
        begun = await self._begin(translation)
        if isinstance(begun, Skipped):
            return begun
        target = self.named_target.target
        interaction = await self.sender.send(translation.case, translation.operation)
        answer = observe(
            translation,
            interaction,
            target.key,
            secrets=target.secrets,
            keep=is_compared(translation.intent),
        )
        self.seconds.append(interaction.seconds)
        if answer.result is Result.ACCEPTED:
            count, usage = len(interaction.outputs), usage_of(interaction)
            await self._settle(begun, self._price(translation, count, usage))
        else:
            await self._settle_failed(begun, interaction)
        return answer

    async def _begin(self, translation: Translation) -> str | Skipped:
        """Reserve the price of a request; returns its id in the account."""
        call = self.named_target.target.call
        reason = self.stopped or call.reason_not_tested(translation.case)
        is_free = translation.state is State.INVALID
        price = 0.0 if is_free else self._expected_price(translation)
        if reason is None and self.budget is not None and price is None:
            reason = "its price is not documented, and a budget is set"
        if reason:
            return Skipped(reason)
        begun = await self._account.begin(price)
        return begun or Skipped("the budget allows no more")

    async def _settle(self, begun: str, price: float | None) -> None:
        self.has_price = self.has_price or price is not None
        await self._account.settle(begun, price or 0.0)

    async def _settle_failed(self, begun: str, interaction: Interaction | None) -> None:
        """Settle a request without a result: it is free if the server rejected it."""
        is_lost = interaction is not None and interaction.status is None
        await self._account.settle(begun, None if is_lost else 0.0)

    def _expected_price(self, translation: Translation) -> float | None:
        """The price of the requested number of images; None if it is not documented."""
        return self._price(translation, translation.canonical_payload.get("n", 1))

    def _price(
        self,
        translation: Translation,
        count: object,
        usage: Mapping[str, Any] | None = None,
    ) -> float | None:
        """The price of `count` images; None if it is not documented."""
        number = count if isinstance(count, int) and count > 0 else 1
        return cost(
            self.provider.dialect,
            translation.operation.id,
            translation.canonical_payload,
            count=number,
            usage=usage,
            medium=translation.operation.medium,
        ).amount

    async def start(self, plain: Intent | None) -> None:
        """
        Send the first request, if there is one.

        Raises `Unreachable` if the server accepts no connection, `CouldNotRun` if it
        rejects the key.
        """
        await self.sender.check_reachable()
        if plain is None:
            return
        first = await self.send(plain)
        if isinstance(first, ObservedAnswer) and first.status == 401:
            target = self.named_target.target
            raise CouldNotRun(
                f"{self.label}: {target.base_url} rejects the key (401). Check "
                f"{target.call.key_remedy(self.provider)}"
            )

    async def send_all(self, intents: Sequence[Intent], progress: Progress) -> None:
        """
        Send all intents, in parallel batches; with a budget one by one, cheapest first.

        Stops when the server goes down or returns only errors.
        """
        batch_size = MAX_CONNECTIONS
        if self.budget is not None:
            batch_size, intents = 1, sorted(intents, key=self._sorting_cost)
        plain_intents = [each for each in intents if each.feature == "request"]
        if self.budget is None:
            for plain in plain_intents:
                await self._check_determinism(plain)
        failed: list[Intent] = []
        done = 0
        for at in range(0, len(intents), batch_size):
            batch = intents[at : at + batch_size]
            outcomes = await asyncio.gather(*(self.send(each) for each in batch))
            for intent, outcome in zip(batch, outcomes, strict=True):
                done += 1
                progress(self.label, done, len(intents))
                if isinstance(outcome, ObservedAnswer):
                    is_error = outcome.status is None or outcome.status >= 500
                    failed = [*failed, intent] if is_error else []
            if failed and not self.stopped:
                await self._stop_if_down(failed, plain_intents[0])

    def _sorting_cost(self, intent: Intent) -> float:
        """The expected cost: 0 if the request is invalid, infinite if unknown."""
        translation = self.translation_of(intent)
        if isinstance(translation, NotTranslatable):
            return 0.0
        if translation.state is State.INVALID:
            return 0.0
        price = self._expected_price(translation)
        return math.inf if price is None else price

    async def _stop_if_down(self, failed: Sequence[Intent], plain: Intent) -> None:
        """Stop if the server is down; the last failures then say nothing about it."""
        self.stopped = await self._failure_reason(failed, plain)
        if self.stopped:
            for intent in failed:
                self.outcomes[_request_key(intent)] = Skipped(self.stopped)

    async def _failure_reason(
        self, failed: Sequence[Intent], plain: Intent
    ) -> str | None:
        """The reason to stop after the last failures; None to go on."""
        try:
            await self.sender.check_reachable()
        except Unreachable as error:
            return f"it went down: {error}"
        if len(failed) < MAX_CONSECUTIVE_ERRORS:
            return None
        again = await self.send(plain, fresh=True)
        is_up = isinstance(again, ObservedAnswer) and again.result is Result.ACCEPTED
        return None if is_up else "it returns only errors"

    async def _check_determinism(self, plain: Intent) -> None:
        """Record if the same request gives the same image twice."""
        outcomes = await self.send(plain), await self.send(plain, fresh=True)
        first, second = (
            outcome.first_image if isinstance(outcome, ObservedAnswer) else None
            for outcome in outcomes
        )
        self.determinism[plain.operation] = first is not None and first == second

    async def close(self) -> None:
        await self._account.close()

    async def stats(self) -> ServerStats:
        spent = await self._account.spent()
        return ServerStats(
            label=self.label,
            provider=self.provider.id,
            title=self.provider.title,
            base_url=self.named_target.target.base_url,
            currency=self.provider.dialect.currency,
            asked=len(self.seconds),
            seconds=round(median(self.seconds), 4) if self.seconds else None,
            cost=round(spent, 6) if self.has_price or spent else None,
            stopped=self.stopped,
        )


def _request_key(intent: Intent) -> Intent:
    """The key of an intent's outcome: the feature under test is not in the request."""
    return replace(intent, feature="")
