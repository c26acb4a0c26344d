"""The command `verify`: check a bundle of `run`, and judge it again."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from contracts.cli.shared.options import no_color_option, path_option
from contracts.cli.shared.output import open_output
from contracts.execution.bundle.reader import BadBundle
from contracts.execution.bundle.verify import Verification
from contracts.execution.bundle.verify import verify as verify_bundle
from contracts.text import pluralize
from mockserver.cli.common import UsageError, specs_option

VERIFIED, DIFFERENT = 0, 1
LIMITS = (
    "What this does not prove: that the exchanges took place with the named server, "
    "when they did, or who made the bundle. Who makes a bundle can invent responses "
    "and compute all hashes. It shows that nothing was changed since the id was noted, "
    "that the run is the one that seed and documents give, and that the report follows "
    "from these exchanges."
)


@click.command()
@click.argument("bundle", type=path_option)
@click.option(
    "--report",
    "report_path",
    type=path_option,
    metavar="FILE",
    help="Write the report of a verified bundle to this file (see `show`).",
)
@click.option(
    "--case",
    metavar="ID",
    default="",
    help="Also print the records of this test case as JSON, with request and response.",
)
@no_color_option
@specs_option
def verify(bundle: str, report_path: str | None, case: str, folder: str | None) -> None:
    """
    Check a BUNDLE of `run --bundle`, and judge its exchanges again.

    Says which record, file, report or document was changed. The exchanges are then
    judged again without network, and the report must be the same, byte by byte.

    Exit status: 0 verified, 1 something does not match, 2 not readable.
    """
    try:
        folders = [folder] if folder else []
        result = verify_bundle(Path(bundle), *folders, case=case)
    except BadBundle as error:
        raise UsageError(str(error)) from None
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    for line in _lines(bundle, result):
        console.print(line, markup=False)
    for record in result.records:
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
    if case and result.report is not None and not result.records:
        raise UsageError(f"--case {case}: the bundle has no record of it")
    if report_path and result.is_verified and result.report is not None:
        with open_output(report_path) as out:
            out.writelines(result.report.to_lines())
    raise SystemExit(VERIFIED if result.is_verified else DIFFERENT)


def _lines(bundle: str, result: Verification) -> list[str]:
    manifest, report = result.manifest, result.report
    lines = [
        f"{bundle}: imageparity {manifest['program']['version']}",
        f"started {manifest['started']}, seed {manifest['seed']}",
        f"id {result.id}",
    ]
    if report is not None:
        lines += [
            f"{each.title} at {each.base_url}" for each in report.metadata.targets
        ]
        lines.append(
            f"{pluralize(manifest['records']['count'], 'record')}, "
            f"{pluralize(len(report.outcomes), 'test case')}, "
            f"{pluralize(len(report.findings), 'finding')}"
        )
    lines.append("")
    lines += [f"Different: {each}" for each in result.problems]
    lines += [f"Note: {each}" for each in result.notes]
    if result.is_verified:
        lines.append(
            "Verified: all hashes match, and judged again the report is the same."
        )
    else:
        lines.append("Not verified.")
    return [*lines, "", LIMITS]
