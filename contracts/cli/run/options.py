"""The options of `imageparity run` as one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.cli.shared.output import Outputs
from contracts.execution.sending.recording import BadRecording, CassetteSession
from contracts.execution.targets import LIVE_RATE
from contracts.execution.tasks.waiting import Waiting, waiting_of
from contracts.report.failure_policy import FailurePolicy
from contracts.reporters import REPORTERS
from mockserver.cli.common import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """
    The options and arguments of `run`, by the names that click gives them.

    `outputs` has the paths of `--report` and of each report format; `folder` is the
    one of `--specs`. None stands for an option that was not given.
    """

    provider: tuple[str, ...]
    against: str | None
    key_env: str | None
    header: tuple[str, ...]
    auth: str | None
    model: tuple[str, ...]
    operations: tuple[str, ...]
    quiet: bool
    seed: int
    max_cases: int | None
    repeat: int
    requirements: str | None
    only: tuple[str, ...]
    no_fuzz: bool
    second_opinion: bool | None
    examples_folder: Path
    dry_run: bool
    live: bool
    budget: float | None
    same_questions: bool
    unlisted: bool
    rate: float | None
    fetch_from: tuple[str, ...]
    task_timeout: float | None
    task_interval: float | None
    resume: str | None
    record: Path | None
    replay: Path | None
    bundle: Path | None
    history: tuple[str, ...]
    sarif_document: tuple[tuple[str, Path], ...]
    fail_on: FailurePolicy
    folder: str | None
    outputs: Outputs

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "RunOptions":
        """The options from the parameters of a click command."""
        fields = dict(parameters)
        outputs = {"report": fields.pop("report_path")}
        outputs |= {name: fields.pop(name) for name in parameters if name in REPORTERS}
        return cls(**fields, outputs=outputs)

    @property
    def rate_limit(self) -> float | None:
        """Test requests per minute; None for no limit."""
        return self.rate or (LIVE_RATE if self.live else None)

    @property
    def task_waiting(self) -> Waiting | None:
        """The times to wait for tasks; None for the usual ones."""
        return waiting_of(self.task_interval, self.task_timeout)

    @property
    def uses_second_opinion(self) -> bool:
        if self.second_opinion is None:
            return not (self.no_fuzz or self.live)
        return self.second_opinion

    def open_cassettes(self, name: str, *, by_label: bool) -> CassetteSession | None:
        """
        The recordings of one target, to write or to read; None without such an option.

        With `by_label` they are in a folder of this name. Raises `UsageError`.
        """
        try:
            if self.record:
                folder = self.record / name if by_label else self.record
                return CassetteSession.recording(name, folder)
            if self.replay:
                folder = self.replay / name if by_label else self.replay
                return CassetteSession.replaying(name, folder)
        except BadRecording as error:
            raise UsageError(str(error)) from None
        return None
