"""
The guarantees that documents make of responses, each with its check.

A check sees one response and, for a guarantee that compares two, the earlier ones. The
guarantees about images are in `contracts.media.image.guarantees`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.judging.answer import Answer
from contracts.judging.guarantees import headers as header_guarantees
from contracts.judging.guarantees import streams as stream_guarantees
from contracts.judging.guarantees import usage as usage_guarantees
from contracts.media.description import describe_image, describe_images, describe_value
from contracts.media.guarantee import Breach, Breaches, Comparison, Guarantee
from contracts.media.image.guarantees import IMAGE_GUARANTEES
from specs import JSON, Basis, size_of

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


def _count_equals_n(response: Answer) -> Breaches:
    wanted = response.request.get("n", 1)
    if response.is_stream:
        return  # one-completed-event counts those
    data = (response.interaction.object or {}).get("data")
    if isinstance(data, list) and len(data) != wanted:
        came = describe_images(response.results) if response.results else "no image"
        message = f"data is {describe_value(data)}: {came}; requested: {wanted}"
        yield Breach(message, "n", str(wanted), str(len(data)))


def _delivery_as_documented(response: Answer) -> Breaches:
    entry = response.dialect.delivery_for(response.request)
    if response.is_stream or entry.basis is Basis.ASSUMED:
        return  # no page documents the delivery for such requests
    wanted = entry.give
    for at, item in enumerate(response.items):
        url, text = item.get("url"), item.get("b64_json")
        is_data = isinstance(url, str) and url.startswith("data:")
        forms = {
            "b64_json": bool(text),
            "data_uri": is_data,
            "url": bool(url) and not is_data,
        }
        present = [name for name, is_present in forms.items() if is_present]
        if present != [wanted]:
            actual = " and ".join(present) or "nothing"
            message = f"image {at} is delivered as {actual}, not as {wanted}"
            yield Breach(message, "response_format", wanted, actual)


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


def _echoes_agree(response: Answer) -> Breaches:
    for body in response.bodies:
        yield from _echo_breaches(body, response)


def _echo_breaches(body: Mapping[str, Any], response: Answer) -> Breaches:
    for name in ECHOED_FIELDS:
        wanted, echoed = response.request.get(name), body.get(name)
        if echoed is not None and wanted not in (None, "auto", echoed):
            shown = describe_value(echoed)
            message = f"{name} in the response is {shown}; requested: {wanted}"
            yield Breach(message, name, str(wanted), str(echoed))
    image = next(iter(response.pictures), None)
    if image is None:
        return
    echoed = body.get("output_format")
    if echoed is not None and echoed != image.format:
        yield Breach(
            f"output_format in the response is {describe_value(echoed)}; the image is "
            f"{describe_image(image)}"
        )
    echoed = body.get("size")
    if size_of(echoed) is not None and echoed != image.size:
        yield Breach(
            f"size in the response is {describe_value(echoed)}; the image is "
            f"{describe_image(image)}"
        )


ECHOED_FIELDS = ("quality", "background")
"""Request fields that some responses repeat, and that no image shows."""

GUARANTEES: Mapping[str, Guarantee] = {
    each.name: each
    for each in (
        Guarantee("is-json", _is_json),
        Guarantee("count-equals-n", _count_equals_n, "n", aspect="pictures"),
        *IMAGE_GUARANTEES,
        Guarantee(
            "delivery-as-documented",
            _delivery_as_documented,
            "response_format",
            row="delivery",
            aspect="delivery",
        ),
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
        Guarantee("echoes-agree", _echoes_agree, echoed_fields=ECHOED_FIELDS),
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
