"""
The guarantees that documents make of responses, each with its check.

A check sees one response and, for a guarantee that compares two, the earlier ones. The
guarantees about the outputs of a medium are in `contracts.media`.
"""

from collections.abc import Iterator, Mapping

from contracts.judging.answer import Answer
from contracts.judging.guarantees import headers as header_guarantees
from contracts.judging.guarantees import streams as stream_guarantees
from contracts.judging.guarantees import usage as usage_guarantees
from contracts.media.description import describe_value
from contracts.media.guarantee import Breach, Breaches, Comparison, Guarantee
from contracts.media.registry import MEDIA
from specs import JSON

__all__ = [
    "COMPARED_FIELDS",
    "ECHOED_FIELDS",
    "GUARANTEES",
    "HISTORY_CHECKS",
    "SHOWN_FIELDS",
    "Answer",
    "breaches",
]

CLOCK_TOLERANCE = 600.0  # seconds


def _is_json(response: Answer) -> Breaches:
    if response.is_stream:
        return
    content_type = response.interaction.content_type
    if content_type != JSON:
        shown = describe_value(content_type) if content_type else "missing"
        yield Breach(f"Content-Type is {shown}, not {JSON}")
    try:
        _ = response.interaction.json
    except (ValueError, RecursionError) as error:
        yield Breach(f"the body is not strict JSON: {error}")


def _created_is_now(response: Answer) -> Breaches:
    name = "created_at" if response.is_stream else "created"
    if response.is_stream:
        stamps = [
            each["created_at"] for each in response.bodies if "created_at" in each
        ]
    else:
        stamps = [(response.interaction.object or {}).get("created")]
    for stamp in stamps:
        if isinstance(stamp, (int, float)) and not isinstance(stamp, bool):
            gap = abs(stamp - response.now)
            if gap > CLOCK_TOLERANCE:
                yield Breach(
                    f"{name} is {describe_value(stamp)}, {gap:.0f} s away from the "
                    f"time of the response ({response.now:.0f})"
                )
                return


GUARANTEES: Mapping[str, Guarantee] = {
    each.name: each
    for each in (
        Guarantee("is-json", _is_json),
        *(each for medium in MEDIA.values() for each in medium.guarantees),
        Guarantee(
            "usage-present",
            usage_guarantees.usage_present,
            row="answer/usage",
            aspect="usage",
        ),
        Guarantee("usage-adds-up", usage_guarantees.usage_adds_up, row="answer/usage"),
        Guarantee(
            "usage-grows-with-n",
            usage_guarantees.usage_grows_with_n,
            "n",
            row="answer/usage",
            comparison=Comparison(
                must_differ=lambda one, other: one != other,
                is_eligible=lambda value: value is None or isinstance(value, int),
            ),
        ),
        Guarantee(
            "usage-consistent",
            usage_guarantees.usage_consistent,
            row="answer/usage",
            aspect="usage",
            uses_history=True,
        ),
        Guarantee("created-is-now-in-seconds", _created_is_now, row="answer/created"),
        Guarantee(
            "streams-when-asked",
            stream_guarantees.streams_when_asked,
            "stream",
            aspect="body",
        ),
        Guarantee(
            "partials-at-most-asked",
            stream_guarantees.partials_at_most_asked,
            "partial_images",
            streams_only=True,
        ),
        Guarantee(
            "one-completed-event",
            stream_guarantees.one_completed_event,
            row="events/order",
            streams_only=True,
        ),
        Guarantee(
            "event-name-is-type",
            stream_guarantees.event_name_is_type,
            row="events/order",
            streams_only=True,
        ),
        Guarantee(
            "stream-ends-once",
            stream_guarantees.stream_ends_once,
            row="events/order",
            streams_only=True,
        ),
        Guarantee(
            "stream-ends",
            stream_guarantees.stream_ends,
            row="events/order",
            streams_only=True,
        ),
        Guarantee(
            "retry-after-on-429",
            header_guarantees.retry_after_on_429,
            row="errors/retry-after",
            uses_history=True,
            errors_only=True,
        ),
        Guarantee(
            "retry-after-is-valid",
            header_guarantees.retry_after_is_valid,
            row="errors/retry-after",
            uses_history=True,
            errors_only=True,
        ),
        Guarantee("keeps-secrets", header_guarantees.keeps_secrets),
        Guarantee("request-id", header_guarantees.request_id),
    )
}
"""All guarantees by name, in the order of their checks."""

ECHOED_FIELDS = tuple(
    dict.fromkeys(name for each in GUARANTEES.values() for name in each.echoed_fields)
)
"""Request fields that some responses repeat, and that no output shows."""

COMPARED_FIELDS: Mapping[str, str] = {
    name: each.field for name, each in GUARANTEES.items() if each.comparison
}
"""The guarantees that compare two responses: the field in which the requests differ."""

HISTORY_CHECKS = frozenset(
    name for name, each in GUARANTEES.items() if each.comparison or each.uses_history
)
"""The guarantees that look at earlier responses: one response alone shows no breach."""

SHOWN_FIELDS = tuple(
    dict.fromkeys(
        field_
        for each in GUARANTEES.values()
        if not each.comparison
        for field_ in (each.field, *each.echoed_fields)
        if field_
    )
)
"""Request fields of which one response alone shows the value that it honours."""


def breaches(name: str, response: Answer) -> Iterator[str]:
    """The messages of the breaches of a guarantee by a response."""
    return (each.message for each in GUARANTEES[name].check(response))
