"""The exchanges about one long-running task, from its creation to its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.tasks.results import Result
from contracts.planning.case import Case
from specs import (
    Dialect,
    Operation,
    Phase,
    ResultPlace,
    Role,
    TaskKind,
    TaskState,
)


class Purpose(StrEnum):
    """The purpose of one exchange in a conversation; it ends the id of its case."""

    CREATE = "create"
    POLL = "poll"
    AFTER_THE_END = "after the end"
    AFTER_CANCEL = "after cancelling"
    CANCEL = "cancel"
    LIST = "list"
    CONTENT = "content"
    TOO_EARLY = "content before the end"
    EVENTS = "events"
    WITHOUT_KEY = "content without a key"


@dataclass(frozen=True)
class Step:
    """
    One exchange of a conversation.

    `limit` is the number of tasks that a list was asked for; None if it was not said.
    `longest_silence` is that of a stream, in seconds.
    """

    role: Role
    operation: Operation
    interaction: Interaction
    purpose: Purpose = Purpose.POLL
    limit: int | None = None
    longest_silence: float = 0.0

    @property
    def body(self) -> Any:
        """The JSON object of the response; None for another response or an error."""
        return self.interaction.object if self.interaction.is_success else None


@dataclass(frozen=True)
class Conversation:
    """
    The exchanges about one task.

    * `case`: the case that created it; `request` is its canonical request.
    * `results`: the results that were in the last response, or fetched by its URLs.
    * `not_finished`: the reason why the task was not followed to its end, or None.
    * `not_fetched`: the URLs of results that were not fetched, or gave no response.
    """

    case: Case
    kind: TaskKind
    request: Mapping[str, Any]
    dialect: Dialect
    steps: Sequence[Step]
    results: Sequence[Result] = ()
    not_finished: str | None = None
    not_fetched: Sequence[str] = ()

    @property
    def created(self) -> Step | None:
        """The creation; None for a task of an earlier run."""
        first = next(iter(self.steps), None)
        return first if first is not None and first.role is Role.CREATE else None

    @property
    def id(self) -> str | None:
        """The id of the task; None if the response to its creation has none."""
        step = self.created or next(iter(self.reads), None)
        value = self.kind.id.place.value(step.body) if step else None
        return value if isinstance(value, str) and value else None

    @property
    def told(self) -> list[Step]:
        """The responses that describe the task: creation and reads, in their order."""
        created = self.created
        is_told = created is not None and created.body is not None
        return [created, *self.reads] if created and is_told else self.reads

    @property
    def reads(self) -> list[Step]:
        """The reads of the task with a success response, in their order."""
        return [
            each
            for each in self.steps
            if each.role is Role.READ and each.body is not None
        ]

    @property
    def states(self) -> list[tuple[Step, TaskState]]:
        """The known states in the responses, in their order, creation included."""
        found = []
        for step in self.told:
            state = self.kind.state_of(step.body)
            if state is not None:
                found.append((step, state))
        return found

    @property
    def final(self) -> tuple[Step, TaskState] | None:
        """The first response with a final state."""
        return next((each for each in self.states if each[1].is_final), None)

    @property
    def has_succeeded(self) -> bool:
        return self.final is not None and self.final[1].phase is Phase.SUCCEEDED

    def steps_of(self, role: Role) -> list[Step]:
        return [each for each in self.steps if each.role is role]

    def result_values(self, body: Any) -> list[tuple[ResultPlace, Any]]:
        """The results in a body, each with the place that it was found at."""
        return [
            (result, value)
            for result in self.kind.results
            if result.applies_to(self.request) and result.place.at
            for value in result.place.values(body)
            if value not in (None, "", [])
        ]

    def is_cancelled_before(self, step: Step) -> bool:
        """True if a request to cancel the task was accepted before a step."""
        before = self.steps[: self.steps.index(step)]
        return any(
            each.role is Role.CANCEL and each.interaction.is_success for each in before
        )

    def state_before(self, step: Step) -> TaskState | None:
        """The last known state before a step."""
        at = self.steps.index(step)
        known = [state for seen, state in self.states if self.steps.index(seen) < at]
        return known[-1] if known else None

    def has_recovered(self, interaction: Interaction) -> bool:
        """True for a failed read of the task if a later read did not fail."""
        if interaction.is_success:
            return False
        reads = self.steps_of(Role.READ)
        at = [each.interaction for each in reads]
        failed = next((n for n, each in enumerate(at) if each is interaction), None)
        return failed is not None and any(each.is_success for each in at[failed + 1 :])

    def read_after(self, step: Step) -> Step | None:
        """The first read after a step, whatever the response."""
        later = self.steps[self.steps.index(step) + 1 :]
        return next((each for each in later if each.role is Role.READ), None)
