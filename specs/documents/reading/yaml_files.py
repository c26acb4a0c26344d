"""Read YAML strictly and write it plainly."""

import contextlib
import hashlib
import json
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from specs.disk_cache import read_cached, write_cached
from specs.documents.reading.schema_errors import first_violation
from specs.errors import SpecError
from specs.validation.engine import compile_validator

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(folder: Traversable, name: str) -> Any:
    """
    Read a YAML file.

    Raises `SpecError` if it cannot be read, is not YAML, or has a duplicate key.
    """
    return _parsed(folder / name, _text(folder / name))


def read_document(folder: Traversable, name: str) -> Any:
    """
    Read a large YAML file that rarely changes; what it says is kept on disk as JSON.

    Parts that are shared by anchors are separate values. Raises `SpecError` as
    `read_yaml` does.
    """
    file = folder / name
    text = _text(file)
    entry = f"{hashlib.sha256(_reader_version() + text.encode()).hexdigest()}.json"
    cached = read_cached(entry)
    if cached is not None:
        with contextlib.suppress(ValueError):  # damaged: it is written anew
            return json.loads(cached)
    found = _parsed(file, text)
    try:
        written = json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
        same = json.loads(written)
    except (TypeError, ValueError):
        return found
    if same != found:
        return found  # a key is no text: the reader of the document reports it
    write_cached(entry, written)
    return same


@cache
def _reader_version() -> bytes:
    """The parts of the program that a parsed file depends on."""
    return Path(__file__).read_bytes() + yaml.__version__.encode()


def _text(file: Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            str(file),
            "",
            f"cannot be read: {error}",
            "Check the path and its permissions",
        ) from None


def _parsed(file: Traversable, text: str) -> Any:
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number too long
        problem = f"is not YAML: {' '.join(str(error).split())}"
        raise SpecError(str(file), "", problem, "Fix the line that it names") from None


def read_checked(folder: Traversable, name: str, schema: str) -> Any:
    """Read a YAML file and validate it by a schema beside it. Raises `SpecError`."""
    found, rules = read_yaml(folder, name), read_yaml(folder, schema)
    error = first_violation(compile_validator(rules), rules, found, f"See {schema}")
    if error:
        place = str(folder / name)
        raise SpecError(place, error.pointer, error.problem, error.remedy)
    return found


def yaml_text(value: Any) -> str:
    """Write a value as YAML: block style, keys in order, long texts not folded."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


class _StrictLoader(_Loader):  # type: ignore[misc, valid-type]
    """
    A safe loader that rejects duplicate keys: one of the two would be lost.

    A date stays text, as in JSON.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, Any]]]] = {
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _Loader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [each.value for each, _ in node.value if isinstance(each.value, str)]
        if len(set(names)) < len(names):
            name = next(each for each in names if names.count(each) > 1)
            raise yaml.constructor.ConstructorError(
                None, None, f"duplicate key '{name}'", node.start_mark
            )
        return super().construct_mapping(node, deep)  # type: ignore[no-any-return]
