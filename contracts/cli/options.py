"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

from contracts.execution.links import host_alone
from contracts.reporters import REPORTERS


class HostName(click.ParamType):  # type: ignore[type-arg]
    """A host name or IP address, without scheme, port and path; in lower case."""

    name = "host"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            return host_alone(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


HOST = HostName()
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
