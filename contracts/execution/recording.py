"""Exchanges of a run, written down to be judged again without network."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.planning.case import AUTHORISED, FORM, Case
from mockserver.recordings.cassettes import CassetteError, Cassettes, Recorded
from mockserver.recordings.recorder import Recorder, Taken

GONE = "was not at its address when this was recorded"
OWN = {"content-length", "transfer-encoding", "connection", "date"}


class BadTape(ValueError):
    """A folder of recordings that cannot be used; the message says what to do."""


def question(case: Case, body: bytes) -> dict[str, Any]:
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
        "auth": "key" if case.auth == AUTHORISED else case.auth,
        "bytes": len(body),
        "sha256 of the body": hashlib.sha256(body).hexdigest(),
        "payload": None if case.media_type == FORM else case.payload,
    }


class Tape:
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
        self._turn = asyncio.Lock()

    @classmethod
    def into(cls, provider: str, folder: Path) -> "Tape":
        """Raises `BadTape` when nothing can be written there."""
        try:
            return cls(provider, recorder=Recorder(folder))
        except OSError as error:
            raise BadTape(f"{folder} cannot be written: {error.strerror}") from None

    @classmethod
    def out_of(cls, provider: str, folder: Path) -> "Tape":
        """Raises `BadTape` when there is nothing to be read there."""
        try:
            return cls(provider, cassettes=Cassettes.open(folder))
        except CassetteError as error:
            raise BadTape(str(error)) from None
        except (ArithmeticError, RecursionError, ValueError) as error:
            raise BadTape(f"{folder} holds what is no recording: {error}") from None

    async def keep(self, found: Interaction, body: bytes, key: str) -> None:
        """Write an exchange down. Raises `BadTape` when the folder takes no more."""
        if self.recorder is None:
            return
        case = found.case
        taken = Taken(
            provider=self.provider,
            operation=case.operation,
            payload=question(case, body),
            status=found.status or 0,
            headers=[
                (name, value)
                for name, value in found.headers.items()
                if name.lower() not in OWN
            ],
            body=found.body,
            links={
                url: data if isinstance(data, bytes) else None
                for url, data in found.fetched.items()
            },
            secrets=(key,) if key else (),
            method=case.method or "POST",
            path=case.path or "",
            media_type=case.media_type or "",
            at=found.at,
            problem=found.problem,
        )
        async with self._turn:
            try:
                await asyncio.to_thread(self.recorder.record, taken)
            except OSError as error:
                raise BadTape(
                    f"{self.recorder.folder} cannot be written: {error.strerror}"
                ) from None

    async def play(self, case: Case, body: bytes) -> Interaction:
        """The recorded exchange; one without an answer when it was not recorded."""
        if self.cassettes is None:
            raise RuntimeError("this tape records")
        asked = question(case, body)
        recorded = self.cassettes.find(case.operation, asked, provider=self.provider)
        if recorded is None:
            raise BadTape(
                f"{self.cassettes.folder} has no recording of {case.id} as it is asked "
                "now: record again, with the same options and the same version"
            )
        try:
            return await asyncio.to_thread(_again, case, recorded)
        except CassetteError as error:
            raise BadTape(str(error)) from None
        except (TypeError, ValueError) as error:
            raise BadTape(f"{recorded.path} is no recording: {error}") from None


def _again(case: Case, recorded: Recorded) -> Interaction:
    gone: Mapping[str, bytes | str] = dict.fromkeys(recorded.unrecorded, GONE)
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
