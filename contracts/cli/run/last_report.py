"""The report of the last run, which is saved without any option."""

from pathlib import Path

import click

from contracts.planning.generation.example_database import FOLDER, create_folder
from contracts.report.model import Report

NAME = "last.jsonl"
LAST_REPORT = Path(FOLDER, NAME)


def save_last_report(report: Report, folder: Path) -> Path | None:
    """
    Save a report in the folder of the examples.

    Returns its path. A failure is only a warning, the run is complete; returns None.
    """
    path = folder / NAME
    try:
        create_folder(folder)
        report.write(path)
    except OSError as error:
        click.echo(f"Warning: {path} cannot be saved: {error}", err=True)
        return None
    return path
