"""Record the exchanges of a run, and replay them without a network."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.errors import HarnessError
from contracts.judging.interaction import Interaction
from contracts.planning.case import TARGET_KEY, Case
from mockserver.recordings.cassette_file import CassetteError, RecordedResponse
from mockserver.recordings.cassettes import Cassettes
from mockserver.recordings.recorder import ExchangeRecord, Recorder
from specs import FORM

UNRECORDED_LINK = "was not returned by its URL when this was recorded"
UNRECORDED_HEADERS = {"content-length", "transfer-encoding", "connection", "date"}


class BadRecording(HarnessError, ValueError):
    """A folder of recordings that is unusable; the message says what to do."""


def cassette_key(case: Case, body: bytes) -> dict[str, Any]:
    """
    The key of the recording of a case: the body by its hash, without the API key.

    The boundary of a form depends on its content only, so the hash is stable.
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
    Records the exchanges of a provider in a folder, or replays those of a folder.

    Exactly one of `recorder` and `cassettes` is set.
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
        """Raises `BadRecording` if the folder cannot be written."""
        try:
            return cls(provider, recorder=Recorder(folder))
        except OSError as error:
            raise BadRecording(
                f"{folder} cannot be written: {error.strerror}"
            ) from None

    @classmethod
    def replaying(cls, provider: str, folder: Path) -> "CassetteSession":
        """Raises `BadRecording` if the folder has no valid recordings."""
        try:
            return cls(provider, cassettes=Cassettes.open(folder))
        except CassetteError as error:
            raise BadRecording(str(error)) from None
        except (ArithmeticError, RecursionError, ValueError) as error:
            raise BadRecording(f"{folder} has an invalid recording: {error}") from None

    async def record(
        self, interaction: Interaction, body: bytes, secrets: Sequence[str]
    ) -> None:
        """
        Record an exchange without secrets.

        Raises `BadRecording` if it cannot be written.
        """
        if self.recorder is None:
            return
        case = interaction.case
        record = ExchangeRecord(
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
            secrets=secrets,
            method=case.method or "POST",
            path=case.path or "",
            media_type=case.media_type or "",
            at=interaction.at,
            problem=interaction.problem,
        )
        async with self._lock:
            try:
                await asyncio.to_thread(self.recorder.record, record)
            except OSError as error:
                raise BadRecording(
                    f"{self.recorder.folder} cannot be written: {error.strerror}"
                ) from None

    async def replay(self, case: Case, body: bytes) -> Interaction:
        """The recorded exchange of a case. Raises `BadRecording` if there is none."""
        if self.cassettes is None:
            raise RuntimeError("this session records")
        key = cassette_key(case, body)
        recorded = self.cassettes.find(case.operation, key, provider=self.provider)
        if recorded is None:
            raise BadRecording(
                f"{self.cassettes.folder} does not have the request of {case.id}: "
                "record again, with the same options and the same version"
            )
        try:
            return await asyncio.to_thread(_interaction_from, case, recorded)
        except CassetteError as error:
            raise BadRecording(str(error)) from None
        except (TypeError, ValueError) as error:
            raise BadRecording(f"{recorded.path} is not a recording: {error}") from None


def _interaction_from(case: Case, recorded: RecordedResponse) -> Interaction:
    missing: Mapping[str, bytes | str] = dict.fromkeys(
        recorded.unrecorded, UNRECORDED_LINK
    )
    time: dict[str, Any] = {} if recorded.at is None else {"at": recorded.at}
    return Interaction(
        case,
        recorded.status or None,
        {name.lower(): value for name, value in recorded.headers},
        recorded.body(),
        0.0,
        recorded.problem,
        fetched={**missing, **recorded.links()},
        **time,
    )
