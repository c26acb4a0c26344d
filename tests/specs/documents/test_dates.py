"""The dates of a document: each day has its own claims, prices and dialect."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import specs
from specs.documents.dates import as_of
from specs.documents.folder import DIALECT
from specs.documents.yaml_files import read_yaml

FIRST = "openai@2026-08-21"
RECORDED = Path(__file__).with_name("openai-2026-08-21.txt")


def facts(value: Any, place: str) -> Iterator[str]:
    """A line per value of a dialect, in any order of its keys."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from facts(value[key], f"{place}/{key}")
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from facts(each, f"{place}/{at}")
    else:
        yield f"{place}: {value}"


def statements(name: str) -> list[str]:
    provider = specs.load(name)
    dialect = as_of(read_yaml(Path(provider.file).parent, DIALECT), provider.day)
    return [
        *(
            f"{each.id} | {each.evidence.basis} | {each.evidence.source} | "
            f"{each.sentence}"
            for each in specs.claims(provider)
        ),
        *facts(dialect.content, DIALECT),
    ]


def test_the_first_day_has_the_claims_prices_and_dialect_of_august():
    recorded = RECORDED.read_text(encoding="utf-8").splitlines()

    assert sorted(statements(FIRST)) == sorted(recorded)
