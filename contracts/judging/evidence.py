"""The evidence of a verdict: what one response shows of a request."""

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from contracts.judging.guarantees.table import ECHOED_FIELDS, Answer

MAX_MODEL_LENGTH = 80  # characters


class Evidence(TypedDict):
    """
    The evidence in one response, by the keys of an outcome in a report.

    `images` is the number of outputs that were decoded, `not_fetched` the number of
    those that are links and were not fetched. `echoed` are the request fields whose
    values the response repeats, `deliveries` the ways in which the images came, with
    the field if it is not the usual one: `url in images[].url`. `model` is the one of
    the request, empty if unknown or long.
    """

    images: int
    not_fetched: int
    echoed: tuple[str, ...]
    deliveries: tuple[str, ...]
    model: str


def evidence_in(answer: Answer) -> Evidence:
    """The evidence in a response; none in an error response."""
    if not answer.interaction.is_success:
        return Evidence(
            images=0, not_fetched=0, echoed=(), deliveries=(), model=_model(answer)
        )
    linked = zip(answer.items, answer.results, strict=False)
    return Evidence(
        images=len(answer.decoded),
        not_fetched=sum(
            image is None and bool(item.get("url")) for item, image in linked
        ),
        echoed=tuple(
            name
            for name in ECHOED_FIELDS
            if any(isinstance(body.get(name), str) for body in answer.bodies)
        ),
        deliveries=tuple(
            sorted(
                {
                    answer.layout.described(each)
                    for item in answer.items
                    for each in deliveries_of(item)
                }
            )
        ),
        model=_model(answer),
    )


def deliveries_of(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ways in which an entry for an image has it."""
    if item.get("b64_json"):
        yield "b64_json"
    url = item.get("url")
    if isinstance(url, str) and url:
        yield "data_uri" if url.startswith("data:") else "url"


def _model(answer: Answer) -> str:
    model = answer.request.get("model")
    if not isinstance(model, str) or len(model) > MAX_MODEL_LENGTH:
        return ""
    return model if model.isprintable() else ""
