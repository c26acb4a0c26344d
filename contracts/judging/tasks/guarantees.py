"""Checks of all exchanges about one task together, by its document."""

from collections.abc import Callable, Mapping

from contracts.judging.tasks.breach import Breaches
from contracts.judging.tasks.conversation import Conversation
from contracts.judging.tasks.events import events_are_sent, heartbeats_are_sent
from contracts.judging.tasks.operations import (
    cancel_is_as_documented,
    content_is_returned,
    list_has_the_task,
)
from contracts.judging.tasks.outputs import (
    expiry_is_as_documented,
    results_are_as_asked,
    results_are_as_many_as_asked,
    results_come_with_success,
    results_decode,
    results_stay,
    usage_stays,
)
from contracts.judging.tasks.states import (
    failure_says_why,
    id_is_present,
    id_is_stable,
    moves_are_legal,
    progress_grows,
    states_are_known,
)
from contracts.judging.tasks.times import times_are_right

TASK_GUARANTEES: Mapping[str, Callable[[Conversation], Breaches]] = {
    "task-has-id": id_is_present,
    "task-id-stays": id_is_stable,
    "task-state-is-known": states_are_known,
    "task-moves-forward": moves_are_legal,
    "task-times": times_are_right,
    "task-progress-grows": progress_grows,
    "task-result-with-success": results_come_with_success,
    "task-result-stays": results_stay,
    "task-result-count": results_are_as_many_as_asked,
    "task-usage-stays": usage_stays,
    "task-result-decodes": results_decode,
    "task-result-as-asked": results_are_as_asked,
    "task-failure-says-why": failure_says_why,
    "task-result-expires": expiry_is_as_documented,
    "task-cancel": cancel_is_as_documented,
    "task-is-listed": list_has_the_task,
    "task-content": content_is_returned,
    "task-events": events_are_sent,
    "task-heartbeat": heartbeats_are_sent,
}
"""The checks of a conversation by name; a finding has the name as its check."""
