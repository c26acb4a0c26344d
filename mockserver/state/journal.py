"""The journal: requests, the decisions about them with reasons, and responses."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

MAX_ENTRIES = 1000
MAX_BYTES = 16 * 1024 * 1024
MAX_ENTRY_LENGTH = 64 * 1024
MAX_TEXT_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Query:
    """
    A filter for journal entries; fields that are None match every entry.

    `error` and `fault` are names, and `request` is the hash of a canonical request,
    which images contain too; `image_of` is that of a downloaded image. `task` is the id
    of a long-running task. `since` is the number of an entry: later ones match.
    """

    provider: str | None = None
    namespace: str | None = None
    operation: str | None = None
    status: int | None = None
    error: str | None = None
    fault: str | None = None
    request: str | None = None
    image_of: str | None = None
    task: str | None = None
    since: int = 0

    def matches(self, entry: Mapping[str, Any]) -> bool:
        values = {
            **entry,
            "error": entry.get("decision", {}).get("error"),
            "fault": entry.get("decision", {}).get("fault"),
            "task": entry.get("task", {}).get("id"),
        }
        filters = (
            (each.name, getattr(self, each.name))
            for each in fields(self)
            if each.name != "since"
        )
        return values["id"] > self.since and all(
            value is None or values.get(name) == value for name, value in filters
        )


MATCH_ALL = Query()


class LazyEntry(Mapping[str, Any]):
    """
    An entry that is built when it is first read, since most are never read.

    `facts` holds the fields that are known at once, and `build` returns all of them.
    `weight` is the approximate number of bytes that the entry holds until then.
    """

    __slots__ = ("_build", "facts", "weight")

    def __init__(
        self,
        facts: Mapping[str, Any],
        build: Callable[[], Mapping[str, Any]],
        weight: int,
    ) -> None:
        self.facts = facts
        self._build: Callable[[], Mapping[str, Any]] | None = build
        self.weight = weight

    def __getitem__(self, name: str) -> Any:
        return self.facts[name] if name in self.facts else self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def _load(self) -> Mapping[str, Any]:
        if self._build is not None:
            self.facts, self._build = self._build(), None
        return self.facts


class Journal:
    """
    The latest journal entries, limited by count and by bytes.

    Entries are kept as JSON text, lazy ones from their first reading on.
    """

    def __init__(
        self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: deque[tuple[int, str | LazyEntry]] = deque()
        self._bytes = 0
        self._last_id = 0
        self._changed: asyncio.Event | None = None
        self._closed = False

    def record(self, entry: Mapping[str, Any]) -> None:
        self._last_id += 1
        kept: str | LazyEntry
        if isinstance(entry, LazyEntry):
            kept = entry
        else:
            kept = entry_to_json({"id": self._last_id, **entry})
        self._entries.append((self._last_id, kept))
        self._bytes += _weight(kept)
        while len(self._entries) > self._max_entries or (
            self._bytes > self._max_bytes and len(self._entries) > 1
        ):
            self._bytes -= _weight(self._entries.popleft()[1])
        if self._changed is not None:
            self._notify()

    async def entries(
        self, query: Query = MATCH_ALL, *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the matching entries, oldest first; with `limit`, only the latest."""
        texts = [text for id, text in self._texts() if id > query.since]
        return select_latest(texts, query, limit)

    def _texts(self) -> Iterable[tuple[int, str]]:
        """Return number and text of every entry; builds the lazy ones."""
        for at, (id, kept) in enumerate(self._entries):
            if isinstance(kept, LazyEntry):
                text = entry_to_json({"id": id, **kept})
                self._bytes += len(text) - kept.weight
                self._entries[at] = id, text
        return cast("deque[tuple[int, str]]", self._entries)

    async def size(self) -> int:
        """Return the number of entries without reading them."""
        return len(self._entries)

    async def clear(self, namespace: str | None = None) -> None:
        """Remove all entries, or those of a namespace."""
        left = [
            (id, kept)
            for id, kept in (self._entries if namespace is not None else ())
            if not is_in_namespace(kept, str(namespace))
        ]
        self._entries = deque(left)
        self._bytes = sum(_weight(kept) for _, kept in left)

    async def wait(
        self, query: Query, *, count: int, seconds: float
    ) -> list[dict[str, Any]]:
        """Wait for `count` matching entries; return fewer after so many seconds."""
        entries = await self.entries(query)
        try:
            async with asyncio.timeout(seconds):
                while len(entries) < count and not self._closed:
                    await self._wait_for_change()
                    entries = await self.entries(query)
        except TimeoutError:
            entries = await self.entries(query)
        return entries

    async def watch(self, query: Query = MATCH_ALL) -> AsyncIterator[dict[str, Any]]:
        """Yield entries as they are recorded, until the journal is closed."""
        while not self._closed:
            entries = await self.entries(query)
            for entry in entries:
                query = replace(query, since=entry["id"])
                yield entry
            if not entries:  # else more may have been recorded in the meantime
                await self._wait_for_change()

    @property
    def is_closed(self) -> bool:
        """True once the server stops."""
        return self._closed

    async def close(self) -> None:
        """End all calls of `wait` and `watch`."""
        self._closed = True
        self._notify()

    async def _wait_for_change(self) -> None:
        """Wait until an entry may have been recorded."""
        if self._changed is None:
            self._changed = asyncio.Event()
        await self._changed.wait()

    def _notify(self) -> None:
        """Wake all waiting tasks; later ones wait for the next event."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None


def _weight(kept: str | LazyEntry) -> int:
    return kept.weight if isinstance(kept, LazyEntry) else len(kept)


def is_in_namespace(kept: str | LazyEntry, namespace: str) -> bool:
    """True for an entry of a namespace; builds and parses no more than needed."""
    if isinstance(kept, LazyEntry):
        return str(kept.get("namespace", "")) == namespace
    if namespace and json.dumps(namespace) not in kept:
        return False
    return str((_entry_from(kept) or {}).get("namespace", "")) == namespace


def _entry_from(text: str) -> dict[str, Any] | None:
    """The entry of a text; None for one that no server has written into Redis."""
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_entry = isinstance(entry, dict) and isinstance(entry.get("id"), int)
    parts = [entry.get(name, {}) for name in ("decision", "task")] if is_entry else ()
    return entry if is_entry and all(isinstance(e, dict) for e in parts) else None


def entry_to_json(entry: Mapping[str, Any]) -> str:
    """
    Return an entry as JSON text.

    If it is longer than `MAX_ENTRY_LENGTH`, payload and violations are left out.
    """
    text = json.dumps(entry)
    if len(text) <= MAX_ENTRY_LENGTH:
        return text
    shortened: dict[str, Any] = {"payload": f"… ({len(text)} characters)"}
    if "decision" in entry:
        shortened["decision"] = {**entry["decision"], "violations": []}
    return json.dumps({**entry, **shortened})


def select_latest(
    texts: list[str], query: Query, limit: int | None
) -> list[dict[str, Any]]:
    """
    Return the latest matching entries, oldest first; parses no more than needed.

    A text that is no entry is left out.
    """
    found: list[dict[str, Any]] = []
    for text in reversed(texts):
        if limit is not None and len(found) >= limit:
            break
        entry = _entry_from(text)
        if entry is not None and query.matches(entry):
            found.append(entry)
    return found[::-1]


def summarize(value: Any, depth: int = 0) -> Any:
    """Shorten the texts, lists and objects of a payload for the journal."""
    if isinstance(value, str):
        kept = value[:MAX_TEXT_LENGTH]
        more = len(value) - len(kept)
        return f"{kept}… (+{more} characters)" if more else kept
    if isinstance(value, Mapping) and depth < 8:
        return {
            str(key)[:MAX_TEXT_LENGTH]: summarize(each, depth + 1)
            for key, each in list(value.items())[:64]
        }
    if isinstance(value, list) and depth < 8:
        return [summarize(each, depth + 1) for each in value[:32]]
    return value if isinstance(value, (int, float, bool, type(None))) else "…"
