"""The checks of `usage`, the token counts in a response."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.judging.answer import Answer
from contracts.media.description import describe_value
from contracts.media.guarantee import Breach, Breaches

COUNTS = ("input_tokens", "output_tokens", "total_tokens")
OLDER_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
FURTHER_COUNTS = ("tool_tokens", "thought_tokens")
ABSENT, PRESENT = "absent", "present"


def usage_adds_up(response: Answer) -> Breaches:
    for place, usage in _usages(response):
        for problem in _usage_problems(usage):
            yield Breach(f"{place}: {problem}")


def _usages(response: Answer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The token counts in each body, with their place in the response."""
    places = response.layout.usage
    bodies = [(places.name, response.interaction.object or {})]
    if response.is_stream:
        bodies = [
            (f"{places.name} of event {at}", each.data)
            for at, each in enumerate(response.interaction.events)
            if isinstance(each.data, dict)
        ]
    for place, body in bodies:
        usage = places.read(body)
        if usage is not None:
            yield place, usage


def _usage_problems(usage: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*COUNTS, *OLDER_COUNTS)):
        value = usage.get(name)
        if value is not None and not _is_count(value):
            yield f"{name} is {describe_value(value)}, not a count"
            return
    for names in (COUNTS, OLDER_COUNTS):
        input_, output, total = (usage.get(name) for name in names)
        if None in (input_, output, total):
            continue
        given = [usage.get(name) for name in FURTHER_COUNTS]
        more = [each for each in given if each is not None and _is_count(each)]
        if (input_ or 0) + (output or 0) + sum(more) != total:
            one, other, _ = names
            shown = "".join(f" + {each}" for each in more)
            yield (
                f"{one} {input_} + {other} {output}{shown} is not total_tokens {total}"
            )
    for side in ("input", "output"):
        details = usage.get(f"{side}_tokens_details")
        whole = usage.get(f"{side}_tokens")
        if not isinstance(details, dict) or not isinstance(whole, int):
            continue
        text, image = details.get("text_tokens"), details.get("image_tokens")
        if not {"text_tokens", "image_tokens"} & set(details):
            continue  # they are about something else, such as a cache
        if not isinstance(text, int) or not isinstance(image, int):
            yield (
                f"{side}_tokens_details has text_tokens {describe_value(text)} and "
                f"image_tokens {describe_value(image)}, not counts"
            )
        elif min(text, image) < 0 or text + image != whole:
            yield (
                f"{side}_tokens_details: text_tokens {text} + image_tokens {image} is "
                f"not {side}_tokens {whole}"
            )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def usage_present(response: Answer) -> Breaches:
    """Require `usage` in a JSON body; events have it in their schema."""
    body = response.interaction.object
    places = response.layout.usage
    if body is not None and not response.is_stream and not places.is_in(body):
        yield Breach(f"{places.name} is missing; the body is {describe_value(body)}")


def usage_consistent(response: Answer) -> Breaches:
    """Require that the responses of one model have `usage`, or that none has."""
    body = response.interaction.object
    if body is None or response.is_stream:
        return
    now = PRESENT if response.layout.usage.is_in(body) else ABSENT
    key = f"usage {response.operation} {response.request.get('model')}"
    before = response.history.first_value(key, now)
    if before != now:
        yield Breach(
            f"usage is {now}; in an earlier response of the model it is {before}"
        )


def usage_grows_with_n(response: Answer) -> Breaches:
    """Require another number of output tokens for another number of images."""
    count = response.request.get("n", 1)
    usage = response.layout.usage.read(response.interaction.object or {})
    if response.is_stream or usage is None or len(response.items) != count:
        return
    tokens = usage.get("output_tokens")
    if not _is_count(tokens) or isinstance(count, bool) or not tokens:
        return
    key = "usage " + response.request_key(without="n")
    first, before = response.history.by_request_key.setdefault(
        key, (str(count), tokens)
    )
    if first != str(count) and before == tokens:
        message = f"usage.output_tokens is {tokens} for n = {count} and for n = {first}"
        yield Breach(message)
