"""The intents to send to all servers, from the union of their documents."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from contracts.compare.servers.sizes import (
    EDGES,
    SIZE,
    SIZE_FIELDS,
    canonical_size,
)
from contracts.compare.servers.translation import (
    IMAGE_VARIANTS,
    FieldValues,
    Intent,
    Translation,
    is_invalid_request,
    preferred_body,
    translate,
)
from contracts.media.registry import compared_image_operations, image_operations
from contracts.planning.enumeration.pairwise import pairwise_cases
from contracts.planning.request_model import RequestModel, testable_models
from contracts.planning.values.field_values import PROMPT, prompt_of
from specs import JSON, Provider, size_of

OTHER_PROMPT = "A blue ball on green grass"
UNICODE = "一只猫 🐈 ñandú\nin two lines"
LONG_PROMPT_LENGTH = 4000  # characters
UNKNOWN_VALUE = "imageparity"
USUAL_SIZES = ("1024x1024", "1536x1024", "1024x1536")  # that most providers have
BASIC_CREDENTIALS = "Basic aW1hZ2U6cGFyaXR5"
BROKEN_JSON = b'{"prompt": "A red'
# Fields that must be set together with a field, else it has no effect.
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
    All intents of one feature each, every operation's minimal request first.

    The values of a feature are in order, the simplest first.
    """
    ids = compared_image_operations(providers)
    found = (each for id_ in ids for each in _operation_intents(id_, providers))
    return list(dict.fromkeys(found))


def _operation_intents(
    operation: str, providers: Sequence[Provider]
) -> Iterator[Intent]:
    models = list(_request_models(operation, providers))
    plain = Intent(operation, feature="request")
    yield plain
    names = [
        model.canonical_name(wire_name)
        for model in models
        for wire_name in model.body.properties
    ]
    if {*SIZE_FIELDS, *EDGES} & set(names):
        names.insert(0, SIZE)  # also where no field has this name
    for name in dict.fromkeys(names):
        if name != "model":
            yield from _field_intents(plain, name, models, providers)
    yield from _media_type_intents(operation, models)
    for intent in _invalid_intents(operation, models):
        yield replace(intent, always_invalid=True)


def _field_intents(
    plain: Intent,
    name: str,
    models: Sequence[RequestModel],
    providers: Sequence[Provider],
) -> Iterator[Intent]:
    """One intent per value of a field."""
    companions = COMPANION_FIELDS.get(name, ())
    made = [
        Intent(plain.operation, (*companions, (name, value)), name)
        for value in _values(models, name)
    ]
    valid = [each for each in made if not is_invalid_request(each, providers)]
    for intent in made:
        yield replace(intent, reference=_farthest_intent(intent, valid) or plain)


def _media_type_intents(
    operation: str, models: Sequence[RequestModel]
) -> Iterator[Intent]:
    """The minimal request in each media type that not all servers prefer."""
    media_types = [each for model in models for each in model.operation.bodies]
    for media_type in dict.fromkeys(media_types):
        if any(model.body.media_type != media_type for model in models):
            label = "as JSON" if media_type == JSON else f"as {media_type}"
            yield Intent(operation, (), label, media_type=media_type, label=label)


def _request_models(
    operation: str, providers: Iterable[Provider]
) -> Iterator[RequestModel]:
    """The preferred request body of each provider that has the operation."""
    for provider in dict.fromkeys(providers):
        described = image_operations(provider).get(operation)
        body = preferred_body(described, None) if described else None
        key = (operation, body.media_type if body else "")
        if key in testable_models(provider):
            yield testable_models(provider)[key]


def _farthest_intent(intent: Intent, candidates: Sequence[Intent]) -> Intent | None:
    """
    The intent with the most different value: `low` for `high`, 0 for 100.

    Returns None for images and free text, and if there is no other value.
    """
    if intent.feature in IMAGE_VARIANTS or intent.feature in TEXT_VALUES:
        return None
    ordered = [each for each in candidates if each.value != "auto"]
    at = ordered.index(intent) if intent in ordered else 0
    others = [each for each in ordered if each != intent]
    return max(others, key=lambda each: abs(ordered.index(each) - at), default=None)


def _values(models: Sequence[RequestModel], name: str) -> list[Any]:
    """The values of a field at the limits of any document, the simplest first."""
    if name in IMAGE_VARIANTS or name in TEXT_VALUES:
        return list(IMAGE_VARIANTS.get(name) or TEXT_VALUES[name])
    found: dict[str, Any] = {}
    is_listed = name == "size"
    for model in models:
        for wire_name in model.body.properties:
            if model.canonical_name(wire_name) == name:
                schemas = model.schemas(wire_name)
                is_listed = is_listed or any("enum" in each for each in schemas)
                for value in _boundary_values(model, wire_name):
                    found.setdefault(repr(value), value)
    values = [each for each in found.values() if each not in (PROMPT, UNKNOWN_VALUE)]
    if name in SIZE_FIELDS:
        usual = USUAL_SIZES if name == SIZE else ()
        values = list(dict.fromkeys(map(canonical_size, (*usual, *values))))
    if name == "stream":
        values = [True]
    if values and all(isinstance(each, int) for each in values):
        values.sort()
    if name == "size":
        values.sort(key=_pixel_count)
    return [*values, UNKNOWN_VALUE] if is_listed else values or [True]


def _boundary_values(model: RequestModel, wire_name: str) -> Iterator[Any]:
    for value in model.values(wire_name):
        is_boundary = value.label.startswith(BOUNDARY_LABEL_PREFIXES)
        if is_boundary and value.value is not None:
            yield value.value


def _pixel_count(size: Any) -> float:
    """The number of pixels of a text such as `1024x640`; 0 for any other value."""
    numbers = size_of(size)
    return numbers[0] * numbers[1] if numbers else 0


def _invalid_intents(
    operation: str, models: Sequence[RequestModel]
) -> Iterator[Intent]:
    """Requests that are invalid whatever the values of optional fields are."""
    takes_image = any(model.wire_name("image") for model in models)
    for name in ("prompt", *(["image"] if takes_image else [])):
        label = f"no {name}"
        yield Intent(operation, feature=label, absent=(name,), label=label)
    yield Intent(operation, (("prompt", ""),), "empty prompt", label="empty prompt")
    yield Intent(operation, (("model", UNKNOWN_VALUE),), "unknown model")
    if any(JSON in model.operation.bodies for model in models):
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
    """
    Intents that contain every valid pair of values of two fields of a document.

    Only intents that at least two providers have a request for.
    """
    found: dict[Intent, None] = {}
    for provider in dict.fromkeys(providers):
        for operation in image_operations(provider).values():
            for model in _request_models(operation.id, [provider]):
                for case in pairwise_cases(model, seed):
                    intent = _intent_for_payload(model, case.payload)
                    if _is_comparable(intent, providers):
                        found[intent] = None
    return list(found)


def _intent_for_payload(model: RequestModel, payload: Mapping[str, Any]) -> Intent:
    dialect, operation = model.provider.dialect, model.operation.id
    fields = dialect.with_canonical_names(operation, payload)
    minimal = dialect.with_canonical_names(operation, model.minimal_request)
    added = {name: value for name, value in fields.items() if name not in minimal}
    return Intent(operation, tuple(sorted(added.items())))


def _is_comparable(intent: Intent, providers: Iterable[Provider]) -> bool:
    translations = (translate(intent, each) for each in providers)
    return sum(isinstance(each, Translation) for each in translations) > 1


def shrink_intent(intent: Intent, known_intents: Sequence[Intent]) -> Iterator[Intent]:
    """
    Smaller intents, the smallest first: one field removed, or one value simplified.

    The simpler values of a field are those that come first in `known_intents`.
    """
    for name, _ in intent.fields:
        yield _with_changes(intent, {name: None})
    for name, value in intent.fields:
        for simpler in _simpler_values(name, value, intent.operation, known_intents):
            yield _with_changes(intent, {name: simpler})


def _simpler_values(
    name: str, value: Any, operation: str, known_intents: Sequence[Intent]
) -> Iterator[Any]:
    for intent in known_intents:
        if intent.operation == operation and intent.feature == name:
            if intent.value == value:
                return
            yield intent.value


def _with_changes(intent: Intent, changes: Mapping[str, Any]) -> Intent:
    """The intent with other values of fields; a value of None removes the field."""
    fields = {**dict(intent.fields), **changes}
    kept = tuple((name, value) for name, value in fields.items() if value is not None)
    return replace(intent, fields=kept, feature="")
