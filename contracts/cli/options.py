"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

from contracts.reporters import REPORTERS

path_option = click.Path(dir_okay=False)
history_option = click.option(
    "--history",
    multiple=True,
    type=path_option,
    metavar="REPORT",
    help="An older report of the same providers. The HTML page then shows which "
    "findings are new and which are fixed. Can be repeated.",
)


def report_format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option `--NAME FILE` for each format of `REPORTERS`."""
    for reporter in reversed(REPORTERS.values()):
        option = click.option(reporter.option, type=path_option, help=reporter.help)
        command = option(command)
    return command
