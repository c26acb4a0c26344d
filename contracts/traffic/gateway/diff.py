"""Compare and summarize values, images, events and errors of two ends."""

import base64
import binascii
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.outcome import error_object
from contracts.media.files import Sample
from contracts.planning.values.field_values import format_value
from contracts.text import pluralize

NO_VALUE = "nothing"
DELIVERY_FIELDS = ("b64_json", "url")
ERROR_FIELDS = ("code", "type", "param", "message")
MAX_DEPTH = 3
MAX_TEXT_LENGTH = 1000


def image_digests(value: Any) -> list[str] | None:
    """The sha256 of each image in a field; None if it holds anything else."""
    if isinstance(value, Sample):
        return [_sha256(value.data)]
    if isinstance(value, Mapping):
        if "sha256" in value:
            return [str(value["sha256"])]
        return image_digests(value.get("image_url"))
    if isinstance(value, list) and value:
        digests = [image_digests(each) for each in value]
        if None in digests:
            return None
        return [digest for some in digests for digest in some or ()]
    if isinstance(value, str) and value.startswith("data:"):
        data = _decode_base64(value.partition(",")[2])
        return None if data is None else [_sha256(data)]
    return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _decode_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def same_value(value: Any, other: Any) -> bool:
    """True if two values have the same type and value, or hold the same images."""
    digests = image_digests(value)
    if digests is not None:
        return digests == image_digests(other)
    return json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def summarize_value(value: Any) -> str:
    """A value as text: the number of files, or the length of a long text."""
    digests = image_digests(value)
    if digests is not None:
        return pluralize(len(digests), "file")
    length = len(value) if isinstance(value, str) else 0
    return (
        pluralize(length, "character")
        if length > MAX_TEXT_LENGTH
        else format_value(value)
    )


def describe_difference(value: Any, other: Any) -> str:
    """Describe the value that arrived instead of another."""
    before, after = image_digests(value), image_digests(other)
    if before is None or after is None:
        return describe_changes(value, other)
    if len(before) != len(after):
        return pluralize(len(after), "file")
    if sorted(before) == sorted(after):
        return "the same files in another order"
    return pluralize(len(after), "file") + " of other bytes"


def describe_changes(value: Any, other: Any) -> str:
    """Describe the fields that differ; the other value if one is no object."""
    if not isinstance(value, dict) or not isinstance(other, dict):
        return summarize_value(other)
    missing = [f"no {name}" for name in value if name not in other]
    changed = [
        f"{name}: {format_value(other[name])}"
        for name in value
        if name in other and other[name] != value[name]
    ]
    added = ", ".join(name for name in other if name not in value)
    return "; ".join([*missing, *changed]) or f"also {added}"


def find_path(payload: Mapping[str, Any], value: Any, sent: Mapping[str, Any]) -> str:
    """The path of a value among fields that were not sent; empty if it is missing."""
    remaining = [(name, each) for name, each in payload.items() if name not in sent]
    while remaining:
        path, candidate = remaining.pop(0)
        if same_value(value, candidate):
            return path
        if isinstance(candidate, dict) and path.count(".") < MAX_DEPTH:
            remaining += [(f"{path}.{name}", each) for name, each in candidate.items()]
    return ""


DeliveredImage = tuple[str, str]  # its field, and its sha256 or URL


def delivered_image(item: Any) -> DeliveredImage | None:
    """The image of an entry of `data` or of an event; None if it has none."""
    if not isinstance(item, dict):
        return None
    for name in DELIVERY_FIELDS:
        text = item.get(name)
        if isinstance(text, str) and text:
            is_data = text.startswith("data:") or name != "url"
            data = _decode_base64(text.partition(",")[2] or text) if is_data else None
            return name, text if data is None else _sha256(data)
    return None


def describe_outputs(images: Sequence[DeliveredImage | None]) -> str:
    """The number of images and their fields, such as `2 images as b64_json`."""
    delivered = [each for each in images if each]
    names = dict.fromkeys(name for name, _ in delivered)
    return f"{pluralize(len(delivered), 'image')} as {' and '.join(names) or NO_VALUE}"


def is_error(data: Any) -> bool:
    """True if the data of an event is an error."""
    return isinstance(data, dict) and ("error" in data or data.get("type") == "error")


def summarize_event_types(types: Sequence[str]) -> str:
    """The types of events in order, such as `2 partial_image, 1 completed`."""
    names = (each.rpartition(".")[2] for each in types)
    runs = [(name, len(list(each))) for name, each in itertools.groupby(names)]
    return ", ".join(f"{count} {name}" for name, count in runs) or NO_VALUE


def summarize_error(interaction: Interaction) -> str:
    """The status of an error, its code or type, and its Retry-After."""
    error = error_object(interaction) or {}
    codes = [error[name] for name in ("code", "type") if error.get(name)][:1]
    delay = interaction.headers.get("retry-after")
    delays = [f"Retry-After {delay}"] if delay else []
    return "; ".join([str(interaction.status), *map(str, codes), *delays])


def error_changes(expected: Interaction, actual: Interaction) -> Iterator[str]:
    """Yield the changes of an error; its message may be part of a longer one."""
    if expected.status != actual.status:
        yield f"status {actual.status} for {expected.status}"
    before, after = error_object(expected) or {}, error_object(actual) or {}
    for name in ERROR_FIELDS:
        value, other = before.get(name), after.get(name)
        is_kept = str(value) in str(other) if name == "message" else value == other
        if value is not None and not is_kept:
            yield f"no {name}" if other is None else f"{name} {format_value(other)}"
    delay = expected.headers.get("retry-after")
    other_delay = actual.headers.get("retry-after")
    if delay and delay != other_delay:
        yield f"Retry-After {other_delay}" if other_delay else "no Retry-After"
