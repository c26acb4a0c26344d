"""Checks of the other operations on a task: cancel, list, return the content."""

from contracts.judging.outcome import describe_response
from contracts.judging.tasks.breach import Breaches, TaskBreach
from contracts.judging.tasks.conversation import Conversation, Purpose, Step
from specs import Phase, Role, TaskRole, TaskState, values_at

SHORTEST_PAGE = 10  # tasks in a list whose length no page states


def cancel_is_as_documented(talk: Conversation) -> Breaches:
    """Check what cancelling did, by the state that the task had before."""
    for step in talk.steps_of(Role.CANCEL):
        role = step.operation.task
        before = talk.state_before(step)
        if role is None or before is None:
            continue
        is_accepted = step.interaction.is_success
        after = talk.read_after(step)
        if before.name in role.cancels and is_accepted:
            state = talk.kind.state_of(after.body) if after else None
            cancelled = talk.kind.states_in(Phase.CANCELLED)
            if state is not None and cancelled and state not in cancelled:
                message = f"a task that was cancelled is {state.name}"
                yield TaskBreach("cancels", message, step)
        elif before.name in role.deletes and is_accepted:
            if after is not None and after.interaction.is_success:
                yield TaskBreach("deletes", "a deleted task can still be read", step)
        elif before.name in role.deletes and before.is_final:
            message = (
                f"a task that is {before.name} is not deleted: "
                f"{describe_response(step.interaction)}"
            )
            yield TaskBreach("deletes", message, step)
        elif is_accepted and _must_be_refused(talk, role, before, after):
            message = (
                f"a request to cancel a task that is {before.name} is accepted: "
                f"{describe_response(step.interaction)}"
            )
            yield TaskBreach("refuses", message, step)


def _must_be_refused(
    talk: Conversation, role: TaskRole, before: TaskState, after: Step | None
) -> bool:
    """
    True if no state that the task can have had allows to cancel it.

    A task that was running may have ended since. Only what is left then tells more.
    """
    if before.name in role.cancels:
        return False
    if before.is_final:
        return True
    state = talk.kind.state_of(after.body) if after else None
    return state is not None and state.phase in {
        Phase.WAITING,
        Phase.RUNNING,
        Phase.CANCELLED,
    }


def list_has_the_task(talk: Conversation) -> Breaches:
    for step in talk.steps_of(Role.LIST):
        role = step.operation.task
        if role is None or step.body is None or talk.id is None:
            continue
        items = next(values_at(step.body, role.items), None)
        if isinstance(items, list) and step.limit and len(items) > step.limit:
            message = f"the list has {len(items)} tasks; requested: {step.limit}"
            yield TaskBreach("list", message, step)
            continue
        if not isinstance(items, list):
            message = f"the list has no array at {role.items or 'the body'}"
            yield TaskBreach("list", message, step)
            continue
        place = talk.kind.id.place.at.removeprefix(role.item)
        ids = [next(values_at(each, place), None) for each in items]
        # A longer list may go on in another page.
        if talk.id not in ids and len(items) < (step.limit or SHORTEST_PAGE):
            message = f"the list of {len(items)} tasks does not have the new task"
            yield TaskBreach("list", message, step)


def content_is_returned(talk: Conversation) -> Breaches:
    """Check that the content comes after the end, not before it, and with the key."""
    for step in talk.steps_of(Role.CONTENT):
        is_success, role = step.interaction.is_success, step.operation.task
        if step.purpose is Purpose.WITHOUT_KEY and is_success:
            message = "the content of a task is returned without an API key"
            yield TaskBreach("/auth", message, step)
        elif step.purpose is Purpose.TOO_EARLY and is_success:
            after = talk.read_after(step)
            state = talk.kind.state_of(after.body) if after else None
            if role is not None and state is not None and not state.is_final:
                message = (
                    f"the content of a task that is {state.name} is returned: "
                    f"{describe_response(step.interaction)}"
                )
                yield TaskBreach(f"/errors/{role.not_ready}", message, step)
        elif step.purpose is Purpose.CONTENT and not is_success:
            message = (
                "the content of a task that has succeeded is not returned: "
                f"{describe_response(step.interaction)}"
            )
            yield TaskBreach("content", message, step)
