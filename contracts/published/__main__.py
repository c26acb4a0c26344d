"""Check submissions, and write the page and the feed of published results."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from contracts.errors import HarnessError
from contracts.execution.bundle.verify import verify
from contracts.published.download import download
from contracts.published.site import RESULTS, result_files
from contracts.published.submission import (
    BUNDLE,
    BadSubmission,
    Submission,
    read_submission,
    submission_folders,
)
from contracts.report.file import atomic_write
from contracts.text import one_line
from specs.errors import SpecError

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("site", type=_FOLDER)
@click.argument("verified", nargs=-1, type=_FOLDER, metavar="[SUBMISSION]...")
@click.option(
    "--check", is_flag=True, help="Fail if page or feed are not up to date; write none."
)
def main(site: Path, verified: tuple[Path, ...], *, check: bool) -> None:
    """
    Check all submissions of a SITE, and write its page and feed of results.

    Verifies the bundles of the named SUBMISSIONs as `imageparity verify` does; one that
    is elsewhere is downloaded.

    Exit status: 0 all is well, 1 a submission or the site is not.
    """
    found: dict[Path, Submission] = {}
    problems: list[tuple[Path, str]] = []
    try:
        folders = submission_folders(site / RESULTS)
    except BadSubmission as error:
        problems.append((site / RESULTS, str(error)))
        folders = []
    for folder in folders:
        try:
            found[folder.resolve()] = read_submission(folder)
        except (HarnessError, SpecError) as error:
            problems.append((folder, str(error)))
    for folder in verified:
        click.echo(f"{folder}:")
        submission = found.get(folder.resolve())
        if submission is not None:
            problems += [
                (folder, each) for each in verify_submission(folder, submission)
            ]
        elif not any(each == folder for each, _ in problems):
            problems.append(
                (folder, f"{folder} is no submission below {site}/{RESULTS}")
            )
    if not problems:
        problems += _outdated(site, list(found.values()), check=check)
    for place, problem in problems:
        _print_problem(place, problem)
    raise SystemExit(1 if problems else 0)


def verify_submission(folder: Path, submission: Submission) -> Iterator[str]:
    """Yield why the bundle of a submission is not verified."""
    with tempfile.TemporaryDirectory(prefix="imageparity-") as temporary:
        path = folder / BUNDLE
        try:
            if submission.bundle_url:
                path = Path(temporary) / BUNDLE
                download(submission.bundle_url, submission.bundle_sha256, path)
            result = verify(path)
        except HarnessError as error:
            yield str(error)
            return
    for note in result.notes:
        click.echo(f"  Note: {one_line(note)}")
    if result.id != submission.bundle_id:
        yield (
            f"{submission.bundle_url} is another bundle than {folder / BUNDLE}: its id "
            f"is {result.id}, not {submission.bundle_id}"
        )
    yield from result.problems
    if result.is_verified:
        click.echo(f"  Verified: bundle {result.id}")


def _outdated(
    site: Path, submissions: list[Submission], *, check: bool
) -> Iterator[tuple[Path, str]]:
    """Write the page and the feed, or yield those that are not up to date."""
    for name, text in result_files(submissions).items():
        path = site / name
        if not check:
            with atomic_write(path) as out:
                out.write(text)
        elif not path.is_file() or path.read_text("utf-8") != text:
            command = f"python -m contracts.published {site}"
            yield path, f"{path} is not up to date: run `{command}`, and commit it"


def _print_problem(place: Path, problem: str) -> None:
    """Print a problem; GitHub shows it beside the file."""
    is_action = os.environ.get("GITHUB_ACTIONS") == "true"
    start = f"::error file={place}::" if is_action else "Error: "
    click.echo(start + one_line(problem))


if __name__ == "__main__":
    main()
