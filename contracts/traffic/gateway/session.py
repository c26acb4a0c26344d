"""Questions through a gateway, one after the other, and what its upstream saw."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from contracts.execution.client import exchange
from contracts.judging.interaction import Interaction
from contracts.judging.outcome import said
from contracts.planning.case import pieces_of
from contracts.traffic.gateway.questions import HARMFUL, UNLISTED, Kind, Question
from contracts.traffic.gateway.upstream import Crossing, Tap

PAUSE = 0.5
COOLING = (429, 503)
LONGEST_COOLING = 30.0


class Unusable(Exception):
    """A gateway that cannot be examined: why, and what to do."""


@dataclass(frozen=True)
class Asked:
    """A question, the gateway's answer, and each attempt that reached its upstream."""

    question: Question
    interaction: Interaction
    crossings: Sequence[Crossing]

    @property
    def crossing(self) -> Crossing | None:
        """The attempt that was answered last."""
        return self.crossings[-1] if self.crossings else None


class Asker:
    """Asks a gateway at `base_url`; an answer may take `patience` seconds."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tap: Tap,
        base_url: str,
        key: str,
        patience: float,
    ) -> None:
        self._session = session
        self._tap = tap
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._patience = patience
        self._cooling = LONGEST_COOLING

    async def reach(self, question: Question, seconds: float) -> Asked:
        """
        The first exchange that reaches the upstream.

        Raises `Unusable` when none does within so many seconds, or none ever will.
        """
        until = time.monotonic() + seconds
        while True:
            asked = await self.ask(question)
            found = asked.interaction
            if asked.crossings:
                return asked
            if found.is_success:
                raise Unusable(
                    "it answered, but its upstream was not asked: whatever it asked "
                    "may cost money. Configure the address above as its upstream"
                )
            if found.status is not None and 400 <= found.status < 500:
                raise Unusable(
                    f"it answers {found.status} and asks no upstream: {said(found)}. "
                    "Its key goes into --key-env, its name of the model into --model"
                )
            if time.monotonic() > until:
                why = found.problem or f"{found.status}: {said(found)}"
                raise Unusable(f"no question reached its upstream: {why}")
            await asyncio.sleep(PAUSE)

    async def ask_all(
        self, questions: Sequence[Question], progress: Callable[[], None]
    ) -> list[Asked]:
        """All exchanges, in order; late attempts are counted to their question."""
        found = []
        for each in questions:
            found.append(await self._once_cool(each))
            progress()
        return [
            Asked(each.question, each.interaction, self._late(each)) for each in found
        ]

    async def _once_cool(self, question: Question) -> Asked:
        """
        The exchange of a question.

        It is asked again while a gateway keeps it to itself, because its upstream
        failed before; no longer after one that has never been let through.
        """
        until = time.monotonic() + self._cooling
        while True:
            asked = await self.ask(question)
            keeps = not asked.crossings and asked.interaction.status in COOLING
            if question.kind not in HARMFUL or not keeps:
                return asked
            if time.monotonic() > until:
                self._cooling = 0.0
                return asked
            await asyncio.sleep(PAUSE)

    def _late(self, asked: Asked) -> Sequence[Crossing]:
        marked = self._marked(asked.question)
        return marked or asked.crossings

    def _marked(self, question: Question) -> list[Crossing]:
        marker = question.marker.encode()
        return [each for each in self._tap.crossings if marker in each.body]

    async def ask(self, question: Question) -> Asked:
        """One exchange. An attempt counts by its prompt; without it, by its time."""
        before = len(self._tap.crossings)
        self._tap.extra = UNLISTED if question.kind is Kind.UNLISTED_ANSWER else {}
        arrived = asyncio.Event() if question.kind is Kind.STREAM else None
        self._tap.arrived = arrived
        interaction = await self._exchange(question, arrived)
        crossings = self._marked(question) or [
            each
            for each in self._tap.crossings[before:]
            if question.marker.rpartition("-")[0].encode() not in each.body
        ]
        return Asked(question, interaction, crossings)

    async def _exchange(
        self, question: Question, arrived: asyncio.Event | None
    ) -> Interaction:
        case = question.case
        pieces, content_type = pieces_of(case)
        headers = {"Authorization": f"Bearer {self._key}"}
        if content_type:
            headers["Content-Type"] = content_type
        return await exchange(
            self._session,
            case,
            question.operation.method,
            self._base_url + question.operation.path,
            pieces,
            headers,
            patience=self._patience,
            arrived=arrived,
        )
