"""The evidence of a verdict: what one response shows of a request."""

from typing import TypedDict

from contracts.judging.guarantees import ECHOED_FIELDS, Answer


class Evidence(TypedDict):
    """
    The evidence in one response, by the keys of an outcome in a report.

    `images` is the number of images that were decoded, `not_fetched` the number of
    those that are links and were not fetched. `echoed` are the request fields whose
    values the response repeats.
    """

    images: int
    not_fetched: int
    echoed: tuple[str, ...]


def evidence_in(answer: Answer) -> Evidence:
    """The evidence in a response; none in an error response."""
    if not answer.interaction.is_success:
        return Evidence(images=0, not_fetched=0, echoed=())
    linked = zip(answer.items, answer.results, strict=False)
    return Evidence(
        images=len(answer.pictures),
        not_fetched=sum(
            image is None and bool(item.get("url")) for item, image in linked
        ),
        echoed=tuple(
            name
            for name in ECHOED_FIELDS
            if any(isinstance(body.get(name), str) for body in answer.bodies)
        ),
    )
