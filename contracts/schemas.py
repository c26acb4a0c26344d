"""`imageparity schema`: the shape of every file that we write or read, and of lines."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import click

from mockserver.cli import Usage
from specs.reader import read_yaml

SCHEMAS: Mapping[str, tuple[str, str, str]] = {
    "report": ("contracts", "report", "a line of `run --report`"),
    "differences": ("contracts", "differential", "`run --same-questions --report`"),
    "ctrf": ("contracts", "ctrf", "`run --ctrf`"),
    "badge": ("contracts", "badge", "`run --badge`"),
    "baseline": ("contracts", "baseline", "the file of `gate --baseline`"),
    "comparison": ("contracts", "comparison", "`compare --json`"),
    "compat": ("contracts", "compat", "`compare --compat`"),
    "drop-in": ("contracts.dropin", "dropin", "`drop-in --json`"),
    "adapter": ("contracts.dropin", "adapter", "`drop-in --adapter json`"),
    "common": ("contracts.dropin", "common", "`common --json`"),
    "rules": ("contracts.dropin", "rules", "the rules that `explain` explains"),
    "claims": ("contracts", "claims", "a line of `claims --json`"),
    "sandwich": ("contracts.sandwich", "sandwich", "`sandwich --report`"),
    "events": ("contracts", "events", "a line of `serve --json` and `proxy --json`"),
    "whose": ("mockserver", "whose", "a line of `whose --json`"),
    "cassette": ("mockserver", "cassette", "a recording of `--record`"),
    "config": ("mockserver", "config", "the file of `serve --config`"),
    "dialect": ("specs", "dialect", "the dialect.yaml of a provider"),
    "document": ("specs", "document", "the openapi.yaml of a provider"),
    "clients": ("specs", "clients", "the profiles of `drop-in --client`"),
}
"""By name: the package and the stem of its file, and what follows it."""


def schema(name: str) -> Any:
    """A schema by its name. Raises `KeyError`."""
    package, stem, _ = SCHEMAS[name]
    return read_yaml(files(package), f"{stem}.schema.yaml")


@click.command("schema")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the JSON Schema of what NAME is; without a name, the names."""
    if name is None:
        width = max(map(len, SCHEMAS))
        for known, (_, _, about) in SCHEMAS.items():
            click.echo(f"{known:<{width}}  {about}")
        return
    if name not in SCHEMAS:
        raise Usage(f"there is no schema '{name}'; known are {', '.join(SCHEMAS)}")
    click.echo(json.dumps(schema(name), indent=2, ensure_ascii=False))
