"""Requests that are valid at every provider."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.compare.migration.analysis import to_json
from contracts.compare.migration.model import shorten
from contracts.compare.servers.intents import intents
from contracts.compare.servers.translation import (
    Intent,
    NotTranslatable,
    Translation,
    translate,
)
from contracts.media.registry import compared_image_operations, image_operations
from contracts.planning.values.field_values import PROMPT
from specs import Provider, State

FORMAT = "imageparity-common-1"
MAX_RANGE = 200
MINIMAL_VALUES = {"prompt": PROMPT, "image": "an image"}
IMAGE_DESCRIPTIONS = {"another": "another image", "two": "several images"}


@dataclass(frozen=True)
class SharedField:
    """
    A field that every provider accepts, with the values that all of them accept.

    `names` maps a provider to its name for the field. It is empty if all are equal.
    """

    name: str
    values: tuple[Any, ...]
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subset:
    """
    The requests of one operation that are valid at every provider.

    `largest_request` has as many shared fields as possible, by canonical names.
    `deliveries` maps a provider to the form of the images in its response.
    `missing` lists the providers without the operation.
    """

    operation: str
    fields: tuple[SharedField, ...] = ()
    largest_request: Mapping[str, Any] = field(default_factory=dict)
    deliveries: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def subsets(providers: Sequence[Provider]) -> list[Subset]:
    """Find the common subset of each operation that providers may share."""
    all_intents = intents(providers)
    ids = compared_image_operations(providers)
    return [_common_subset(id_, providers, all_intents) for id_ in ids]


def _common_subset(
    operation: str, providers: Sequence[Provider], all_intents: Sequence[Intent]
) -> Subset:
    missing = tuple(
        each.id for each in providers if operation not in image_operations(each)
    )
    if missing:
        return Subset(operation, missing=missing)
    models = dict.fromkeys(each.dialect.model for each in providers)
    candidates = [Intent(operation, (("model", each),), "model") for each in models]
    candidates += [
        each
        for each in all_intents
        if each.operation == operation
        and each.value is not None
        and not each.absent
        and each.raw is None
    ]
    values: dict[str, list[Intent]] = {}
    for intent in candidates:
        if translate_for_all(intent, providers):
            values.setdefault(intent.feature, []).append(intent)
    minimal = translate_for_all(Intent(operation), providers)
    shared = {
        name: SharedField(name, (MINIMAL_VALUES[name],))
        for name in _always_present_fields(minimal)
    }
    for name, found in values.items():
        own = _shared_field(name, found, providers)
        before = shared[name].values if name in shared else ()
        shared[name] = replace(own, values=(*before, *own.values))
    largest = Intent(operation)
    for found in values.values():
        more = dict(found[0].fields)
        larger = Intent(operation, tuple({**dict(largest.fields), **more}.items()))
        if translate_for_all(larger, providers):
            largest = larger
    translations = translate_for_all(largest, providers)
    return Subset(
        operation,
        fields=tuple(shared.values()),
        largest_request=_canonical_payload(translations[0]) if translations else {},
        deliveries={
            each.provider.id: each.provider.dialect.delivery_for(
                each.canonical_payload
            ).give
            for each in translations
        },
    )


def _always_present_fields(translations: Sequence[Translation]) -> Iterator[str]:
    """List the fields of the minimal request in every dialect, without the model."""
    if translations:
        dialects = [_canonical_payload(each) for each in translations]
        for name in dialects[0]:
            if name in MINIMAL_VALUES and all(name in each for each in dialects):
                yield name


def _canonical_payload(translation: Translation) -> dict[str, Any]:
    dialect = translation.provider.dialect
    return dialect.with_canonical_names(
        translation.operation.id, translation.case.payload
    )


def translate_for_all(
    intent: Intent, providers: Sequence[Provider]
) -> list[Translation]:
    """
    Translate an intent for every provider.

    The list is empty if the request is not valid at one of them.
    """
    found = []
    for provider in providers:
        translation = translate(intent, provider)
        if (
            isinstance(translation, NotTranslatable)
            or translation.state is not State.VALID
        ):
            return []
        found.append(translation)
    return found


def _shared_field(
    name: str, field_intents: Sequence[Intent], providers: Sequence[Provider]
) -> SharedField:
    translations = translate_for_all(field_intents[0], providers)
    names = {each.provider.id: each.wire_names.get(name, name) for each in translations}
    differ = len(set(names.values())) > 1
    values = tuple(
        IMAGE_DESCRIPTIONS.get(each.value, each.value) for each in field_intents
    )
    numbers = all(type(each) is int for each in values)
    if numbers and max(values) - min(values) <= MAX_RANGE:
        values = tuple(
            _accepted_integers(field_intents[0], min(values), max(values), providers)
        )
    return SharedField(name, values, names if differ else {})


def _accepted_integers(
    intent: Intent, minimum: int, maximum: int, providers: Sequence[Provider]
) -> Iterator[int]:
    """List the integers within the bounds that every provider accepts."""
    for number in range(minimum, maximum + 1):
        fields = {**dict(intent.fields), intent.feature: number}
        if translate_for_all(replace(intent, fields=tuple(fields.items())), providers):
            yield number


def as_json(
    common_subsets: Sequence[Subset], providers: Sequence[Provider]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "providers": [each.id for each in providers],
        "operations": [
            {
                "operation": each.operation,
                "missing": list(each.missing),
                "members": [
                    {
                        "member": one.name,
                        "values": to_json(one.values),
                        "names": dict(one.names),
                    }
                    for one in each.fields
                ],
                "request": to_json(each.largest_request),
                "pictures": dict(each.deliveries),
            }
            for each in common_subsets
        ],
    }


def _join_values(values: Sequence[Any]) -> str:
    """Values as people read them: whole numbers without a gap as a range."""
    numbers = all(type(each) is int for each in values)
    if (
        numbers
        and len(values) > 2
        and list(values) == [*range(values[0], values[-1] + 1)]
    ):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(shorten(each) for each in values)


def text_lines(subset: Subset) -> Iterator[str]:
    """Format a subset as lines of text."""
    yield subset.operation
    if subset.missing:
        yield f"  has no common subset: {', '.join(subset.missing)} does not have it"
        return
    for shared_field in subset.fields:
        values = _join_values(shared_field.values)
        yield f"  {shared_field.name}: {values}"
        for provider, name in shared_field.names.items():
            if name != shared_field.name:
                yield f"    the name at {provider} is {name}"
    providers_by_delivery: dict[str, list[str]] = {}
    for provider, give in subset.deliveries.items():
        providers_by_delivery.setdefault(give, []).append(provider)
    for give, who in providers_by_delivery.items():
        yield f"  the images come as {give}: {', '.join(who)}"
