"""The command `schema`: print the JSON Schema of a file format."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import click

from mockserver.cli.common import UsageError
from specs.documents.reading.yaml_files import read_yaml

SCHEMAS: Mapping[str, tuple[str, str, str]] = {
    "report": ("contracts.report", "report", "a line of `run --report`"),
    "campaign": ("contracts.fleet", "campaign", "the file of `campaign`"),
    "differences": (
        "contracts.compare.servers",
        "differential",
        "`run --same-questions --report`",
    ),
    "ctrf": ("contracts.reporters.run", "ctrf", "`run --ctrf`"),
    "badge": ("contracts.reporters.run", "badge", "`run --badge`"),
    "baseline": ("contracts.report", "baseline", "the file of `gate --baseline`"),
    "comparison": ("contracts.reporters.comparison", "comparison", "`compare --json`"),
    "compat": ("contracts.reporters.comparison", "compat", "`compare --compat`"),
    "drop-in": ("contracts.compare.migration", "dropin", "`drop-in --json`"),
    "adapter": ("contracts.compare.migration", "adapter", "`drop-in --adapter json`"),
    "common": ("contracts.compare.migration", "common", "`common --json`"),
    "rules": (
        "contracts.compare.migration",
        "rules",
        "the rules of `drop-in` and `explain`",
    ),
    "claims": ("contracts.cli.documents", "claims", "a line of `claims --json`"),
    "source": ("contracts.sources", "source", "a line of `sources --json`"),
    "fingerprints": (
        "contracts.sources",
        "fingerprints",
        "the fingerprints.yaml of `sources --record`",
    ),
    "sandwich": ("contracts.traffic.gateway", "sandwich", "`sandwich --report`"),
    "events": (
        "contracts.cli",
        "events",
        "a line of `serve --json` and `proxy --json`",
    ),
    "whose": ("mockserver.cli", "whose", "a line of `provenance --json`"),
    "cassette": ("mockserver.recordings", "cassette", "a recording of `--record`"),
    "bundle": (
        "contracts.execution.bundle",
        "bundle",
        "the manifest and a record of `run --bundle`",
    ),
    "result": ("contracts.published", "result", "the result.yaml of a submission"),
    "script": (
        "mockserver.simulation",
        "script",
        "the items of `POST /__mock__/script/<provider>`",
    ),
    "config": ("", "", "the file of `serve --config`"),  # made from its options
    "dialect": ("specs.documents", "dialect", "the dialect.yaml of a provider"),
    "document": ("specs.documents", "document", "the openapi.yaml of a provider"),
    "sources": ("specs.documents", "sources", "the sources.yaml of a provider"),
    "requirements": ("specs", "requirements", "a set of `run --requirements`"),
    "clients": ("specs", "clients", "the profiles of `drop-in --client`"),
}
"""By name: package and stem of the schema file, and the files that follow it."""


def schema(name: str) -> Any:
    """A schema by its name. Raises `KeyError`."""
    package, stem, _ = SCHEMAS[name]
    if name == "config":
        from mockserver.cli.config_file import config_schema
        from mockserver.cli.serve import serve

        return config_schema(serve)
    return read_yaml(files(package), f"{stem}.schema.yaml")


@click.command("schema")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print the JSON Schema of the format NAME; without NAME, list the formats."""
    if name is None:
        width = max(map(len, SCHEMAS))
        for known, (_, _, about) in SCHEMAS.items():
            click.echo(f"{known:<{width}}  {about}")
        return
    if name not in SCHEMAS:
        raise UsageError(
            f"unknown format '{name}'; the formats are {', '.join(SCHEMAS)}"
        )
    click.echo(json.dumps(schema(name), indent=2, ensure_ascii=False))
