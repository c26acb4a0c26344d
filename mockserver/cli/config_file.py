"""Options of `serve` from a file: `--config`, or `[tool.imageparity]` in a project."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Any

from specs.documents.yaml_files import read_yaml
from specs.validation.engine import compile_validator

PROJECT_FILE = Path("pyproject.toml")
SERVE_TABLE = "serve"
PATH_OPTIONS = ("specs", "replay")


class ConfigurationError(ValueError):
    """A file whose options make no sense; the message says where and what to do."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file."""
    found: dict[str, Any] = read_yaml(files("mockserver.cli"), "config.schema.yaml")
    return found


def read_options(file: Path | None) -> dict[str, Any]:
    """
    Values by the names of options, from a file or, without one, from the project of
    this folder, if there is any.

    Folders are made relative to the file's own. Raises `ConfigurationError`.
    """
    if file is None:
        if not PROJECT_FILE.is_file():
            return {}
        tool = _parse_toml(PROJECT_FILE).get("tool", {})
        place, given = "[tool.imageparity]", tool.get("imageparity", {})
        return _validate_options(given, PROJECT_FILE, f"{PROJECT_FILE} {place}")
    return _validate_options(_parse_toml(file), file, f"--config {file}")


def _parse_toml(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None


def _validate_options(given: Any, file: Path, place: str) -> dict[str, Any]:
    table = schema()
    options = table["$defs"]["options"]["properties"]
    given = json.loads(json.dumps(given, default=_to_iso_format))
    for name, value in _flatten(given):
        if name not in options:
            raise ConfigurationError(
                f"{place}: unknown option '{name}'; known are {', '.join(options)}"
            )
        for error in compile_validator(options[name]).iter_errors(value):
            raise ConfigurationError(
                f"{place}: '{name}' cannot be {json.dumps(value)[:80]}: "
                f"{options[name]['description']}"
            ) from error
    for error in compile_validator(table).iter_errors(given):
        raise ConfigurationError(f"{place}: {error.message[:200]}") from None
    return {
        name: str(file.parent / value) if name in PATH_OPTIONS else value
        for name, value in _flatten(given)
    }


def _flatten(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The options at the top, and those of the table `[serve]`, which prevail."""
    inner = given.get(SERVE_TABLE)
    if not isinstance(inner, dict):
        return list(given.items())
    outer = [(name, value) for name, value in given.items() if name != SERVE_TABLE]
    return [*outer, *inner.items()]


def _to_iso_format(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(f"TOML has no {type(value).__name__}")
