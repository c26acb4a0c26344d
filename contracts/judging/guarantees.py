"""
The guarantees that documents make of responses, each with its check.

A check sees one response and, for a guarantee that compares two, the earlier ones. The
guarantees about images are in `contracts.media.image.guarantees`.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.judging.interaction import Interaction, ServerSentEvent
from contracts.media.guarantee import (
    AnswerHistory,
    Breach,
    Breaches,
    Guarantee,
    request_key,
)
from contracts.media.image.guarantees import IMAGE_GUARANTEES
from contracts.media.image.observation import DecodedImage
from specs import JSON, Basis, Dialect, size_of

CLOCK_TOLERANCE = 600.0  # seconds


@dataclass(frozen=True)
class Answer:
    """
    A response with all that its checks need.

    `request` has canonical names and documented defaults. `key` is the API key that the
    request was sent with. `now` is when the response came, in seconds since 1970.
    """

    interaction: Interaction
    dialect: Dialect
    request: Mapping[str, Any]
    media_type: str
    key: str = ""
    now: float = field(default_factory=time.time)
    history: AnswerHistory = field(default_factory=AnswerHistory)

    @property
    def is_stream(self) -> bool:
        return self.interaction.is_stream

    @property
    def results(self) -> list[DecodedImage | None]:
        """All images in order; None for one that is missing."""
        return self.interaction.pictures

    @property
    def pictures(self) -> list[DecodedImage]:
        """The images that decode."""
        return [each for each in self.results if each and not each.problem]

    @property
    def items(self) -> Sequence[Mapping[str, Any]]:
        return self.interaction.items

    @property
    def bodies(self) -> list[Mapping[str, Any]]:
        """The JSON object of the response, or those of its events."""
        if not self.is_stream:
            return [self.interaction.object or {}]
        events = self.interaction.events
        return [each.data for each in events if isinstance(each.data, dict)]

    def request_key(self, *, without: str) -> str:
        """A hash of the request without one field."""
        return request_key(self.request, self.media_type, without=without)


def _is_json(response: Answer) -> Breaches:
    if response.is_stream:
        return
    content_type = response.interaction.content_type
    if content_type != JSON:
        yield Breach(f"Content-Type is '{content_type}', not {JSON}")
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
        message = f"{len(data)} images; requested: {wanted}"
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


def _usage_adds_up(response: Answer) -> Breaches:
    for place, usage in _usages(response):
        for problem in _usage_problems(usage):
            yield Breach(f"{place}: {problem}")


def _usages(response: Answer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each `usage` object with its place in the response."""
    bodies = [("usage", response.interaction.object or {})]
    if response.is_stream:
        bodies = [
            (f"usage of event {at}", each.data)
            for at, each in enumerate(response.interaction.events)
            if isinstance(each.data, dict)
        ]
    for place, body in bodies:
        usage = body.get("usage")
        if isinstance(usage, dict):
            yield place, usage


def _usage_problems(usage: Mapping[str, Any]) -> Iterator[str]:
    names = ("input_tokens", "output_tokens", "total_tokens")
    for name in names:
        value = usage.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            yield f"{name} is {value!r}, not a count"
            return
    input_, output, total = (usage.get(name) for name in names)
    if None not in (input_, output, total) and (input_ or 0) + (output or 0) != total:
        yield f"input {input_} + output {output} is not total {total}"
    for side in ("input", "output"):
        details = usage.get(f"{side}_tokens_details")
        whole = usage.get(f"{side}_tokens")
        if not isinstance(details, dict) or not isinstance(whole, int):
            continue
        text, image = details.get("text_tokens"), details.get("image_tokens")
        if not isinstance(text, int) or not isinstance(image, int):
            yield f"{side}_tokens_details has {text!r} and {image!r}, not counts"
        elif min(text, image) < 0 or text + image != whole:
            yield f"{side}: text {text} + image {image} is not {whole}"


def _created_is_now(response: Answer) -> Breaches:
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
                    f"{stamp} is {gap:.0f} s away from the time of the response "
                    f"({response.now:.0f})"
                )
                return


def _echoes_agree(response: Answer) -> Breaches:
    for body in response.bodies:
        yield from _echo_breaches(body, response)


def _echo_breaches(body: Mapping[str, Any], response: Answer) -> Breaches:
    for name in ECHOED_FIELDS:
        wanted, echoed = response.request.get(name), body.get(name)
        if echoed is not None and wanted not in (None, "auto", echoed):
            message = f"{name} in the response is {echoed!r}; requested: {wanted!r}"
            yield Breach(message, name, str(wanted), str(echoed))
    image = next(iter(response.pictures), None)
    if image is None:
        return
    echoed = body.get("output_format")
    if echoed is not None and echoed != image.format:
        yield Breach(
            f"output_format in the response is {echoed!r}, the image is {image.format}"
        )
    echoed = body.get("size")
    if size_of(echoed) is not None and echoed != image.size:
        yield Breach(f"size in the response is {echoed!r}, the image is {image.size}")


def _streams_when_asked(response: Answer) -> Breaches:
    wanted = response.request.get("stream") is True
    if wanted and not response.is_stream:
        content_type = response.interaction.content_type
        message = f"requested: a stream; the response is {content_type}"
        yield Breach(message, "stream", "true", "false")
    if response.is_stream and not wanted:
        yield Breach("the response is a stream; requested: none", "stream", "false")


def _events_of_type(response: Answer, suffix: str) -> list[tuple[int, ServerSentEvent]]:
    """The events with a type that ends so, each with its index in the stream."""
    return [
        (at, each)
        for at, each in enumerate(response.interaction.events)
        if isinstance(each.data, dict)
        and str(each.data.get("type", "")).endswith(suffix)
    ]


def _partials_at_most_asked(response: Answer) -> Breaches:
    if not response.is_stream:
        return
    limit = response.request.get("partial_images", 0) * response.request.get("n", 1)
    partials = _events_of_type(response, ".partial_image")
    if len(partials) > limit:
        yield Breach(f"{len(partials)} partial images; at most {limit} requested")
    indexes = [each.data.get("partial_image_index") for _, each in partials]
    if response.request.get("n", 1) == 1 and indexes != list(range(len(indexes))):
        yield Breach(f"partial images are numbered {indexes}, not 0, 1, 2 …")
    completed = _events_of_type(response, ".completed")
    if partials and completed and partials[-1][0] > completed[-1][0]:
        yield Breach("a partial image comes after the last completed event")


def _one_completed_event(response: Answer) -> Breaches:
    if not response.is_stream:
        return
    wanted = response.request.get("n", 1)
    completed = _events_of_type(response, ".completed")
    if len(completed) != wanted:
        yield Breach(f"{len(completed)} completed events, not {wanted}")
    last = len(response.interaction.events) - 1
    if completed and completed[-1][0] != last and not _ends_with_done(response):
        yield Breach("there are events after the last completed one")


def _ends_with_done(response: Answer) -> bool:
    """True if the stream ends with `[DONE]`: the check `event` reports that."""
    return bool(response.interaction.events[-1].data == "[DONE]")


def _event_name_is_type(response: Answer) -> Breaches:
    if not response.is_stream:
        return
    for at, event in enumerate(response.interaction.events):
        type_ = event.data.get("type") if isinstance(event.data, dict) else None
        if event.name is not None and type_ is not None and event.name != type_:
            yield Breach(f"event {at} is named {event.name!r}, its type is {type_!r}")


def _retry_after_on_429(response: Answer) -> Breaches:
    if response.interaction.status != 429:
        return
    value = response.interaction.headers.get("retry-after", "")
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) < 1:
        yield Breach(f"Retry-After is {value!r}, not a positive number of seconds")


_STACK_TRACES = (b"Traceback (most recent call last)", b'File "/', b"\n    at ")


def _keeps_secrets(response: Answer) -> Breaches:
    body = response.interaction.body
    if len(response.key) >= 6 and response.key.encode() in body:
        yield Breach("the response contains the API key")
    if any(
        each in body or each.replace(b"\n", b"\\n") in body for each in _STACK_TRACES
    ):
        yield Breach("the response contains a stack trace")


def _request_id(response: Answer) -> Breaches:
    if not response.interaction.headers.get("x-request-id"):
        yield Breach("the header x-request-id is missing")


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
        Guarantee("usage-adds-up", _usage_adds_up, row="answer/usage"),
        Guarantee("created-is-now-in-seconds", _created_is_now, row="answer/created"),
        Guarantee("echoes-agree", _echoes_agree, echoed_fields=ECHOED_FIELDS),
        Guarantee("streams-when-asked", _streams_when_asked, "stream", aspect="body"),
        Guarantee(
            "partials-at-most-asked",
            _partials_at_most_asked,
            "partial_images",
            streams_only=True,
        ),
        Guarantee(
            "one-completed-event",
            _one_completed_event,
            row="events/order",
            streams_only=True,
        ),
        Guarantee(
            "event-name-is-type",
            _event_name_is_type,
            row="events/order",
            streams_only=True,
        ),
        Guarantee(
            "retry-after-on-429",
            _retry_after_on_429,
            row="errors/retry-after",
            errors_only=True,
        ),
        Guarantee("keeps-secrets", _keeps_secrets),
        Guarantee("request-id", _request_id),
    )
}
"""All guarantees by name, in the order of their checks."""

COMPARED_FIELDS: Mapping[str, str] = {
    name: each.field for name, each in GUARANTEES.items() if each.comparison
}
"""The guarantees that compare two responses: the field in which the requests differ."""

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
