"""Write JSON, fill JSON templates and make text from clients safe to print."""

import json
from collections.abc import Mapping
from typing import Any

MAX_QUOTED_LENGTH = 1000  # characters

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def dumps(value: Any) -> str:
    """Encode as compact ASCII JSON. Raises `ValueError` for NaN and infinity."""
    return _ENCODER.encode(value)


def fill_placeholders(template: Any, details: Mapping[str, Any]) -> Any:
    """
    A copy of a JSON template with each `{name}` replaced by `details[name]`.

    A string that consists of one placeholder becomes the value itself, of any type.
    Inside a longer string, None becomes the empty string; in a list, an item that is a
    placeholder of None is left out. Unknown names remain.
    """
    if isinstance(template, dict):
        return {
            key: fill_placeholders(value, details) for key, value in template.items()
        }
    if isinstance(template, list):
        filled = ((value, fill_placeholders(value, details)) for value in template)
        return [item for value, item in filled if item is not None or value is None]
    if not isinstance(template, str) or "{" not in template:
        return template
    if template[:1] == "{" and template[-1:] == "}" and template[1:-1] in details:
        return details[template[1:-1]]
    for name, value in details.items():
        template = template.replace(f"{{{name}}}", "" if value is None else str(value))
    return template


def printable(text: str) -> str:
    """Replace unprintable characters of a text, and cut it at `MAX_QUOTED_LENGTH`."""
    if len(text) <= MAX_QUOTED_LENGTH and text.isprintable():
        return text
    kept = "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for each in text[:MAX_QUOTED_LENGTH]
    )
    return kept if len(text) <= MAX_QUOTED_LENGTH else f"{kept}…"
