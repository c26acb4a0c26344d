"""Options that several commands share."""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from contracts.execution.sending.links import host_alone
from contracts.reporters import REPORTERS
from mockserver.cli.common import UsageError, grouped_option, with_options


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


class DocumentCopy(click.ParamType):  # type: ignore[type-arg]
    """`PROVIDER=PATH` as the id of the provider and the path of a file that exists."""

    name = "document"

    def convert(
        self,
        value: str | tuple[str, Path],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return value
        provider, _, path = value.partition("=")
        if not provider or not path:
            self.fail(f"'{value}' is not PROVIDER=PATH", param, ctx)
        if not Path(path).is_file():
            self.fail(f"there is no file {path}", param, ctx)
        return provider, Path(path)


HOST = HostName()
REPORTS = "Reports"  # a section of `--help`
NO_COLOR = "NO_COLOR"  # https://no-color.org
path_option = click.Path(dir_okay=False)
history_option = grouped_option(
    REPORTS,
    "--history",
    multiple=True,
    type=path_option,
    metavar="REPORT",
    help="An older report of the same providers. The HTML page then shows which "
    "findings are new and which are fixed. Can be repeated.",
)

sarif_document_option = grouped_option(
    REPORTS,
    "--sarif-document",
    multiple=True,
    type=DocumentCopy(),
    metavar="PROVIDER=PATH",
    help="A copy of the provider's openapi.yaml in your repository. SARIF then points "
    "at its lines. Can be repeated.",
)


def _disable_color(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Set the variable NO_COLOR, which all consoles read, until the command ends."""
    if not value or context.resilient_parsing:
        return
    before = os.environ.get(NO_COLOR)
    os.environ[NO_COLOR] = "1"

    def restore() -> None:
        if before is None:
            os.environ.pop(NO_COLOR, None)
        else:
            os.environ[NO_COLOR] = before

    context.call_on_close(restore)


no_color_option = grouped_option(
    "Output",
    "--no-color",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_disable_color,
    help="Print without colors (also: the variable NO_COLOR).",
)


def copies_by_provider(
    values: Iterable[tuple[str, Path]], providers: Iterable[str], *, is_sarif: bool
) -> dict[str, Path]:
    """
    The files of `--sarif-document` by provider.

    Raises `UsageError` if no SARIF is written, or a provider is not in the report.
    """
    copies = dict(values)
    if copies and not is_sarif:
        raise UsageError("--sarif-document goes with SARIF output: add it")
    if unknown := sorted(copies.keys() - set(providers)):
        raise UsageError(f"--sarif-document {unknown[0]}: it is not tested here")
    return copies


report_format_options = with_options(
    [
        grouped_option(REPORTS, each.option, type=path_option, help=each.help)
        for each in REPORTERS.values()
    ]
)
"""Decorates a command with an option `--NAME FILE` for each format of `REPORTERS`."""
