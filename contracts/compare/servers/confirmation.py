"""Confirmation of divergences, and a search for the smallest request with each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.compare.servers.divergence import (
    Divergence,
    find_divergences,
    find_responsiveness_divergence,
    responsiveness_aspect,
)
from contracts.compare.servers.intents import shrink_intent
from contracts.compare.servers.observed_aspects import ObservedAnswer
from contracts.compare.servers.session import TargetSession
from contracts.compare.servers.translation import Intent

CONFIRMATION_ATTEMPTS = 2
MAX_SHRINK_ATTEMPTS = 24


@dataclass(slots=True)
class ConfirmedDivergence:
    """
    A divergence shown by the smallest request, seen `seen` times in `tries`.

    `also` are the ids of other intents that show it.
    """

    divergence: Divergence
    seen: int = 1
    tries: int = 1
    also: list[str] = field(default_factory=list)

    def is_shown_by(self, intent: Intent) -> bool:
        return intent.id in (self.divergence.intent.id, *self.also)


@dataclass
class ServerComparison:
    """
    Compares the responses of several servers and collects the divergences.

    `intents` are those of one feature each; the values of a request are simplified to
    theirs.
    """

    sessions: Sequence[TargetSession]
    intents: Sequence[Intent]
    confirmed: list[ConfirmedDivergence] = field(default_factory=list)

    async def compare(self, intents: Sequence[Intent]) -> None:
        """Find all divergences in the responses to these intents."""
        for intent in intents:
            await self._compare_intent(intent)

    def answers(self, intent: Intent) -> dict[str, ObservedAnswer]:
        """The responses to an intent, by label; servers without one are left out."""
        found = {each.label: each.answer(intent) for each in self.sessions}
        return {label: answer for label, answer in found.items() if answer is not None}

    async def _compare_intent(self, intent: Intent) -> None:
        divergences = [
            *find_divergences(self.sessions, intent, self.answers(intent)),
            *find_responsiveness_divergence(self.sessions, intent),
        ]
        for divergence in divergences:
            known = self._known(divergence)
            if known is None:
                known = await self._confirm(divergence)
                self.confirmed.append(known)
            if not known.is_shown_by(intent):
                known.also.append(intent.id)

    def _known(self, divergence: Divergence) -> ConfirmedDivergence | None:
        found = (e for e in self.confirmed if e.divergence.subsumes(divergence))
        return next(found, None)

    async def _confirm(self, divergence: Divergence) -> ConfirmedDivergence:
        """Repeat the request; shrink it if the divergence is there every time."""
        is_responsiveness = divergence.aspect == responsiveness_aspect(
            divergence.intent
        )
        if self._forbids_resending or is_responsiveness:
            return ConfirmedDivergence(divergence)
        seen = 1
        for _ in range(CONFIRMATION_ATTEMPTS):
            again = await self._reproduce(divergence, divergence.intent, fresh=True)
            seen += again is not None
        if self._forbids_resending:  # a server stopped during the repetitions
            return ConfirmedDivergence(divergence)
        tries = 1 + CONFIRMATION_ATTEMPTS
        smallest = await self._shrink(divergence) if seen == tries else divergence
        return ConfirmedDivergence(smallest, seen, tries)

    @property
    def _forbids_resending(self) -> bool:
        """True if a server has a budget, or gets no more requests."""
        return any(each.budget is not None or each.stopped for each in self.sessions)

    async def _shrink(self, divergence: Divergence) -> Divergence:
        """The same divergence, by the smallest request found in a bounded search."""
        best, attempts = divergence, 0
        found: Divergence | None = divergence
        while found is not None:
            best, found = found, None
            for intent in shrink_intent(best.intent, self.intents):
                attempts += 1
                if attempts > MAX_SHRINK_ATTEMPTS:
                    break
                found = await self._reproduce(divergence, intent)
                if found is not None:
                    break
        return best

    async def _reproduce(
        self, divergence: Divergence, intent: Intent, *, fresh: bool = False
    ) -> Divergence | None:
        """The same divergence in the responses to an intent; None if there is none."""
        answers: dict[str, ObservedAnswer] = {}
        for session in self.sessions:
            if session.label in divergence.values:
                outcome = await session.send(intent, fresh=fresh)
                if isinstance(outcome, ObservedAnswer):
                    answers[session.label] = outcome
        for found in find_divergences(self.sessions, intent, answers):
            if found.same_as(divergence) and found.kind is divergence.kind:
                return found
        return None
