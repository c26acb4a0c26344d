"""The pages that a document cites, and files that all folders share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Any

from specs.documents.reading.file_names import SOURCES
from specs.documents.reading.problems import Problems
from specs.documents.reading.references import did_you_mean, walk
from specs.documents.reading.schema_errors import SchemaError, flow_yaml, violations
from specs.documents.reading.yaml_files import read_yaml
from specs.errors import SpecError
from specs.validation.engine import compile_validator


@dataclass(frozen=True, slots=True)
class Source:
    """A page that claims were read from; `date` is when, `grade` how reliable it is."""

    id: str
    title: str
    url: str
    grade: str
    date: str


def load_sources(
    root: Traversable, folder: Traversable, dialect: Any, problems: Problems
) -> dict[str, Source]:
    """
    All sources by id.

    Those that ship, those of the folder of providers, those in the folder of the
    provider and those of its dialect; the later take precedence.
    """
    raw = dict(_read_builtin(SOURCES))
    for place in () if root == files("specs") else (root, folder):
        if (place / SOURCES).is_file():
            raw.update(_read_sources(place, problems))
    own = dialect.get("sources") if isinstance(dialect, Mapping) else None
    raw.update(own if isinstance(own, Mapping) else {})
    return {
        str(id_): Source(
            str(id_),
            title=str(each.get("title", id_)),
            url=str(each.get("url", "")),
            grade=str(each.get("grade", "")),
            date=str(each.get("date", "")),
        )
        for id_, each in raw.items()
        if isinstance(each, Mapping)
    }


def _read_sources(folder: Traversable, problems: Problems) -> dict[str, Any]:
    """The entries of a file of sources."""
    file = str(folder / SOURCES)
    try:
        found = read_yaml(folder, SOURCES)
    except SpecError as error:
        problems.report(error)
        return {}
    found = {} if found is None else found
    for violation in builtin_violations("sources.schema.yaml", found):
        problems.report(violation.in_file(file))
    return found if isinstance(found, dict) else {}


@cache
def _read_builtin(name: str) -> Any:
    """Read a YAML file of this package once."""
    return read_yaml(files("specs"), name)


@cache
def _builtin_schema(name: str) -> tuple[Any, Any]:
    """The schema of a file format and its validator, compiled once."""
    schema = read_yaml(files("specs.documents"), name)
    return schema, compile_validator(schema)


def builtin_violations(name: str, value: Any) -> Iterator[SchemaError]:
    """Yield the violations of a schema of this package."""
    schema, validator = _builtin_schema(name)
    remedy = f"`imageparity schema {name.partition('.')[0]}` prints the format"
    return violations(validator, schema, value, remedy)


def check_sources(
    file: str,
    tree: Any,
    key: str,
    sources: Mapping[str, Source],
    problems: Problems,
    base_pointer: str = "",
) -> None:
    """Report the first place of each unknown source among the values of `key`."""
    unknown: set[str] = set()
    for pointer, id_ in cited_sources(tree, key, base_pointer):
        if id_ in sources or id_ in unknown:
            continue
        unknown.add(id_)
        hint = did_you_mean(id_, sources)
        place = f"{PurePath(file).parent.name}/{SOURCES}"
        problems.report(
            SpecError(
                file,
                f"{pointer}/{key}",
                f"unknown source '{id_}'",
                f"{hint}Add it to {place}",
                flow_yaml({id_: example_source()}),
            )
        )


def example_source() -> dict[str, str]:
    """An entry of sources.yaml with today's date."""
    return {
        "grade": "DOC",
        "date": date.today().isoformat(),  # noqa: DTZ011  the user's own day
        "title": "Title of the page",
        "url": "https://…",
    }


def cited_sources(
    tree: Any, key: str, base_pointer: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield the pointer of each mapping that cites a source, and the source's id."""
    for pointer, node in walk(tree, base_pointer):
        source = node.get(key)
        if pointer.startswith("/fields") or source is None or isinstance(source, dict):
            continue  # a field of that name
        yield pointer, str(source).partition("#")[0]
