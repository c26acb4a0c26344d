"""Short texts for the facts about a field, as a cell shows them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contracts.compare.documents.model import Fact
from contracts.text import pluralize
from specs import Basis


def describe_facts(facts: Mapping[str, Fact]) -> list[str]:
    """Texts for the documented facts about a request field, such as `default auto`."""
    values = {
        name: fact.value
        for name, fact in facts.items()
        if fact.basis == Basis.DOCUMENTED
    }
    texts = list(_limit_texts(values))
    type_ = str(values.get("type", ""))
    if type_ and (not texts or type_.startswith("file")):
        texts.insert(0, type_)
    if "required" in values:
        texts.append("required")
    if "default" in values:
        texts.append(f"default {value_text(values['default'])}")
    rules = sum(name.startswith("rule/") for name in values)
    if rules:
        texts.append(pluralize(rules, "rule"))
    return texts


def _limit_texts(values: Mapping[str, Any]) -> Iterator[str]:
    if "enum" in values:
        yield join_values(values["enum"])
    if "const" in values:
        yield value_text(values["const"])
    yield from _range_text(values, "minimum", "maximum", "")
    yield from _range_text(values, "minLength", "maxLength", " characters")
    yield from _range_text(values, "minItems", "maxItems", " entries")
    if "pattern" in values:
        yield pattern_text(values["pattern"])
    upload = values.get("x-upload", {})
    if "formats" in upload:
        yield join_values(upload["formats"])
    if "maxBytes" in upload:
        yield f"at most {upload['maxBytes'] / 1e6:g} MB"
    if upload.get("alpha"):
        yield "with alpha channel"
    if upload.get("transparent"):
        yield "with transparent pixels"


def _range_text(
    values: Mapping[str, Any], low: str, high: str, unit: str
) -> Iterator[str]:
    """`1…10`, `≥ 1` or `≤ 10` with the unit; nothing without limits."""
    if low in values and high in values:
        yield f"{values[low]}…{values[high]}{unit}"
    elif low in values:
        yield f"≥ {values[low]}{unit}"
    elif high in values:
        yield f"≤ {values[high]}{unit}"


def type_text(node: Mapping[str, Any]) -> str:
    """The types of a schema, such as `string or array`, without null."""
    types = _as_list(node.get("type", "any"))
    if node.get("format") == "binary":
        return "file or files" if "array" in types else "file"
    return " or ".join(each for each in types if each != "null")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def pattern_text(pattern: str) -> str:
    return f"matches {pattern}"


def value_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def join_values(values: Iterable[Any]) -> str:
    return " · ".join(value_text(each) for each in values)
