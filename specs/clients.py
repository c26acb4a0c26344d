"""Profiles of real clients: the requests they send and the fields they read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from specs.documents.reading.yaml_files import read_checked
from specs.validation.engine import is_instance


@dataclass(frozen=True)
class ClientOperation:
    """
    The way in which a client calls one operation, in canonical names.

    The client sends no request that is valid for a schema of `refuses`. A single value
    of a field in `lists` is sent as a list. `adds` are `{when, set}`: fields that it
    adds. Conditions see texts, numbers and booleans, no files.
    """

    media_type: str
    refuses: tuple[Mapping[str, Any], ...] = ()
    lists: frozenset[str] = frozenset()
    adds: tuple[Mapping[str, Any], ...] = ()

    def can_send(self, payload: Mapping[str, Any]) -> bool:
        plain = _scalar_fields(payload)
        return not any(is_instance(dict(each), plain) for each in self.refuses)

    def prepare_payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The payload as the client sends it."""
        whole = {
            name: [each] if name in self.lists and not isinstance(each, list) else each
            for name, each in payload.items()
        }
        scalars = _scalar_fields(payload)
        for added in self.adds:
            if "when" not in added or is_instance(added["when"], scalars):
                whole = {**added["set"], **whole}
        return whole


def _scalar_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    kinds = str | int | float
    return {name: each for name, each in payload.items() if isinstance(each, kinds)}


@dataclass(frozen=True)
class Client:
    """
    A client library.

    `pictures` are the deliveries of images that it reads, None if the caller decides.
    With `pictures_only` it passes on little else of a response. `error` are the fields
    of an error body that it passes on. It calls only the operations in `sends`.
    """

    id: str
    title: str
    version: str
    source: str
    sends: Mapping[str, ClientOperation] = field(default_factory=dict)
    pictures: frozenset[str] | None = None
    pictures_only: bool = False
    error: tuple[str, ...] = ()
    note: str = ""


@cache
def clients() -> Mapping[str, Client]:
    """All profiles by id. Raises `SpecError` if one is not understood."""
    raw = read_checked(files("specs"), "clients.yaml", "clients.schema.yaml")
    return {id_: _client(id_, each) for id_, each in raw.items()}


def _client(id_: str, raw: Mapping[str, Any]) -> Client:
    reads = raw["reads"]
    return Client(
        id_,
        title=raw["title"],
        version=raw["version"],
        source=raw["source"],
        sends={name: _client_operation(each) for name, each in raw["sends"].items()},
        pictures=frozenset(reads["pictures"]) if "pictures" in reads else None,
        pictures_only=reads.get("pictures_only", False),
        error=tuple(reads["error"]),
        note=raw.get("note", ""),
    )


def _client_operation(raw: Mapping[str, Any]) -> ClientOperation:
    return ClientOperation(
        raw["media_type"],
        refuses=tuple(raw.get("refuses", ())),
        lists=frozenset(raw.get("lists", ())),
        adds=tuple(raw.get("adds", ())),
    )
