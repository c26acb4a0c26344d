"""The names of the features of a gateway test, and which of them are selected."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from contracts.planning.values.field_values import all_of_parts
from contracts.traffic.gateway.diff import DELIVERY_FIELDS
from contracts.traffic.gateway.question import Question, QuestionKind, counterpart
from specs import JSON, Operation, Provider

PLAIN_FEATURES = ("key", "nothing added", "images")
"""Features of the minimal request besides its model and the fields of the response."""


def known_features(questions: Iterable[Question], upstream: Provider) -> list[str]:
    """The names of all features that the questions may report, without duplicates."""
    names: list[str] = []
    for question in questions:
        names += question.features
        if question.kind is QuestionKind.ANSWER:
            names += PLAIN_FEATURES
            other = counterpart(upstream, question.operation)
            names += _response_features(other) if other is not None else ()
    return list(dict.fromkeys(names))


def _response_features(operation: Operation) -> Iterator[str]:
    """Yield the features for the documented fields of a success response."""
    body = operation.success.bodies.get(JSON)
    for part in all_of_parts(body.schema if body else None):
        properties = part.get("properties", {})
        yield from (name for name in properties if name != "data")
        for data in all_of_parts(properties.get("data")):
            for item in all_of_parts(data.get("items")):
                for name in item.get("properties", {}):
                    if name not in DELIVERY_FIELDS:
                        yield f"data[].{name}"


def select_questions(
    questions: Sequence[Question], parts: Collection[str]
) -> list[Question]:
    """
    The questions on features with one of the parts in their name; all without parts.

    The first question is always selected, and those on models that others need.
    """
    selected = [
        each
        for index, each in enumerate(questions)
        if not index or any(is_selected(name, parts) for name in each.features)
    ]
    markers = {each.marker for each in selected}
    models = {(each.operation.id, each.model) for each in selected if each.model}
    return [
        each
        for each in questions
        if each.marker in markers
        or (
            each.kind is QuestionKind.MODEL
            and (each.operation.id, each.model) in models
        )
    ]


def is_selected(feature: str, parts: Collection[str]) -> bool:
    """True if the name of a feature has one of the parts, or if there are none."""
    return not parts or any(part in feature for part in parts)
