"""Reading of report files: of a run, or of a comparison of servers."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from contracts.compare.servers.model import (
    FORMAT,
    Difference,
    Differences,
    DocumentAgreement,
    FeatureRow,
    OutputRow,
    ParameterVerdict,
    ServerStats,
    Side,
)
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import BadReport, Report
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator


def read(path: str | Path) -> Report | Differences:
    """
    Read a file that `run --report` wrote, with or without `--same-questions`.

    Raises `BadReport` if the file cannot be read, is incomplete or has another format.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadReport(f"{path} cannot be read: {error}") from None
    value = _parse_object(text)
    if value.get("format") != FORMAT:
        return Report.from_lines(text.splitlines(), name=str(path))
    schema = read_yaml(files("contracts.compare.servers"), "differential.schema.yaml")
    for violation in compile_validator(schema).iter_errors(value):
        place = "".join(f"/{step}" for step in violation.instance_path)
        reason = f"invalid at {place or '/'}: {violation.message[:200]}"
        raise BadReport(f"{path} is {reason}")
    return _differences(value)


def _parse_object(text: str) -> dict[str, Any]:
    """The JSON object of a text; empty if the text is not one JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _differences(value: dict[str, Any]) -> Differences:
    return Differences(
        version=value["version"],
        seed=value["seed"],
        targets=tuple(ServerStats(**each) for each in value["targets"]),
        questions=value["questions"],
        rows=tuple(_row(each) for each in value["rows"]),
        differences=tuple(_difference(each) for each in value["differences"]),
        outputs=tuple(_output(each) for each in value.get("outputs", ())),
    )


def _output(output: dict[str, Any]) -> OutputRow:
    fields = {name: value for name, value in output.items() if name != "alarms"}
    verdict, states = FeatureVerdict(output["verdict"]), tuple(output["states"])
    return OutputRow(**{**fields, "verdict": verdict, "states": states})


def _row(row: dict[str, Any]) -> FeatureRow:
    kind = row["kind"]
    return FeatureRow(
        **{
            **row,
            "cells": {label: _cell(each) for label, each in row["cells"].items()},
            "kind": None if kind is None else DocumentAgreement(kind),
            "odd": tuple(row["odd"]),
        }
    )


def _cell(cell: dict[str, Any]) -> ParameterVerdict:
    verdict = cell["verdict"]
    return ParameterVerdict(
        **{**cell, "verdict": None if verdict is None else FeatureVerdict(verdict)}
    )


def _difference(difference: dict[str, Any]) -> Difference:
    fields = {name: value for name, value in difference.items() if name != "alarms"}
    return Difference(
        **{
            **fields,
            "kind": DocumentAgreement(difference["kind"]),
            "sides": {
                label: Side(**each) for label, each in difference["sides"].items()
            },
            "odd": tuple(difference["odd"]),
            "also": tuple(difference["also"]),
        }
    )
