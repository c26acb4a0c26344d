"""Questions in canonical words, and how they are put to each provider."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from contracts.compare.servers.translation import (
    IMAGE_VARIANTS,
    FieldValues,
    Intent,
    Translation,
    _preferred_body,
    is_invalid_request,
    translate,
)
from contracts.planning.case import JSON
from contracts.planning.pairwise import pairwise_cases
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values import PROMPT, prompt_of
from specs import (
    Provider,
    size_of,
)

OTHER_PROMPT = "A blue ball on green grass"
UNICODE = "一只猫 🐈 ñandú\nin two lines"
LONG_PROMPT_LENGTH = 4000
UNKNOWN_VALUE = "imageparity"
BASIC_CREDENTIALS = "Basic aW1hZ2U6cGFyaXR5"
BROKEN_JSON = b'{"prompt": "A red'
# What a field needs beside it to mean anything.
COMPANION_FIELDS: Mapping[str, FieldValues] = {
    "output_compression": (("output_format", "jpeg"),),
    "partial_images": (("stream", True),),
}
TEXT_VALUES = {
    "prompt": (OTHER_PROMPT, UNICODE, prompt_of(LONG_PROMPT_LENGTH)),
    "user": (UNKNOWN_VALUE,),
}
BOUNDARY_LABEL_PREFIXES = ("value-", "at-m", "above-m", "below-m", "two")


def intents(providers: Sequence[Provider]) -> list[Intent]:
    """
    What to ask, from the union of the documents, the plain question first.

    A feature's values stand in order, the simplest first.
    """
    ids = dict.fromkeys(each for one in providers for each in one.operations)
    found = (each for id_ in ids for each in _operation_intents(id_, providers))
    return list(dict.fromkeys(found))


def _operation_intents(
    operation: str, providers: Sequence[Provider]
) -> Iterator[Intent]:
    desks = list(_request_models(operation, providers))
    plain = Intent(operation, feature="request")
    yield plain
    roles = [
        desk.canonical_name(each) for desk in desks for each in desk.body.properties
    ]
    for name in dict.fromkeys(roles):
        if name != "model":
            made = [
                Intent(operation, (*COMPANION_FIELDS.get(name, ()), (name, each)), name)
                for each in _values(desks, name)
            ]
            usual = [each for each in made if not is_invalid_request(each, providers)]
            for each in made:
                yield replace(each, reference=_farthest_value(each, usual) or plain)
    medias = [each for desk in desks for each in desk.operation.bodies]
    for media_type in dict.fromkeys(medias):
        if any(desk.body.media_type != media_type for desk in desks):
            label = "as JSON" if media_type == JSON else f"as {media_type}"
            yield Intent(operation, (), label, media_type=media_type, label=label)
    yield from _invalid_intents(operation, desks)


def _request_models(
    operation: str, providers: Iterable[Provider]
) -> Iterator[RequestModel]:
    """The bodies in which the providers are asked."""
    for provider in dict.fromkeys(providers):
        described = provider.operations.get(operation)
        body = _preferred_body(described, None) if described else None
        if body is not None:
            yield request_models(provider)[operation, body.media_type]


def _farthest_value(intent: Intent, usual: Sequence[Intent]) -> Intent | None:
    """The value that shows most beside this one: `low` beside `high`, 0 beside 100."""
    if intent.feature in IMAGE_VARIANTS or intent.feature in TEXT_VALUES:
        return None
    named = [each for each in usual if each.value != "auto"]
    at = named.index(intent) if intent in named else 0
    others = [each for each in named if each != intent]
    return max(others, key=lambda each: abs(named.index(each) - at), default=None)


def _values(models: Sequence[RequestModel], name: str) -> list[Any]:
    """Telling values of a member in any of the documents, the simplest first."""
    if name in IMAGE_VARIANTS or name in TEXT_VALUES:
        return list(IMAGE_VARIANTS.get(name) or TEXT_VALUES[name])
    found: dict[str, Any] = {}
    is_listed = name == "size"
    for desk in models:
        for member in desk.body.properties:
            if desk.canonical_name(member) == name:
                schemas = desk.schemas(member)
                is_listed = is_listed or any("enum" in each for each in schemas)
                for each in desk.values(member):
                    if (
                        each.label.startswith(BOUNDARY_LABEL_PREFIXES)
                        and each.value is not None
                    ):
                        found.setdefault(repr(each.value), each.value)
    values = [each for each in found.values() if each not in (PROMPT, UNKNOWN_VALUE)]
    if name == "stream":
        values = [True]
    if values and all(isinstance(each, int) for each in values):
        values.sort()
    if name == "size":
        values.sort(key=_pixels)
    return [*values, UNKNOWN_VALUE] if is_listed else values or [True]


def _pixels(size: Any) -> float:
    numbers = size_of(size)
    return numbers[0] * numbers[1] if numbers else 0


def _invalid_intents(
    operation: str, models: Sequence[RequestModel]
) -> Iterator[Intent]:
    """Requests that are wrong as a whole."""
    for each in _invalid_variants(operation, models):
        yield replace(each, always_invalid=True)


def _invalid_variants(
    operation: str, models: Sequence[RequestModel]
) -> Iterator[Intent]:
    takes_picture = any(desk.wire_name("image") for desk in models)
    for name in ("prompt", *(["image"] if takes_picture else [])):
        label = f"no {name}"
        yield Intent(operation, feature=label, absent=(name,), label=label)
    yield Intent(operation, (("prompt", ""),), "empty prompt", label="empty prompt")
    yield Intent(operation, (("model", UNKNOWN_VALUE),), "unknown model")
    if any(JSON in desk.operation.bodies for desk in models):
        label = "broken JSON"
        yield Intent(
            operation, feature=label, media_type=JSON, raw=BROKEN_JSON, label=label
        )
    yield Intent(operation, feature="no key", auth=None, label="no key")
    yield Intent(
        operation,
        feature="another scheme",
        auth=BASIC_CREDENTIALS,
        label="another scheme",
    )


def combination_intents(providers: Sequence[Provider], seed: int) -> list[Intent]:
    """Questions in which every two values of a document stand together that may."""
    found: dict[Intent, None] = {}
    for provider in dict.fromkeys(providers):
        for operation in provider.operations.values():
            body = _preferred_body(operation, None)
            if body is None:
                continue
            desk = request_models(provider)[operation.id, body.media_type]
            for case in pairwise_cases(desk, seed):
                asked = provider.dialect.with_canonical_names(
                    operation.id, case.payload
                )
                base = provider.dialect.with_canonical_names(
                    operation.id, desk.minimal_request
                )
                more = {name: each for name, each in asked.items() if name not in base}
                intent = Intent(operation.id, tuple(sorted(more.items())))
                if (
                    sum(
                        isinstance(translate(intent, each), Translation)
                        for each in providers
                    )
                    > 1
                ):
                    found[intent] = None
    return list(found)


def shrink_intent(intent: Intent, known_intents: Sequence[Intent]) -> Iterator[Intent]:
    """The same with a member less, or with a simpler value of one; simplest first."""
    for name, _ in intent.fields:
        yield _with_changes(intent, {name: None})
    for name, value in intent.fields:
        for each in _simpler_values(name, value, intent.operation, known_intents):
            yield _with_changes(intent, {name: each})


def _simpler_values(
    name: str, value: Any, operation: str, known_intents: Sequence[Intent]
) -> Iterator[Any]:
    for each in known_intents:
        if each.operation == operation and each.feature == name:
            if each.value == value:
                return
            yield each.value


def _with_changes(intent: Intent, changes: Mapping[str, Any]) -> Intent:
    asked = {**dict(intent.fields), **changes}
    kept = tuple((name, each) for name, each in asked.items() if each is not None)
    return replace(intent, fields=kept, feature="")
