"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click
from yarl import URL

from contracts.reporters import REPORTERS


class HostName(click.ParamType):  # type: ignore[type-arg]
    """A host name or IP address, without scheme, port and path; in lower case."""

    name = "host"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        try:
            host = URL.build(scheme="http", host=value.strip("[]")).host
        except ValueError:
            host = None
        if not host:
            message = f"'{value}' is not a host alone, such as images.example.com"
            self.fail(message, param, ctx)
        return host


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
