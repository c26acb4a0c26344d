"""Errors on demand: by header, by a marker in the prompt, by the end of a key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockserver.authentication import TRIGGER
from mockserver.errors import Rejected
from specs import Operation

HEADER = "X-Mock-Error"
MAX_NAME = 80
_MARKER = re.compile(r"\[\[mock:([A-Za-z0-9_-]+)\]\]")


@dataclass(frozen=True, slots=True)
class Trigger:
    """An error that was asked for, and by what."""

    name: str
    by: str


def trigger_of(
    headers: Mapping[str, str], key: str, payload: Mapping[str, Any] | None
) -> Trigger | None:
    """The error asked for, if any: the header counts first, then prompt, then key."""
    if HEADER in headers:
        return Trigger(headers[HEADER].partition(";")[0].strip(), "header")
    prompt = (payload or {}).get("prompt")
    marker = _MARKER.search(prompt) if isinstance(prompt, str) else None
    if marker:
        return Trigger(marker[1], "prompt")
    _, found, name = key.rpartition(TRIGGER)
    return Trigger(name, "key") if found and name else None


def inflict(trigger: Trigger | None, operation: Operation) -> None:
    """Raises the error asked for; an unknown name is refused with the known ones."""
    if trigger is None:
        return
    if trigger.name not in operation.errors:
        known = ", ".join(operation.errors)
        # The end of a key may be a secret: it is not repeated.
        what = "" if trigger.by == "key" else f" '{trigger.name[:MAX_NAME]}'"
        raise Rejected(
            "invalid_request",
            f"No such error{what} (asked for by {trigger.by}); known are: {known}",
            param=HEADER if trigger.by == "header" else None,
            status=400,
        )
    raise Rejected(trigger.name, f"Asked for by {trigger.by}.")
