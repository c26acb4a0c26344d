"""The ledger of `run --budget`: a file beside the report until that is written."""

from dataclasses import dataclass
from pathlib import Path

import click

from contracts.cli.run.last_report import NAME
from contracts.cli.run.options import RunOptions
from contracts.ledger.base import Ledger
from contracts.ledger.errors import LaneBusy, LaneDiffers, LedgerError
from contracts.ledger.sqlite import SqliteLedger
from contracts.planning.generation.example_database import create_folder
from mockserver.cli.common import UsageError

CAMPAIGN = "run"
FILES = ("", "-wal", "-shm")  # of SQLite


@dataclass
class BudgetLedger:
    """
    The file with what a run has paid for; only a run that was killed leaves it behind.

    The same command then goes on where that run ended.
    """

    path: Path
    is_left: bool
    has_told: bool = False

    @classmethod
    def of(cls, options: RunOptions) -> "BudgetLedger | None":
        """The file of a run; None without `--budget`. Raises `UsageError`."""
        if options.budget is None or options.dry_run:
            return None
        report = options.outputs["report"]
        if report is None:
            try:
                create_folder(options.examples_folder)
            except OSError as error:
                raise UsageError(
                    f"--budget keeps its ledger in {options.examples_folder}, which "
                    f"cannot be written: {error}; choose another --examples DIR"
                ) from None
        path = Path(f"{report or options.examples_folder / NAME}.ledger")
        ledger = cls(path, path.exists())
        if ledger.is_left and not options.quiet:
            click.echo(
                f"Continuing a run that was killed: what it sent is not sent again "
                f"({path}).",
                err=True,
            )
        return ledger

    def open(self) -> Ledger:
        return SqliteLedger(str(self.path), CAMPAIGN)

    def on_wait(self, busy: LaneBusy) -> None:
        """Say once why nothing happens."""
        if not self.has_told:
            self.has_told = True
            click.echo(
                "Waiting for at most "
                f"{busy.seconds:.0f} s: its last request may not have ended.",
                err=True,
            )

    def problem(self, error: LedgerError) -> UsageError:
        """The error for the user."""
        if isinstance(error, LaneDiffers):
            return UsageError(
                f"{error}: it is left of a run that was killed. Run that one again, or "
                f"delete {self.path} to forget it"
            )
        return UsageError(str(error))

    def remove(self) -> None:
        for end in FILES:
            Path(f"{self.path}{end}").unlink(missing_ok=True)
