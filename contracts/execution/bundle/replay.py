"""Judge the exchanges of a bundle again, without network."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import specs
from contracts.errors import HarnessError
from contracts.execution.bundle.manifest import BundleOptions
from contracts.execution.bundle.reader import Bundle
from contracts.execution.bundle.recording import (
    EVENTS,
    fetch_request,
    sent_request,
)
from contracts.execution.bundle.records import SentRequest, response_from
from contracts.execution.campaign import Campaign
from contracts.execution.rebuild import campaign_of
from contracts.execution.run import execute, start
from contracts.execution.sending.client import Sender
from contracts.execution.sending.http import LARGE_RESPONSE_BYTES
from contracts.execution.sending.listening import Listening
from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction
from contracts.planning.case import Case
from contracts.report.model import Outcome, Report
from specs import Operation
from specs.requirement_sets import load_requirements


class NotRecorded(HarnessError):
    """A request of the run that the bundle does not have, or has differently."""


class _Interrupt(Exception):
    """The place at which the run was interrupted."""


@dataclass
class Replay:
    """The records of a bundle, each of which is used once."""

    bundle: Bundle
    used: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, provider: str, request: SentRequest) -> dict[str, Any]:
        """The next record of a case. Raises `NotRecorded`."""
        key = provider, request.case
        places = self.bundle.places.get(key, [])
        at = self.used[key]
        if at >= len(places):
            raise NotRecorded(f"{request.case} ({provider}) has no record {at + 1}")
        row = self.bundle.record(places[at])
        if difference := request.difference(row):
            raise NotRecorded(
                f"record {row['record']} ({request.case}) has another {difference} "
                "than the request of this run"
            )
        self.used[key] += 1
        return row

    def unused(self) -> Iterator[str]:
        """Yield the records that the run did not need."""
        for key, places in self.bundle.places.items():
            for place in places[self.used[key] :]:
                number = self.bundle.record(place)["record"]
                yield f"record {number} ({key[1]}) is of no request of this run"

    def open_sender(
        self, provider: str, target: Target, **options: Any
    ) -> "ReplayingSender":
        return ReplayingSender(self, provider, target, **options)


class ReplayingSender(Sender):
    """Returns the recorded responses; nothing is sent."""

    def __init__(
        self, replay: Replay, provider: str, target: Target, **options: Any
    ) -> None:
        super().__init__(target, **options)
        self._replay = replay
        self._provider = provider

    @property
    def is_offline(self) -> bool:
        return True

    async def send(
        self,
        case: Case,
        operation: Operation,
        large_answer_turn: asyncio.Event | None = None,
    ) -> Interaction:
        row = self._replay.take(
            self._provider, sent_request(self.target, case, operation)
        )
        response = row["response"]
        if large_answer_turn is not None and self._is_large(response):
            await large_answer_turn.wait()
        found = await self._response(response, case, operation)
        await asyncio.to_thread(lambda: found.outputs)
        return found

    async def fetch(
        self, case: Case, url: str, *, with_key: bool = False
    ) -> Interaction | None:
        row = self._replay.take(self._provider, fetch_request(case, url))
        response = row["response"]
        return None if response is None else await self._response(response, case)

    @asynccontextmanager
    async def listen(
        self, case: Case, operation: Operation
    ) -> AsyncIterator[Listening | None]:
        request = sent_request(self.target, case, operation, kind=EVENTS)
        response = self._replay.take(self._provider, request)["response"]
        found = await self._response(response, case, operation)
        yield Listening(
            status=found.status,
            headers=found.headers,
            body=found.body,
            began=0.0,
            last=found.seconds,
            longest_silence=response.get("longest_silence", 0.0),
            at=found.at,
            has_ended=True,
        )

    async def _response(
        self, row: dict[str, Any], case: Case, operation: Operation | None = None
    ) -> Interaction:
        read = self._replay.bundle.read_file
        return await asyncio.to_thread(response_from, row, case, operation, read)

    def _is_large(self, row: dict[str, Any]) -> bool:
        names = [each["file"] for each in row["body"] if not isinstance(each, str)]
        names += [
            each["file"] for each in row.get("fetched", {}).values() if "file" in each
        ]
        return sum(map(self._replay.bundle.file_size, names)) > LARGE_RESPONSE_BYTES


def judge_again(bundle: Bundle, recorded: Report) -> tuple[Report, list[str]]:
    """
    The report of the recorded exchanges, and records that it did not need.

    Raises `NotRecorded`, `HarnessError` for what a run raises, and `SpecError` for a
    document that cannot be loaded.
    """
    replay = Replay(bundle)
    manifest, metadata = bundle.manifest, recorded.metadata
    options = BundleOptions.of(manifest["options"])
    campaigns = list(_campaigns(replay, recorded, options))
    name = options.requirements
    run = start(
        campaigns,
        version=metadata.version,
        seed=metadata.seed,
        requirements=load_requirements(name) if name else None,
    )
    run.metadata = replace(run.metadata, started=metadata.started)
    until = manifest["interrupted_after"]
    count, late = 0, []

    def note(outcome: Outcome) -> None:
        nonlocal count
        count += 1
        if until is not None and count > until:
            late.append(outcome)
            raise _Interrupt

    try:
        asyncio.run(
            execute(
                run, progress=note, max_cases=options.max_cases, budget=options.budget
            )
        )
    except _Interrupt:
        # Its requests had ended before the interrupt. The run reports that only of
        # what may have cost money, as an open task.
        known = {(each.provider, each.case) for each in recorded.outcomes}
        run.outcomes = [
            each
            for each in run.outcomes
            if each not in late or (each.provider, each.case) in known
        ]
    except NotRecorded:
        if until is None:
            raise
    if until is not None:
        run.stopped = "interrupt"
    return run.report(), [] if until is not None else list(replay.unused())


def _campaigns(
    replay: Replay, recorded: Report, options: BundleOptions
) -> Iterator[Campaign]:
    """Yield the campaigns of the run, with marks in place of secrets."""
    calls = {each["provider"]: each for each in replay.bundle.manifest["targets"]}
    for record in recorded.metadata.targets:
        provider = specs.load(record.provider, replay.bundle.documents)
        call = calls[record.provider]
        campaign = campaign_of(record, recorded.metadata.seed, provider, call["key"])
        target = replace(
            campaign.target,
            call=replace(
                campaign.target.call, key_env=call["key_env"], headers=call["headers"]
            ),
            header_values=call["header_values"],
        )
        yield replace(
            campaign,
            target=target,
            task_waiting=options.waiting,
            repeat=options.repeat,
            open_sender=partial(replay.open_sender, provider.id),
        )
