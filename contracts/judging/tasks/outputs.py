"""The results of a task."""

from itertools import pairwise

from contracts.judging.tasks.breach import Breaches, TaskBreach
from contracts.judging.tasks.conversation import Conversation, Step
from contracts.judging.tasks.times import seconds_of
from contracts.media.registry import MEDIA
from specs import Phase, Role

LIFETIME_TOLERANCE = 60.0  # seconds


def results_come_with_success(talk: Conversation) -> Breaches:
    """
    Check that results are there exactly when the task has succeeded.

    A place that only some requests have, such as that of the last frame, must have one.
    """
    kind = talk.kind
    places = [
        each.place
        for each in kind.results
        if each.applies_to(talk.request) and each.place.at
    ]
    if not places:
        return
    for step, state in talk.states:
        if step.role is not Role.READ:
            continue
        found = talk.result_values(step.body)
        if state.phase is Phase.SUCCEEDED and not found:
            where = " or ".join(each.at for each in places)
            message = f"the task is {state.name}, and has no result at {where}"
            yield TaskBreach("result", message, step)
            return
        filled = {result.place.at for result, _ in found}
        wanted = {
            each.place.at
            for each in kind.results
            if each.when is not True and each.applies_to(talk.request)
        }
        if state.phase is Phase.SUCCEEDED and wanted - filled:
            where = " or ".join(sorted(wanted - filled))
            message = f"the task is {state.name}, and has no result at {where}"
            yield TaskBreach("result", message, step)
            return
        if state.phase is not Phase.SUCCEEDED and found:
            message = f"the task is {state.name}, and has a result already"
            yield TaskBreach("result", message, step)
            return


def results_stay(talk: Conversation) -> Breaches:
    """Check that later reads of a finished task have as many results."""
    counts: list[tuple[int, Step]] = []
    for step, state in talk.states:
        if state.phase is Phase.SUCCEEDED and step.role is Role.READ:
            counts.append((len(talk.result_values(step.body)), step))
    for (old, _), (new, step) in pairwise(counts):
        if old != new:
            message = f"the number of results changes from {old} to {new}"
            yield TaskBreach("result", message, step)
            return


def results_are_as_many_as_asked(talk: Conversation) -> Breaches:
    """Check the number of results against the `n` of the request, if it has one."""
    wanted = talk.request.get("n")
    if talk.final is None or not talk.has_succeeded or not isinstance(wanted, int):
        return
    step, state = talk.final
    results = talk.result_values(step.body)
    found = [value for place, value in results if place.medium is None]
    if found and len(found) != wanted and step.role is Role.READ:
        message = f"the task is {state.name} with {len(found)} results, not {wanted}"
        yield TaskBreach("result", message, step)


def usage_stays(talk: Conversation) -> Breaches:
    """Check that later reads of a finished task have the same usage."""
    ends = [each for each in talk.states if each[1].phase is Phase.SUCCEEDED]
    reads = [step for step, _ in ends if step.role is Role.READ]
    for old, new in pairwise(reads):
        before, after = old.body.get("usage"), new.body.get("usage")
        if before is not None and before != after:
            message = f"the usage of a finished task changes from {before} to {after}"
            yield TaskBreach("moves", message, new, is_assumed=True)
            return


def results_decode(talk: Conversation) -> Breaches:
    final = talk.final
    if final is None:
        return
    for number, result in enumerate(talk.results, 1):
        if result.problem is not None:
            message = f"result {number} {result.problem}"
            yield TaskBreach("result", message, talk.reads[-1])
            return


def results_are_as_asked(talk: Conversation) -> Breaches:
    """Check the decoded results against the fields that the request has."""
    request = talk.request
    role = talk.created.operation.task if talk.created else None
    if role is not None and role.extends:  # the result has another video in it as well
        request = {k: v for k, v in request.items() if k not in {"duration", "frames"}}
    for number, result in enumerate(talk.results, 1):
        if result.output is None or result.problem is not None:
            continue
        if result.medium != talk.kind.medium:
            continue  # a still of a video: the request does not describe it
        problems = MEDIA[result.medium].result_problems
        for problem in problems(result.output, request, talk.dialect):
            message = f"result {number} {problem}"
            yield TaskBreach("result", message, talk.reads[-1])
            return


def expiry_is_as_documented(talk: Conversation) -> Breaches:
    lifetime, final = talk.kind.result_lifetime, talk.final
    times = talk.kind.times
    if lifetime is None or final is None or not talk.has_succeeded:
        return
    if "expires" not in times or "completed" not in times:
        return
    ends = seconds_of(times["expires"].value(final[0].body), times["expires"].unit)
    done = seconds_of(times["completed"].value(final[0].body), times["completed"].unit)
    if ends is None or done is None:
        return
    if abs(ends - done - lifetime.value) > LIFETIME_TOLERANCE:
        message = (
            f"the results expire {ends - done:g} s after the end, "
            f"not after {lifetime.value:g} s"
        )
        yield TaskBreach("result-lifetime", message, final[0])
