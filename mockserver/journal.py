"""The mock's memory of what came, what was decided and why, and what was answered."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

MAX_ENTRIES = 1000
MAX_BYTES = 16 * 1024 * 1024
MAX_ENTRY = 64 * 1024
MAX_TEXT = 300


class Journal:
    """
    The latest exchanges, bounded by count and by bytes.

    Entries are kept as JSON text: whatever can be recorded can be shown again.
    """

    def __init__(
        self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: deque[tuple[str, str]] = deque()
        self._bytes = 0
        self._recorded = 0

    def record(self, provider: str, entry: Mapping[str, Any]) -> None:
        self._recorded += 1
        text = written({"id": self._recorded, "provider": provider, **entry})
        self._entries.append((provider, text))
        self._bytes += len(text)
        while len(self._entries) > self._max_entries or (
            self._bytes > self._max_bytes and len(self._entries) > 1
        ):
            self._bytes -= len(self._entries.popleft()[1])

    async def entries(
        self, *, provider: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The latest entries, oldest first."""
        found = [
            text for by, text in self._entries if provider is None or by == provider
        ]
        return [json.loads(text) for text in latest(found, limit)]

    async def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0

    async def close(self) -> None:
        """Nothing to do: what is remembered ends with the process."""


def written(entry: Mapping[str, Any]) -> str:
    """An entry as text; without its payload and violations when that is too long."""
    text = json.dumps(entry)
    if len(text) <= MAX_ENTRY:
        return text
    kept: dict[str, Any] = {"payload": f"… ({len(text)} characters)"}
    if "decision" in entry:
        kept["decision"] = {**entry["decision"], "violations": []}
    return json.dumps({**entry, **kept})


def latest(found: list[T], limit: int | None) -> list[T]:
    return found if limit is None else found[max(0, len(found) - limit) :]


def summarised(value: Any, depth: int = 0) -> Any:
    """A payload as the journal keeps it: long texts cut, structure kept."""
    if isinstance(value, str):
        kept = value[:MAX_TEXT]
        more = len(value) - len(kept)
        return f"{kept}… (+{more} characters)" if more else kept
    if isinstance(value, Mapping) and depth < 8:
        return {
            str(key)[:MAX_TEXT]: summarised(each, depth + 1)
            for key, each in list(value.items())[:64]
        }
    if isinstance(value, list) and depth < 8:
        return [summarised(each, depth + 1) for each in value[:32]]
    return value if isinstance(value, (int, float, bool, type(None))) else "…"
