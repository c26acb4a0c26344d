"""Exchanges of a run, written down to be judged again without network."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.planning.case import FORM, TARGET_KEY, Case
from mockserver.recordings.cassette_file import CassetteError, RecordedResponse
from mockserver.recordings.cassettes import Cassettes
from mockserver.recordings.recorder import ExchangeRecord, Recorder

UNRECORDED_LINK = "was not at its address when this was recorded"
UNRECORDED_HEADERS = {"content-length", "transfer-encoding", "connection", "date"}


class BadRecording(ValueError):
    """A folder of recordings that cannot be used; the message says what to do."""


def cassette_key(case: Case, body: bytes) -> dict[str, Any]:
    """
    What a case asks, as a recording is found by: its body by hash, its key left out.

    The boundary of a form is drawn from what is in it, and so in the hash as well.
    """
    return {
        "case": case.id,
        "method": case.method,
        "path": case.path,
        "headers": dict(case.headers),
        "content_type": case.content_type or case.media_type,
        "auth": "key" if case.auth == TARGET_KEY else case.auth,
        "bytes": len(body),
        "sha256 of the body": hashlib.sha256(body).hexdigest(),
        "payload": None if case.media_type == FORM else case.payload,
    }


class CassetteSession:
    """
    Writes exchanges of a provider into a folder, or finds them there again.

    One of `recorder` and `cassettes` is set.
    """

    def __init__(
        self,
        provider: str,
        recorder: Recorder | None = None,
        cassettes: Cassettes | None = None,
    ) -> None:
        self.provider = provider
        self.recorder = recorder
        self.cassettes = cassettes
        self._lock = asyncio.Lock()

    @classmethod
    def recording(cls, provider: str, folder: Path) -> "CassetteSession":
        """Raises `BadTape` when nothing can be written there."""
        try:
            return cls(provider, recorder=Recorder(folder))
        except OSError as error:
            raise BadRecording(
                f"{folder} cannot be written: {error.strerror}"
            ) from None

    @classmethod
    def replaying(cls, provider: str, folder: Path) -> "CassetteSession":
        """Raises `BadTape` when there is nothing to be read there."""
        try:
            return cls(provider, cassettes=Cassettes.open(folder))
        except CassetteError as error:
            raise BadRecording(str(error)) from None
        except (ArithmeticError, RecursionError, ValueError) as error:
            raise BadRecording(
                f"{folder} holds what is no recording: {error}"
            ) from None

    async def record(self, interaction: Interaction, body: bytes, key: str) -> None:
        """Write an exchange down. Raises `BadTape` when the folder takes no more."""
        if self.recorder is None:
            return
        case = interaction.case
        taken = ExchangeRecord(
            provider=self.provider,
            operation=case.operation,
            payload=cassette_key(case, body),
            status=interaction.status or 0,
            headers=[
                (name, value)
                for name, value in interaction.headers.items()
                if name.lower() not in UNRECORDED_HEADERS
            ],
            body=interaction.body,
            links={
                url: data if isinstance(data, bytes) else None
                for url, data in interaction.fetched.items()
            },
            secrets=(key,) if key else (),
            method=case.method or "POST",
            path=case.path or "",
            media_type=case.media_type or "",
            at=interaction.at,
            problem=interaction.problem,
        )
        async with self._lock:
            try:
                await asyncio.to_thread(self.recorder.record, taken)
            except OSError as error:
                raise BadRecording(
                    f"{self.recorder.folder} cannot be written: {error.strerror}"
                ) from None

    async def replay(self, case: Case, body: bytes) -> Interaction:
        """The recorded exchange; one without an answer when it was not recorded."""
        if self.cassettes is None:
            raise RuntimeError("this tape records")
        asked = cassette_key(case, body)
        recorded = self.cassettes.find(case.operation, asked, provider=self.provider)
        if recorded is None:
            raise BadRecording(
                f"{self.cassettes.folder} has no recording of {case.id} as it is asked "
                "now: record again, with the same options and the same version"
            )
        try:
            return await asyncio.to_thread(_interaction_from, case, recorded)
        except CassetteError as error:
            raise BadRecording(str(error)) from None
        except (TypeError, ValueError) as error:
            raise BadRecording(f"{recorded.path} is no recording: {error}") from None


def _interaction_from(case: Case, recorded: RecordedResponse) -> Interaction:
    gone: Mapping[str, bytes | str] = dict.fromkeys(
        recorded.unrecorded, UNRECORDED_LINK
    )
    moment = {} if recorded.at is None else {"at": recorded.at}
    return Interaction(
        case,
        recorded.status or None,
        {name.lower(): value for name, value in recorded.headers},
        recorded.body(),
        0.0,
        recorded.problem,
        fetched={**gone, **recorded.links()},
        **moment,
    )
