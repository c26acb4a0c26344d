"""`run --bundle`: write all exchanges of a run into one file."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import click

from contracts.cli.run.options import RunOptions
from contracts.cli.shared.output import check_outputs, file_errors
from contracts.execution.bundle.manifest import BundleOptions
from contracts.execution.bundle.recording import BundleRecording, write_bundle
from contracts.execution.bundle.writer import BundleWriter
from contracts.report.model import Report
from mockserver.cli.common import UsageError
from specs import Provider


def check_bundle_option(options: RunOptions) -> None:
    """Raise `UsageError` for options that a bundle excludes."""
    if options.bundle is None:
        return
    excluded = {
        "--resume": options.resume,
        "--replay": options.replay,
        "--same-questions": options.same_questions,
        "--dry-run": options.dry_run,
    }
    if given := [name for name, value in excluded.items() if value]:
        raise UsageError(
            f"--bundle and {given[0]} exclude each other: a bundle has all exchanges "
            "of one run"
        )
    check_outputs({"bundle": str(options.bundle)})


@contextmanager
def bundle_recording(options: RunOptions) -> Iterator[BundleRecording | None]:
    """The recording of a run; None without `--bundle`. Raises `UsageError`."""
    if options.bundle is None:
        yield None
        return
    with ExitStack() as stack:
        with file_errors(str(options.bundle)):
            writer = stack.enter_context(BundleWriter(options.bundle))
        yield BundleRecording(writer)


def save_bundle(
    options: RunOptions,
    recording: BundleRecording | None,
    report: Report,
    problem: str | None,
    providers: Sequence[Provider],
) -> list[str]:
    """
    Write the bundle of a run that has ended; returns the lines to print about it.

    Raises `UsageError` if it cannot be written.
    """
    if recording is None:
        return []
    if problem is not None:
        click.echo(
            "Warning: no bundle was written, since a provider could not be tested",
            err=True,
        )
        return []
    made = BundleOptions(
        max_cases=options.max_cases,
        budget=options.budget,
        waiting=options.task_waiting,
        fail_on=options.fail_on.patterns,
        repeat=options.repeat,
        requirements=options.requirements,
    )
    with file_errors(str(options.bundle)):
        bundle_id = write_bundle(recording, report, providers, made)
    return [f"bundle: {options.bundle}", f"  id {bundle_id}"]
