"""Options that several commands share."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from contracts.execution.links import host_alone
from contracts.reporters import REPORTERS
from mockserver.cli.common import UsageError


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
path_option = click.Path(dir_okay=False)
history_option = click.option(
    "--history",
    multiple=True,
    type=path_option,
    metavar="REPORT",
    help="An older report of the same providers. The HTML page then shows which "
    "findings are new and which are fixed. Can be repeated.",
)

sarif_document_option = click.option(
    "--sarif-document",
    multiple=True,
    type=DocumentCopy(),
    metavar="PROVIDER=PATH",
    help="A copy of the provider's openapi.yaml in your repository. SARIF then points "
    "at its lines. Can be repeated.",
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


def report_format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option `--NAME FILE` for each format of `REPORTERS`."""
    for reporter in reversed(REPORTERS.values()):
        option = click.option(reporter.option, type=path_option, help=reporter.help)
        command = option(command)
    return command
