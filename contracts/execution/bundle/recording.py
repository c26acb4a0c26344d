"""Record the exchanges of campaigns for a bundle, and judge them without secrets."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from contracts.execution.bundle.manifest import (
    FORMAT,
    BundleOptions,
    document_files,
    program_row,
    target_row,
)
from contracts.execution.bundle.masks import Masks
from contracts.execution.bundle.records import MAX_BODY_BYTES, SentRequest
from contracts.execution.bundle.writer import REPORT, BundleWriter
from contracts.execution.campaign import Campaign
from contracts.execution.sending.client import Sender
from contracts.execution.sending.listening import Listening
from contracts.execution.sending.recording import BadRecording
from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction
from contracts.planning.case import Case, body_chunks
from contracts.report.model import Outcome, Report
from mockserver.recordings.redaction import redact_request_headers
from specs import Operation, Provider

SEND, FETCH, EVENTS = "request", "fetch", "events"


@dataclass
class BundleRecording:
    """
    The recording of a run.

    `masks` are those of each provider. `outcomes` counts the outcomes so far: an
    interrupted run is judged again up to there.
    """

    writer: BundleWriter
    masks: dict[str, Masks] = field(default_factory=dict)
    outcomes: int = 0

    def attach(self, campaign: Campaign) -> Campaign:
        """The campaign whose exchanges are recorded, with marks for its secrets."""
        name = campaign.provider.id
        masks = self.masks[name] = Masks(campaign.target)
        return replace(
            campaign,
            target=masks.target,
            open_sender=partial(self._open_sender, name, masks),
        )

    def count(self, _: Outcome) -> None:
        self.outcomes += 1

    async def add(
        self,
        provider: str,
        request: SentRequest,
        interaction: Interaction | None,
        silence: float = 0.0,
    ) -> None:
        """
        Write a record; `silence` is the longest one of a stream, in seconds.

        Raises `BadRecording` if it cannot be written.
        """
        row = provider, request, interaction, silence
        try:
            await asyncio.to_thread(self.writer.add, *row)
        except OSError as error:
            raise BadRecording(
                f"{self.writer.path} cannot be written: {error.strerror}"
            ) from None

    def _open_sender(
        self, provider: str, masks: Masks, target: Target, **options: Any
    ) -> "RecordingSender":
        return RecordingSender(self, provider, masks, **options)


class RecordingSender(Sender):
    """Sends with the secrets of a target; what it returns has marks for them."""

    def __init__(
        self, recording: BundleRecording, provider: str, masks: Masks, **options: Any
    ) -> None:
        super().__init__(masks.real, **options)
        self._recording = recording
        self._provider = provider
        self._masks = masks

    async def send(
        self,
        case: Case,
        operation: Operation,
        large_answer_turn: asyncio.Event | None = None,
    ) -> Interaction:
        real = case
        if case.path is not None:
            real = replace(case, path=self._masks.unmask(case.path))
        found = await super().send(real, operation, large_answer_turn)
        found = found if real is case else replace(found, case=case)
        found = await asyncio.to_thread(self._masks.interaction, found)
        target = self._masks.target
        request = await asyncio.to_thread(sent_request, target, case, operation)
        await self._recording.add(self._provider, request, found)
        await asyncio.to_thread(lambda: found.outputs)
        return found

    async def fetch(
        self, case: Case, url: str, *, with_key: bool = False
    ) -> Interaction | None:
        found = await super().fetch(case, self._masks.unmask(url), with_key=with_key)
        found = found and await asyncio.to_thread(self._masks.interaction, found)
        await self._recording.add(self._provider, fetch_request(case, url), found)
        return found

    @asynccontextmanager
    async def listen(
        self, case: Case, operation: Operation
    ) -> AsyncIterator[Listening | None]:
        async with super().listen(case, operation) as heard:
            if heard is not None:
                heard.mask = self._masks.response
            yield heard
            if heard is None:
                return
            heard.end()
        interaction = Interaction(
            case,
            heard.status,
            heard.headers,
            heard.body,
            heard.last - heard.began,
            at=heard.at,
        )
        request = sent_request(self._masks.target, case, operation, kind=EVENTS)
        silence = heard.longest_silence
        await self._recording.add(self._provider, request, interaction, silence)


def sent_request(
    target: Target, case: Case, operation: Operation, *, kind: str = SEND
) -> SentRequest:
    """The request of a case as records have it, for a target without secrets."""
    _, headers = target.request(case, operation)
    chunks, content_type = body_chunks(target.call.wire_case(case))
    if content_type:
        headers["Content-Type"] = content_type
    if kind == EVENTS:
        chunks = []
    size, sha256 = _measure(chunks)
    return SentRequest(
        kind=kind,
        case=case.id,
        operation=operation.id,
        method=case.method or operation.method,
        url=target.url(case, operation),
        headers=redact_request_headers(list(headers.items()), target.secrets),
        size=size,
        sha256=sha256,
        body=b"".join(chunks) if size <= MAX_BODY_BYTES else None,
    )


def fetch_request(case: Case, url: str) -> SentRequest:
    """The request for a URL in a response, as records have it."""
    size, sha256 = _measure(())
    return SentRequest(
        FETCH, case.id, case.operation, "GET", url, {}, size, sha256, b""
    )


def _measure(chunks: Sequence[bytes]) -> tuple[int, str]:
    """The length and the hash of a body in chunks."""
    whole = hashlib.sha256()
    for chunk in chunks:
        whole.update(chunk)
    return sum(map(len, chunks)), whole.hexdigest()


def write_bundle(
    recording: BundleRecording,
    report: Report,
    providers: Sequence[Provider],
    options: BundleOptions,
) -> str:
    """Write the bundle of a run that has ended, and return its id. Raises `OSError`."""
    tested = {each.provider for each in report.metadata.targets}
    known = [each for each in providers if each.id in tested]
    is_interrupted = report.stopped == "interrupt"
    texts = {REPORT: "".join(report.to_lines()).encode(), **document_files(known)}

    def manifest(facts: dict[str, Any]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "program": program_row(),
            "started": report.metadata.started,
            "seed": report.metadata.seed,
            "options": options.row(),
            "interrupted_after": recording.outcomes if is_interrupted else None,
            "targets": [target_row(each, recording.masks[each.id]) for each in known],
            **facts,
        }

    return recording.writer.finish(texts, manifest)
