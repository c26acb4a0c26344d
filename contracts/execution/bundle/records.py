"""The records of exchanges: JSON lines, each with the hash of the one before."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.media.registry import medium_of
from contracts.planning.case import Case
from mockserver.recordings.body_parts import Part, encode_file, split_body
from specs import Operation

FIRST = "0" * 64  # the hash before the first record
MAX_TEXT_LENGTH = 16 * 1024  # characters in a record; longer texts are files
MAX_BODY_BYTES = 1024 * 1024  # of a request, beyond which only its hash is stored
Store = Callable[[bytes], str]
Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class SentRequest:
    """
    A request as records have it, without secrets.

    `size` is that of the body in bytes, `sha256` its hash. `body` is None if it is
    larger than `MAX_BODY_BYTES`.
    """

    kind: str
    case: str
    operation: str
    method: str
    url: str
    headers: Mapping[str, Any]
    size: int
    sha256: str
    body: bytes | None

    def row(self, store: Store) -> dict[str, Any]:
        body: dict[str, Any] = {"bytes": self.size, "sha256": self.sha256}
        if self.body:
            body["parts"] = body_row(self.body, store)
        return {
            "method": self.method,
            "url": self.url,
            "headers": dict(self.headers),
            "body": body,
        }

    def difference(self, row: Mapping[str, Any]) -> str:
        """The name of the first part in which a recorded request differs, or ''."""
        recorded = row["request"]
        parts = {
            "kind": (self.kind, row["kind"]),
            "operation": (self.operation, row["operation"]),
            "method": (self.method, recorded["method"]),
            "URL": (self.url, recorded["url"]),
            "body": (self.sha256, recorded["body"]["sha256"]),
        }
        return next((name for name, (one, two) in parts.items() if one != two), "")


def body_row(body: bytes, store: Store) -> list[Part]:
    """A body as parts; images and long texts are files."""
    return [
        {"file": store(part.encode()), "as": "bytes"}
        if isinstance(part, str) and len(part) > MAX_TEXT_LENGTH
        else part
        for part in split_body(body, store)
    ]


def body_from(parts: list[Part], read: Read) -> bytes:
    return b"".join(
        part.encode()
        if isinstance(part, str)
        else encode_file(read(part["file"]), part["as"])
        for part in parts
    )


def response_row(
    interaction: Interaction, store: Store, silence: float
) -> dict[str, Any]:
    """A response with all that judging it needs; empty entries are left out."""
    row: dict[str, Any] = {
        "status": interaction.status,
        "headers": dict(interaction.headers),
        "body": body_row(interaction.body, store) if interaction.body else [],
        "seconds": interaction.seconds,
        "at": interaction.at,
        "clock": interaction.clock,
    }
    optional = {
        "problem": interaction.problem,
        "fetched": {
            url: {"problem": each} if isinstance(each, str) else {"file": store(each)}
            for url, each in interaction.fetched.items()
        },
        "unfetched": list(interaction.unfetched),
        "longest_silence": silence,
        "rate_limited": interaction.is_rate_limited,
        "earlier_429": [dict(each) for each in interaction.earlier_429],
        "first_byte": interaction.first_byte,
        "fetching": interaction.fetching,
    }
    return row | {name: each for name, each in optional.items() if each}


def response_from(
    row: Mapping[str, Any], case: Case, operation: Operation | None, read: Read
) -> Interaction:
    """The exchange of a recorded response; `operation` is None for a fetched URL."""
    more: dict[str, Any] = {}
    if operation is not None:
        more = {"medium": medium_of(operation), "layout": operation.layout}
    return Interaction(
        case=case,
        status=row["status"],
        headers=row["headers"],
        body=body_from(row["body"], read),
        seconds=row["seconds"],
        problem=row.get("problem"),
        fetched={
            url: each["problem"] if "problem" in each else read(each["file"])
            for url, each in row.get("fetched", {}).items()
        },
        unfetched=tuple(row.get("unfetched", ())),
        is_rate_limited=row.get("rate_limited", False),
        at=row["at"],
        clock=row["clock"],
        earlier_429=tuple(row.get("earlier_429", ())),
        first_byte=row.get("first_byte"),
        fetching=row.get("fetching", 0.0),
        **more,
    )


def files_in(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the files of a record, each with what it is a part of."""
    for part in row["request"]["body"].get("parts", ()):
        if not isinstance(part, str):
            yield part["file"], "the body of the request"
    response = row["response"] or {}
    for part in response.get("body", ()):
        if not isinstance(part, str):
            yield part["file"], "the body of the response"
    for entry in response.get("fetched", {}).values():
        if "file" in entry:
            yield entry["file"], "what a URL in the response returned"


def line_hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
