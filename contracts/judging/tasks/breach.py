"""A violation that the exchanges about one task show."""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.judging.tasks.conversation import Step


@dataclass(frozen=True, slots=True)
class TaskBreach:
    """
    One violation in a conversation.

    `claim` is the end of the id of a claim of the operation of `step`, which shows it:
    one about tasks, or with a slash at its beginning any other. `is_assumed` marks what
    the document does not say in this detail: the finding is a warning.
    """

    claim: str
    message: str
    step: Step
    is_assumed: bool = False


Breaches = Iterator[TaskBreach]
