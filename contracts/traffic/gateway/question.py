"""A question of a gateway test: one request, and the feature that it tests."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.media.registry import (
    DEFAULT_MEDIUM,
    image_operations,
    medium_of,
    task_creations,
)
from contracts.planning.case import Case
from specs import Operation, Phase, Provider
from specs.media.image import OPERATIONS

UNLISTED_FIELDS = {"imageparity_unlisted": "kept"}
EVENT_FEATURES = ("events", "images of events", "events as they come")
GENERATION, EDIT = OPERATIONS

CANCELLATION = "cancellation"
# A task at the upstream that ends without a result, by the word of the mock for it.
TASK_ENDS = {
    Phase.FAILED: "a task that fails",
    Phase.CANCELLED: "a task that is cancelled",
    Phase.EXPIRED: "a task that expires",
}


class QuestionKind(StrEnum):
    """The part of an exchange that a question compares."""

    ANSWER = "answer"
    UNLISTED_ANSWER = "unlisted answer"
    MEMBER = "member"
    MODEL = "model"
    SEVERAL = "several"
    STREAM = "stream"
    ERROR = "error"
    FAULT = "fault"
    CUT_STREAM = "cut stream"
    TASK_END = "task end"
    CANCEL = "cancel"


# A gateway may stop using an upstream that failed, so these are sent last.
RISK_ORDER = {
    QuestionKind.TASK_END: 1,
    QuestionKind.ERROR: 1,
    QuestionKind.FAULT: 2,
    QuestionKind.CUT_STREAM: 2,
}


@dataclass(frozen=True)
class Question:
    """
    A request through the gateway, and the feature that it tests.

    `member` is the tested field, by its name in the caller's dialect, or by its
    canonical name if it is inside another field. `name` is a
    second field, an error or a fault. `more_features` are further features that the
    same exchange tests. `marker` is a unique part of the prompt. `promised` is true if
    the caller's dialect documents the request. If `untested` is a reason, no request is
    sent. `model` is the model that the feature needs, empty if it is that of the plain
    request. `stands_for` is the documented model of a request with the gateway's own
    name of it; empty for other requests.
    """

    kind: QuestionKind
    group: str
    feature: str
    case: Case
    operation: Operation
    marker: str = ""
    member: str = ""
    name: str = ""
    more_features: tuple[str, ...] = ()
    promised: bool = True
    untested: str = ""
    model: str = ""
    stands_for: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        return (self.feature, *self.more_features)


def counterpart(upstream: Provider, operation: Operation) -> Operation | None:
    """
    The operation of the upstream that a gateway may call for one of its own.

    The one of the same id; else one for the same medium that needs nothing but a text:
    for an operation whose response has an image, another one of this kind if possible,
    and for a task another task.
    """
    images = image_operations(upstream)
    if operation.id in images and operation.task is None:
        return images[operation.id]
    if operation.id == EDIT:
        return None
    medium = medium_of(operation)
    tasks = task_creations(upstream, medium)
    same = next((each for each in tasks if each.id == operation.id), None)
    others = [each for id_, each in images.items() if id_ != EDIT]
    generation = images.get(GENERATION) or next(iter(others), None)
    if medium.name != DEFAULT_MEDIUM:
        generation = None
    if operation.task is None and generation is not None:
        return generation
    return same or next(iter(tasks), generation)


def task_ends(upstream: Provider, operation: Operation) -> list[tuple[Phase, str]]:
    """The ways in which a task of the upstream may end without a result."""
    phases = {
        state.phase
        for each in task_creations(upstream, medium_of(operation))
        if each.task is not None
        for state in upstream.tasks[each.task.kind].states.values()
    }
    return [(phase, name) for phase, name in TASK_ENDS.items() if phase in phases]
