"""A report of a run, or of the same questions to several, whichever a file holds."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.compare.servers.model import (
    FORMAT,
    Difference,
    Differences,
    Kind,
    Row,
    Side,
    TargetFacts,
)
from contracts.compare.servers.verdicts import Cell
from contracts.judging.outcome import Verdict
from contracts.report.model import BadReport, Report
from specs.documents.references import read_yaml
from specs.validation.judge import compiled


def read(path: str | Path) -> Report | Differences:
    """
    What a run wrote with `--report`, with `--same-questions` or without.

    Raises `BadReport` when it cannot be read, was cut short, or is none of ours.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadReport(f"{path} cannot be read: {error}") from None
    value = _object(text)
    if value.get("format") != FORMAT:
        return Report.from_serialized(text.splitlines(), name=str(path))
    schema = read_yaml(files("contracts.compare.servers"), "differential.schema.yaml")
    for wrong in compiled(schema).iter_errors(value):
        place = "".join(f"/{step}" for step in wrong.instance_path)
        raise BadReport(f"{path} is damaged at {place or '/'}: {wrong.message[:200]}")
    return _differences(value)


def _object(text: str) -> dict[str, Any]:
    """The one JSON object of a text; nothing where it is lines, or no JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _differences(value: dict[str, Any]) -> Differences:
    return Differences(
        version=value["version"],
        seed=value["seed"],
        targets=tuple(TargetFacts(**each) for each in value["targets"]),
        questions=value["questions"],
        rows=tuple(_row(each) for each in value["rows"]),
        differences=tuple(_difference(each) for each in value["differences"]),
    )


def _row(row: dict[str, Any]) -> Row:
    kind = row["kind"]
    return Row(
        **{
            **row,
            "cells": {label: _cell(each) for label, each in row["cells"].items()},
            "kind": None if kind is None else Kind(kind),
            "odd": tuple(row["odd"]),
        }
    )


def _cell(cell: dict[str, Any]) -> Cell:
    verdict = cell["verdict"]
    return Cell(**{**cell, "verdict": None if verdict is None else Verdict(verdict)})


def _difference(found: dict[str, Any]) -> Difference:
    fields = {name: value for name, value in found.items() if name != "alarms"}
    return Difference(
        **{
            **fields,
            "kind": Kind(found["kind"]),
            "sides": {label: Side(**each) for label, each in found["sides"].items()},
            "odd": tuple(found["odd"]),
            "also": tuple(found["also"]),
        }
    )
