"""Rules of documents in words, such as `both edges divisible by 16`."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_RULE_COUNT = re.compile(r"(?:in \w+: )?\d+ rules?")
_ASPECT = re.compile(r"(?P<subject>.+) keeps (?P<aspect>\w+) (?P<value>.+)", re.DOTALL)
_SIZES = ("1024x1024", "64x32")
_BOOLEANS = {"True": "true", "False": "false"}  # Python's words, and those of JSON


def _format_count(value: str) -> str:
    return f"{int(value):,}" if value.isdecimal() else value


def _format_bytes(value: str) -> str:
    return f"{int(value) / 1e6:.4g} MB" if value.isdecimal() else f"{value} bytes"


def _or_list(value: str) -> str:
    *most, last = value.split(", ")
    return f"{', '.join(most)} or {last}" if most else last


_ASPECT_WORDS: dict[str, Callable[[str], str]] = {
    "multipleOf": lambda value: f"both edges divisible by {value}",
    "minEdge": lambda value: f"edges of at least {value} px",
    "maxEdge": lambda value: f"edges of at most {value} px",
    "minPixels": lambda value: f"at least {_format_count(value)} pixels",
    "maxPixels": lambda value: f"at most {_format_count(value)} pixels",
    "maxRatio": lambda value: f"ratio at most {value}:1",
    "minBytes": lambda value: f"at least {_format_bytes(value)}",
    "maxBytes": lambda value: f"at most {_format_bytes(value)}",
    "formats": lambda value: f"format {_or_list(value)}",
    "mediaTypes": lambda value: f"labelled {_or_list(value)}",
    "square": lambda value: "square",
    "alpha": lambda value: "with an alpha channel",
}


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule: its name without the name of the field, and its conditions in words."""

    name: str
    words: str


def plain_sentence(sentence: str) -> str:
    """The sentence of a claim with the limits of images and files in words."""
    match = _ASPECT.fullmatch(sentence)
    if match is None:
        return sentence
    words = _aspect_words(match["aspect"], match["value"])
    return f"{match['subject']}: {words}"


def _aspect_words(aspect: str, value: str) -> str:
    words = _ASPECT_WORDS.get(aspect)
    return words(value) if words else f"{aspect} {value}"


def without_rule_counts(value: str) -> str:
    """The value of a cell without parts such as `5 rules`, if it has others."""
    parts = [each for each in value.split("; ") if not _RULE_COUNT.fullmatch(each)]
    return "; ".join(parts) or value


def rule_texts(field: str, facts: Mapping[str, Mapping[str, Any]]) -> list[RuleText]:
    """The documented rules among the facts of a cell, in words."""
    return [
        RuleText(_rule_name(field, name), rule_words(fact["value"]))
        for name, fact in facts.items()
        if is_rule(name) and fact["basis"] == "documented"
    ]


def is_rule(fact_name: str) -> bool:
    return fact_name.startswith("rule/") or "/rule/" in fact_name


def _rule_name(field: str, fact_name: str) -> str:
    """`gpt-image-2` for the rule `size-gpt-image-2` of the field `size`."""
    place, _, rule = fact_name.rpartition("rule/")
    prefix = field.replace("_", "-") + "-"
    short = rule.removeprefix(prefix) or rule
    return f"{short}, in {place.rstrip('/')}" if place else short


def rule_words(sentences: Iterable[str]) -> str:
    """The sentences of one rule as one text, without their common subject."""
    return ", ".join(dict.fromkeys(filter(None, map(_condition, sentences))))


def _condition(sentence: str) -> str:
    """The condition of a sentence, such as `at most 10` of `n must be at most 10`."""
    aspect = _ASPECT.fullmatch(sentence)
    if aspect is not None:
        return _aspect_words(aspect["aspect"], aspect["value"])
    for pattern, words in _CONDITIONS:
        match = pattern.fullmatch(sentence)
        if match is not None:
            return words(match[1])
    return sentence


def _one_of(values: str) -> str:
    listed = values.split(", ")
    named = [each for each in listed if each != "null"]
    words = [_BOOLEANS.get(each, each) for each in named or listed]
    return " \N{MIDDLE DOT} ".join(words)


def _must_be(value: str) -> str:
    return {"absent": "must be left out", "null": "null or left out"}.get(value, value)


def _matching(pattern: str) -> str:
    """A pattern; in words if it describes sizes such as 1024x1024."""
    try:
        known = re.compile(pattern)
    except re.error:
        return f"matches `{pattern}`"
    is_size = all(map(known.fullmatch, _SIZES)) and not known.fullmatch("x")
    if not is_size:
        return f"matches `{pattern}`"
    return "auto or WIDTHxHEIGHT" if known.fullmatch("auto") else "WIDTHxHEIGHT"


def _not_one_of(values: str) -> str:
    return f"not {_one_of(values)}"


_CONDITIONS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"\S+ must be one of (.+)", re.DOTALL), _one_of),
    (re.compile(r"\S+ must not be one of (.+)", re.DOTALL), _not_one_of),
    (re.compile(r"\S+ must be (.+)", re.DOTALL), _must_be),
    (re.compile(r"\S+ matches (.+)", re.DOTALL), _matching),
    (re.compile(r"\S+ has the dimensions of (.+)"), "same dimensions as {}".format),
    (re.compile(r"\S+ has (at most 1) entries"), "{} entry".format),
    (re.compile(r"\S+ has (.+)", re.DOTALL), str),
    (re.compile(r"\S+ is (.+)", re.DOTALL), str),
)


def fact_words(name: str, value: Any) -> Iterator[str]:
    """The value of a rule among the facts of a cell, a sentence each, in words."""
    if is_rule(name) and isinstance(value, list):
        yield from (plain_sentence(str(each)) for each in value)
