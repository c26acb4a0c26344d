"""The pages that a document cites, and files that all folders share."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from specs.documents.references import walk
from specs.documents.schema_errors import SchemaError, first_violation
from specs.documents.yaml_files import read_yaml
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


def load_sources(root: Traversable, dialect: Mapping[str, Any]) -> dict[str, Source]:
    """All sources by id: shared ones, those of the folder, those of the dialect."""
    raw = dict(_read_builtin("sources.yaml"))
    if root != files("specs") and (root / "sources.yaml").is_file():
        raw.update(read_yaml(root, "sources.yaml"))
    raw.update(dialect.get("sources", {}))
    return {
        id_: Source(
            id_,
            title=str(each.get("title", id_)),
            url=str(each.get("url", "")),
            grade=str(each.get("grade", "")),
            date=str(each.get("date", "")),
        )
        for id_, each in raw.items()
    }


@cache
def _read_builtin(name: str) -> Any:
    """Read a YAML file of this package once."""
    return read_yaml(files("specs"), name)


@cache
def _builtin_schema(name: str) -> tuple[Any, Any]:
    """The schema of a file format and its validator, compiled once."""
    schema = read_yaml(files("specs.documents"), name)
    return schema, compile_validator(schema)


def builtin_violation(name: str, value: Any) -> SchemaError | None:
    """The first violation of a schema of this package; None if a value is valid."""
    schema, validator = _builtin_schema(name)
    return first_violation(validator, schema, value, f"See specs/documents/{name}")


def check_sources(
    file: str,
    tree: Any,
    key: str,
    sources: Mapping[str, Source],
    base_pointer: str = "",
) -> None:
    """Raise `SpecError` for a value of `key` that names no known source."""
    for pointer, node in walk(tree, base_pointer):
        source = node.get(key)
        if pointer.startswith("/fields") or source is None or isinstance(source, dict):
            continue  # a field of that name
        if str(source).partition("#")[0] not in sources:
            raise SpecError(
                file, pointer, f"unknown source '{source}'", "Add it to sources.yaml"
            )
