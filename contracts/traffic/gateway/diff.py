"""Values, pictures, events and errors: whether two are one, and how to tell them."""

import base64
import binascii
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.outcome import envelope
from contracts.media.image.samples import Sample
from contracts.planning.values import shown
from contracts.text import plural
from specs import Provider

NOTHING = "nothing"
DELIVERIES = ("b64_json", "url")
FIELDS = ("code", "type", "param", "message")
MAX_DEPTH = 3
LONGEST = 1000


def role_of(provider: Provider, operation: str, name: str) -> str:
    """The canonical name of a provider's member."""
    fields = provider.dialect.fields.get(operation, {})
    return next((each for each, names in fields.items() if name in names), name)


def digests(value: Any) -> list[str] | None:
    """The pictures in a member by their sha256; None where it holds anything else."""
    if isinstance(value, Sample):
        return [_sha256(value.data)]
    if isinstance(value, Mapping):
        if "sha256" in value:
            return [str(value["sha256"])]
        return digests(value.get("image_url"))
    if isinstance(value, list) and value:
        each = [digests(entry) for entry in value]
        return (
            None if None in each else [found for some in each for found in some or ()]
        )
    if isinstance(value, str) and value.startswith("data:"):
        data = _bytes(value.partition(",")[2])
        return None if data is None else [_sha256(data)]
    return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def same(value: Any, other: Any) -> bool:
    """Whether two values are one, types included, or hold the same pictures."""
    pictures = digests(value)
    if pictures is not None:
        return pictures == digests(other)
    return json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def told(value: Any) -> str:
    """A value as a row shows it: pictures by their number, long texts by length."""
    pictures = digests(value)
    if pictures is not None:
        return plural(len(pictures), "file")
    length = len(value) if isinstance(value, str) else 0
    return plural(length, "character") if length > LONGEST else shown(value)


def difference(value: Any, other: Any) -> str:
    """What arrived in place of a value."""
    before, after = digests(value), digests(other)
    if before is None or after is None:
        return changes(value, other)
    if len(before) != len(after):
        return plural(len(after), "file")
    if sorted(before) == sorted(after):
        return "the same files in another order"
    return plural(len(after), "file") + " of other bytes"


def changes(value: Any, other: Any) -> str:
    if not isinstance(value, dict) or not isinstance(other, dict):
        return told(other)
    lacks = [f"no {name}" for name in value if name not in other]
    others = [
        f"{name}: {shown(other[name])}"
        for name in value
        if name in other and other[name] != value[name]
    ]
    return "; ".join([*lacks, *others]) or f"also {', '.join(set(other) - set(value))}"


def where(payload: Mapping[str, Any], value: Any, sent: Mapping[str, Any]) -> str:
    """The path of a value among members that nobody sent; empty when it is nowhere."""
    waiting = [(name, each) for name, each in payload.items() if name not in sent]
    while waiting:
        path, found = waiting.pop(0)
        if same(value, found):
            return path
        if isinstance(found, dict) and path.count(".") < MAX_DEPTH:
            waiting += [(f"{path}.{name}", each) for name, each in found.items()]
    return ""


Picture = tuple[str, str]


def picture(item: Any) -> Picture | None:
    """How a picture is delivered, and its sha256, or its address."""
    if not isinstance(item, dict):
        return None
    for name in DELIVERIES:
        text = item.get(name)
        if isinstance(text, str) and text:
            is_data = text.startswith("data:") or name != "url"
            data = _bytes(text.partition(",")[2] or text) if is_data else None
            return name, text if data is None else _sha256(data)
    return None


def counted(pictures: Sequence[Picture | None]) -> str:
    names = dict.fromkeys(each[0] for each in pictures if each)
    found = [each for each in pictures if each]
    return f"{plural(len(found), 'picture')} as {' and '.join(names) or NOTHING}"


def is_error(data: Any) -> bool:
    return isinstance(data, dict) and ("error" in data or data.get("type") == "error")


def in_turn(types: Sequence[str]) -> str:
    """Types of events in order, in brief, each with how often it came in a row."""
    words = (each.rpartition(".")[2] for each in types)
    runs = [(name, len(list(each))) for name, each in itertools.groupby(words)]
    return ", ".join(f"{count} {name}" for name, count in runs) or NOTHING


def error_in_brief(found: Interaction) -> str:
    """An error in brief: its status, its words for programs, and when to come back."""
    error = envelope(found) or {}
    words = [error[name] for name in ("code", "type") if error.get(name)][:1]
    pause = found.headers.get("retry-after")
    pauses = [f"Retry-After {pause}"] if pause else []
    return "; ".join([str(found.status), *map(str, words), *pauses])


def error_changes(given: Interaction, got: Interaction) -> Iterator[str]:
    """What an error has lost; a message may stand inside a longer one."""
    if given.status != got.status:
        yield f"status {got.status} for {given.status}"
    before, after = envelope(given) or {}, envelope(got) or {}
    for name in FIELDS:
        value, found = before.get(name), after.get(name)
        kept = str(value) in str(found) if name == "message" else value == found
        if value is not None and not kept:
            yield f"no {name}" if found is None else f"{name} {shown(found)}"
    pause, found = given.headers.get("retry-after"), got.headers.get("retry-after")
    if pause and pause != found:
        yield f"Retry-After {found}" if found else "no Retry-After"
