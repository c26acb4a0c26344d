"""Fill the examples of a document with facts: of a task, of images, of models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.]+)(:str|:null)?\}")
AS_TEXT, AS_NULL = ":str", ":null"
OUTPUT, MODEL = "output.", "model."
OPTIONAL = ("request.", "error.", "usage.", OUTPUT, MODEL)
_MISSING = object()


def fill(
    template: Any, facts: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]
) -> Any:
    """
    A copy of a template with each `{name}` replaced by `facts[name]`.

    A string that is one placeholder becomes the value, of any type; `{name:str}` makes
    it text. A field whose placeholder begins with one of `OPTIONAL` is left out if
    there is no such value, and an object whose fields are all left out is left out
    itself; with `{name:null}` the field is null. Where one item of a list has
    placeholders of an output, it is repeated for all outputs, and a list inside it is
    about the same output; outside such lists, they mean the first output. Unknown names
    become null. A model counts as an output of a list of models.
    """
    first = outputs[0] if outputs else {}
    filled = _fill(template, {**facts, **first}, outputs)
    return {} if filled is _MISSING else filled


def _fill(
    template: Any, facts: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]
) -> Any:
    if isinstance(template, dict):
        filled = {
            name: _fill(value, facts, outputs) for name, value in template.items()
        }
        kept = {name: value for name, value in filled.items() if value is not _MISSING}
        return kept if kept or not template else _MISSING
    if isinstance(template, list):
        repeated = [_has_output(each) for each in template].count(True) == 1
        items = [
            item
            for each in template
            for item in (
                _repeated(each, facts, outputs)
                if repeated and _has_output(each)
                else [_fill(each, facts, outputs)]
            )
        ]
        return [each for each in items if each is not _MISSING]
    if not isinstance(template, str):
        return template
    match = _PLACEHOLDER.fullmatch(template)
    if match is not None:
        return _value(match[1], match[2], facts)
    return _PLACEHOLDER.sub(lambda each: _text(facts.get(each[1])), template)


def _repeated(
    template: Any, facts: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]
) -> list[Any]:
    common = {
        name: value
        for name, value in facts.items()
        if not name.startswith((OUTPUT, MODEL))
    }
    return [_fill(template, {**common, **each}, [each]) for each in outputs]


def _value(name: str, form: str | None, facts: Mapping[str, Any]) -> Any:
    value = facts.get(name)
    if value is None and name.startswith(OPTIONAL) and form != AS_NULL:
        return _MISSING
    return _text(value) if form == AS_TEXT and value is not None else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value)


def _has_output(template: Any) -> bool:
    return any(each.startswith((OUTPUT, MODEL)) for each in placeholders(template))


def placeholders(template: Any) -> Iterator[str]:
    """Yield the names of the placeholders in a template."""
    if isinstance(template, dict):
        for value in template.values():
            yield from placeholders(value)
    elif isinstance(template, list):
        for value in template:
            yield from placeholders(value)
    elif isinstance(template, str):
        for match in _PLACEHOLDER.finditer(template):
            yield match[1]
