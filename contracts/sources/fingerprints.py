"""The facts that pages had when they were recorded: fingerprints.yaml."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from contracts.report.file import atomic_write
from contracts.sources.lines import Form
from contracts.sources.places import NO_HINT, Hint
from specs.documents.reading.schema_errors import first_violation
from specs.documents.reading.yaml_files import read_yaml
from specs.errors import SpecError
from specs.validation.engine import compile_validator

FILE = "fingerprints.yaml"
_HEAD = """\
# The facts at the places of pages that claims rely on: names, numbers and a few words.
# `imageparity sources --record` writes them.
# at, to: the lines at which a place begins and ends, if its name does not say it.
"""
_WHOLE_PAGE = "*"  # in the file
_DIGITS = 12  # of a hash that are shown


@dataclass(frozen=True)
class RecordedPlace:
    """The facts at a place; `facts` is None if it is only known where it begins."""

    facts: frozenset[str] | None = None
    hint: Hint = NO_HINT


@dataclass(frozen=True)
class RecordedPage:
    """A page on the day on which it was recorded; both are empty for hints alone."""

    day: str = ""
    form: Form = Form.HTML
    places: Mapping[str, RecordedPlace] = field(default_factory=dict)

    def facts_at(self, place: str) -> frozenset[str] | None:
        """The facts that were recorded at a place, None if none were."""
        recorded = self.places.get(place)
        return recorded.facts if recorded and self.day else None

    def hint_at(self, place: str) -> Hint:
        recorded = self.places.get(place)
        return recorded.hint if recorded else NO_HINT


def fingerprint(facts: Iterable[str]) -> str:
    """The first digits of a hash of facts."""
    whole = hashlib.sha256("\n".join(sorted(facts)).encode())
    return whole.hexdigest()[:_DIGITS]


def read_fingerprints(*folders: str | Path) -> dict[str, RecordedPage]:
    """
    The recorded pages by source: those that ship, and those in the given folders.

    Later folders take precedence. Raises `SpecError`.
    """
    found: dict[str, RecordedPage] = {}
    for folder in (builtin_folder(), *map(Path, folders)):
        if (folder / FILE).is_file():
            found.update(_read(folder))
    return found


def builtin_folder() -> Path:
    """The folder of the fingerprints that ship."""
    return Path(str(files("specs")))


def _read(folder: Path) -> dict[str, RecordedPage]:
    raw = read_yaml(folder, FILE)
    schema = read_yaml(files("contracts.sources"), "fingerprints.schema.yaml")
    remedy = "`imageparity schema fingerprints` prints the format"
    error = first_violation(compile_validator(schema), schema, raw, remedy)
    if error:
        file = str(folder / FILE)
        raise SpecError(file, error.pointer, error.problem, error.remedy)
    return {str(name): _page(each) for name, each in raw.items()}


def _page(raw: Mapping[str, Any]) -> RecordedPage:
    places = {
        str(name).replace(_WHOLE_PAGE, ""): RecordedPlace(
            frozenset(each["facts"].split()) if "facts" in each else None,
            Hint(each.get("at", ""), each.get("to", "")),
        )
        for name, each in raw["places"].items()
    }
    form = Form(raw.get("form", Form.HTML))
    return RecordedPage(str(raw.get("recorded", "")), form, places)


def write_fingerprints(folder: Path, pages: Mapping[str, RecordedPage]) -> None:
    """
    Write recorded pages into the file of a folder, beside those that it has.

    Raises `OSError` or, if the file cannot be read, `SpecError`.
    """
    kept = _read(folder) if (folder / FILE).is_file() else {}
    merged = {**kept, **pages}
    content = {name: _raw(merged[name]) for name in sorted(merged)}
    with atomic_write(os.fspath(folder / FILE)) as out:
        out.write(_HEAD)
        yaml.safe_dump(content, out, sort_keys=False, allow_unicode=True, width=100)


def _raw(page: RecordedPage) -> dict[str, Any]:
    dated = {"recorded": page.day, "form": str(page.form)} if page.day else {}
    return {
        **dated,
        "places": {
            name or _WHOLE_PAGE: _raw_place(page.places[name])
            for name in sorted(page.places)
        },
    }


def _raw_place(place: RecordedPlace) -> dict[str, Any]:
    hint = {"at": place.hint.at, "to": place.hint.to}
    facts = {} if place.facts is None else {"facts": " ".join(sorted(place.facts))}
    return {**{name: each for name, each in hint.items() if each}, **facts}
