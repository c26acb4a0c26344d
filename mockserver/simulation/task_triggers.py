"""The course of a long-running task that a request or a script asks for."""

import re
from dataclasses import dataclass
from typing import Any

from multidict import istr

from mockserver.errors import Rejected
from mockserver.simulation.task_mode import TaskMode, parse_mode
from mockserver.simulation.task_progress import TaskOutcome

TASK_HEADER = istr("X-Mock-Task")
TASK_MARKER = "task="
MODES = ("seconds", "polls")
PARAMETERS = ("error", *MODES, "times", "id")
MAX_NAME_LENGTH = 80
SYNTAX = "failed;error=NAME;seconds=5"


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """
    The end of a task, and its time.

    `error` is the name of the failure of a failed task; None for the document's first.
    `mode` is None for the one of the settings.
    """

    outcome: TaskOutcome = TaskOutcome.SUCCEEDED
    error: str | None = None
    mode: TaskMode | None = None


def parse_task(text: str, source: str) -> tuple[TaskRequest, dict[str, Any]]:
    """
    The wish of a text such as `failed;error=NAME;seconds=5`, `polls=3`, `immediate`.

    The second value has its parameters `times` and `id`. Raises `Rejected`.
    """
    outcome, error, mode = None, None, None
    more: dict[str, Any] = {}
    for number, part in enumerate(each.strip() for each in text.split(";")):
        name, assigns, value = (each.strip() for each in part.partition("="))
        if number == 0 and not assigns and name in list(TaskOutcome):
            outcome = TaskOutcome(name)
        elif name in MODES or part == "immediate":
            mode = _mode(part, source)
        elif name == "error" and value:
            error = value[:MAX_NAME_LENGTH]
        elif name == "times" and re.fullmatch(r"\d{1,9}", value):
            more["times"] = int(value)
        elif name == "id":
            more["id"] = value[:MAX_NAME_LENGTH]
        elif part:
            raise rejection(
                f"Unknown task '{part[:MAX_NAME_LENGTH]}'; known endings: "
                f"{', '.join(TaskOutcome)}; known options, each after a ';': "
                f"immediate, {', '.join(f'{each}=…' for each in PARAMETERS)}",
                source,
            )
    if error is not None and outcome not in {None, TaskOutcome.FAILED}:
        raise rejection(f"error is for a task that fails, not {outcome}", source)
    if outcome is None:
        outcome = TaskOutcome.SUCCEEDED if error is None else TaskOutcome.FAILED
    return TaskRequest(outcome, error, mode), more


def _mode(text: str, source: str) -> TaskMode:
    try:
        return parse_mode(text)
    except ValueError as error:
        raise rejection(f"task: {error}", source) from None


def rejection(message: str, source: str) -> Rejected:
    """An error in a trigger: it names the source, and the header if it is one."""
    param = str(TASK_HEADER) if source == "header" else None
    text = f"{message} (from {source})."
    return Rejected("invalid_request", text, param=param, status=400)
