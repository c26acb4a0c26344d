"""Options of `serve` in a file: that of `--config`, or `pyproject.toml`."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import click

from mockserver.cli.common import GroupedOption

PROJECT_FILE = Path("pyproject.toml")
SERVE_TABLE = "serve"
PATH_OPTIONS = ("specs", "replay", "tls-cert", "tls-key", "url-file")


class ConfigurationError(ValueError):
    """An invalid configuration file; the message names the file and the option."""


def config_schema(command: click.Command) -> dict[str, Any]:
    """Return the JSON Schema of a configuration file with the options of a command."""
    options = {
        parameter.opts[0].removeprefix("--"): _parameter_schema(parameter)
        for parameter in command.params
        if getattr(parameter, "in_config", True)
    }
    table = {"$ref": "#/$defs/options", "unevaluatedProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Options of imageparity {command.name}",
        "description": (
            f"A TOML file with options of `imageparity {command.name}` by long name, "
            f"at the top or in a table [{SERVE_TABLE}], which takes precedence. In "
            "pyproject.toml, the options are in the table [tool.imageparity]."
        ),
        "type": "object",
        **table,
        "properties": {SERVE_TABLE: table},
        "$defs": {"options": {"type": "object", "properties": options}},
    }


def _parameter_schema(parameter: click.Parameter) -> dict[str, Any]:
    if not isinstance(parameter, click.Option):
        return {
            "description": "Ids of providers; all are served if there are none.",
            "type": "array",
            "items": {"type": "string", "minLength": 1},
        }
    schema = parameter.config_schema if isinstance(parameter, GroupedOption) else None
    return {"description": parameter.help, **(schema or _type_schema(parameter.type))}


def _type_schema(type_: click.ParamType) -> dict[str, Any]:  # type: ignore[type-arg]
    if isinstance(type_, click.Choice):
        return {"enum": list(type_.choices)}
    if isinstance(type_, click.Path):
        return {"type": "string", "minLength": 1}
    names = {"integer": "integer", "integer range": "integer", "boolean": "boolean"}
    names |= {"float": "number", "float range": "number", "text": "string"}
    schema: dict[str, Any] = {"type": names[type_.name]}
    for keyword, bound in (("minimum", "min"), ("maximum", "max")):
        if getattr(type_, bound, None) is not None:
            schema[keyword] = getattr(type_, bound)
    return schema


def read_options(command: click.Command, file: Path | None) -> dict[str, Any]:
    """
    Return the values of a file by the long names of options.

    Without a file, those in `pyproject.toml` of the current folder, if it exists, are
    returned. Relative folders are resolved against the folder of the file. Raises
    `ConfigurationError`.
    """
    if file is None:
        if not PROJECT_FILE.is_file():
            return {}
        options = _parse_toml(PROJECT_FILE).get("tool", {}).get("imageparity")
        if options is None:
            return {}
        place = f"{PROJECT_FILE} [tool.imageparity]"
        return _validate_options(command, options, PROJECT_FILE, place)
    return _validate_options(command, _parse_toml(file), file, f"--config {file}")


def _parse_toml(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None


def _validate_options(
    command: click.Command, content: Any, file: Path, place: str
) -> dict[str, Any]:
    from specs.validation.engine import compile_validator

    schema = config_schema(command)
    options = schema["$defs"]["options"]["properties"]
    content = json.loads(json.dumps(content, default=_to_iso_format))
    for name, value in _flatten(content):
        if name not in options:
            raise ConfigurationError(
                f"{place}: unknown option '{name}'; known are {', '.join(options)}"
            )
        for error in compile_validator(options[name]).iter_errors(value):
            raise ConfigurationError(
                f"{place}: '{name}' must be {_describe_type(options[name])}, not "
                f"{json.dumps(value)[:80]}: {options[name]['description']}"
            ) from error
    for error in compile_validator(schema).iter_errors(content):
        raise ConfigurationError(f"{place}: {error.message[:200]}") from None
    return {
        name: str(file.parent / value) if name in PATH_OPTIONS else value
        for name, value in _flatten(content)
    }


def _describe_type(schema: Mapping[str, Any]) -> str:
    """Describe the values that the schema of an option accepts."""
    if "anyOf" in schema:
        return " or ".join(map(_describe_type, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(map(json.dumps, schema["enum"]))
    words = {"integer": "an integer", "number": "a number", "boolean": "true or false"}
    words |= {"string": "a text", "array": "a list of texts"}
    text = words[schema["type"]]
    if "pattern" in schema:
        return f"a text that matches {schema['pattern']}"
    if "minLength" in schema:
        return "a text that is not empty"
    if "maximum" in schema:
        return f"{text} from {schema['minimum']} to {schema['maximum']}"
    return f"{text} of at least {schema['minimum']}" if "minimum" in schema else text


def _flatten(content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the options at the top, then those of `[serve]`, which override them."""
    table = content.get(SERVE_TABLE)
    if not isinstance(table, dict):
        return list(content.items())
    top = [(name, value) for name, value in content.items() if name != SERVE_TABLE]
    return [*top, *table.items()]


def _to_iso_format(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(f"TOML has no {type(value).__name__}")
