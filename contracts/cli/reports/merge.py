"""The command `merge`: one report of the reports of several processes."""

from pathlib import Path

import click

from contracts.cli.shared.options import path_option
from contracts.cli.shared.output import open_output
from contracts.errors import HarnessError
from contracts.execution.rebuild import rebuild_with
from contracts.report.merge import merge_reports
from mockserver.cli.common import UsageError, specs_option
from specs import SpecError


@click.command()
@click.argument(
    "reports", nargs=-1, required=True, type=path_option, metavar="REPORT..."
)
@click.option(
    "--output",
    type=path_option,
    metavar="FILE",
    help="Write the merged report to this file instead of printing it.",
)
@specs_option
def merge(reports: tuple[str, ...], output: str | None, folder: str | None) -> None:
    """
    Merge REPORTs of `run` into the report of one run.

    The targets and test cases of all reports are in it, each once, in the order of one
    run without PROVIDER. Reports with another version, seed, document, selection or
    call are refused, and so are two outcomes of one test case. `show` converts the
    merged report.
    """
    folders = [folder] if folder else []
    try:
        merged = merge_reports([Path(each) for each in reports], rebuild_with(folders))
    except (HarnessError, SpecError) as error:
        raise UsageError(str(error)) from None
    if output is None:
        for line in merged.to_lines():
            click.echo(line, nl=False)
        return
    with open_output(output) as out:
        out.writelines(merged.to_lines())
