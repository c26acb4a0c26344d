"""
Defects of tasks over our own mock; `expected.yaml` has the finding of each.

Each changes the responses of the mock, or the request that it gets for a task.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from faulty_servers.tasks.changes import (
    CREATE,
    READ,
    another_id,
    as_text,
    cancel_refused_after_the_end,
    cancelled_in_words_only,
    content_before_the_end,
    content_without_key,
    cut,
    early_result,
    failing_read,
    failure_as_500,
    failure_without_reason,
    fewer_results_later,
    file,
    goes_on_after_success,
    in_events,
    in_milliseconds,
    in_seconds,
    later_by,
    list_is_an_object,
    list_without_the_task,
    member,
    no_id,
    no_last_event,
    no_last_frame,
    no_result,
    one_result_of_two,
    page_size_is_ignored,
    picture_at_once,
    rename_state,
    retry_after,
    running_is_cancelled,
    state,
    still_readable,
    unknown,
    usage_grows,
)
from faulty_servers.tasks.relay import Change, Reply, answer


def unchanged(reply: Reply) -> Reply:
    return reply


@dataclass(frozen=True)
class Damage:
    """
    A change of the responses, and fields that replace those of the creation.

    `heartbeat` is what the document says in place of what it does, in seconds.
    """

    change: Change = unchanged
    request: Mapping[str, object] | None = None
    heartbeat: float | None = None


def asked(**fields: object) -> Damage:
    return Damage(request=fields)


def as_number(value: object) -> int:
    return 12345


DAMAGES: Mapping[str, Mapping[str, Change | Damage]] = {
    "ark": {
        "state-goes-backwards": state("running", "queued", "succeeded"),
        "running-after-success": goes_on_after_success("running"),
        "failed-after-success": goes_on_after_success("failed"),
        "success-is-success": state("queued", "running", "success"),
        "success-in-capitals": state("QUEUED", "RUNNING", "SUCCEEDED"),
        "cancelled-with-one-l": rename_state("cancelled", "canceled"),
        "id-changes": member("id", another_id),
        "created-changes": member("created_at", later_by(0), later_by(7)),
        "created-in-milliseconds": member("created_at", in_milliseconds),
        "created-tomorrow": member("created_at", later_by(86400)),
        "updated-goes-back": member("updated_at", later_by(0), later_by(-60)),
        "result-before-success": early_result,
        "no-result-at-success": no_result,
        "last-frame-missing": no_last_frame,
        "url-gives-404": file(status=404),
        "url-gives-403": file(status=403),
        "url-gives-410": file(status=410),
        "url-gives-html": file(text="<html>Sign in</html>"),
        "url-gives-json": file(text="{}", content_type="application/json"),
        "video-is-cut": cut,
        "video-is-text": file(text="no video", content_type="video/mp4"),
        "video-too-long": asked(duration=8),
        "video-of-another-ratio": asked(ratio="1:1"),
        "video-too-small": asked(resolution="720p"),
        "video-silent": asked(generate_audio=False),
        "failed-without-reason": failure_without_reason,
        "failed-as-500": failure_as_500,
        "unknown-id-as-200": unknown(status=200, text="", content_type="text/plain"),
        "unknown-id-as-500": unknown(status=500),
        "unknown-id-as-html": unknown(status=404, text="<html>Not found</html>"),
        "unknown-id-in-another-envelope": unknown(status=404, value={"detail": "no"}),
        "list-without-the-task": list_without_the_task,
        "list-is-an-object": list_is_an_object,
        "page-size-is-ignored": page_size_is_ignored,
        "cancelled-but-goes-on": cancelled_in_words_only,
        "running-is-cancelled": running_is_cancelled,
        "deleted-but-readable": still_readable,
        "delete-refused-after-the-end": cancel_refused_after_the_end,
        "reads-fail": failing_read,
        "usage-differs": usage_grows,
        "no-id": no_id,
    },
    "kling": {
        "state-goes-backwards": state("processing", "submitted", "succeed"),
        "success-is-completed": state("submitted", "processing", "completed"),
        "id-is-a-number": member("task_id", as_number, roles=(CREATE, READ)),
        "created-in-seconds": member("created_at", in_seconds),
        "no-result-at-success": no_result,
        "failed-without-reason": failure_without_reason,
        "list-without-the-task": list_without_the_task,
        "video-too-short": asked(duration="10"),
        "no-id": no_id,
    },
    "aihubmix": {
        "result-count-changes": fewer_results_later,
        "one-result-of-two": one_result_of_two,
        "expires-at-once": member("expires_at", later_by(-7200)),
        "completed-as-text": member("completed_at", as_text),
        "picture-at-once": picture_at_once,
    },
    "llmapi": {
        "created-as-200": answer(CREATE, status=200),
        "canceled-and-not-succeeded": state("queued", "running", "completed"),
        "events-have-another-name": in_events("image_task.updated", "message"),
        "events-without-the-end": Damage(no_last_event, heartbeat=0.5),
        "heartbeats-are-late": Damage(no_last_event, heartbeat=0.2),
        "no-retry-after": retry_after(""),
        "result-is-null": member("result", lambda value: None),
    },
    "openai": {
        "progress-falls": member("progress", 50, 10, 100),
        "progress-over-100": member("progress", 0, 101, 250),
        "content-before-the-end": content_before_the_end,
        "content-without-key": content_without_key,
        "content-is-cut": Damage(change=cut),
        "expires-in-a-week": member("expires_at", later_by(7 * 86400)),
    },
}
