"""What may be sent everywhere: requests that every document calls valid."""

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
from contracts.planning.values import PROMPT
from specs import Provider, State

FORMAT = "imageparity-common-1"
MAX_RANGE = 200
MINIMAL_VALUES = {"prompt": PROMPT, "image": "a picture"}
IMAGE_DESCRIPTIONS = {"another": "another picture", "two": "several pictures"}


@dataclass(frozen=True)
class SharedField:
    """
    A member that every provider takes, and the values that all of them take.

    `names` are its names by provider, where they differ.
    """

    member: str
    values: tuple[Any, ...]
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subset:
    """
    What may be asked of every provider by one operation.

    `fullest` is a request with every shared member, in canonical names; `comes` says
    by provider how its pictures come then. `missing` are those without the operation.
    """

    operation: str
    members: tuple[SharedField, ...] = ()
    largest_request: Mapping[str, Any] = field(default_factory=dict)
    deliveries: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def subsets(providers: Sequence[Provider]) -> list[Subset]:
    """The common subset of each operation that any provider has."""
    asked = intents(providers)
    ids = dict.fromkeys(each for one in providers for each in one.operations)
    return [_common_subset(id_, providers, asked) for id_ in ids]


def _common_subset(
    operation: str, providers: Sequence[Provider], all_intents: Sequence[Intent]
) -> Subset:
    missing = tuple(each.id for each in providers if operation not in each.operations)
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
    plain = translate_for_all(Intent(operation), providers)
    shared = {
        name: SharedField(name, (MINIMAL_VALUES[name],))
        for name in _always_present_fields(plain)
    }
    for name, found in values.items():
        own = _shared_field(name, found, providers)
        before = shared[name].values if name in shared else ()
        shared[name] = replace(own, values=(*before, *own.values))
    fullest = Intent(operation)
    for found in values.values():
        more = dict(found[0].fields)
        wider = Intent(operation, tuple({**dict(fullest.fields), **more}.items()))
        if translate_for_all(wider, providers):
            fullest = wider
    spoken = translate_for_all(fullest, providers)
    return Subset(
        operation,
        members=tuple(shared.values()),
        largest_request=_canonical_payload(spoken[0]) if spoken else {},
        deliveries={
            each.provider.id: each.provider.dialect.delivery_for(
                each.canonical_payload
            )["give"]
            for each in spoken
        },
    )


def _always_present_fields(translations: Sequence[Translation]) -> Iterator[str]:
    """What the plainest request has in every dialect, beside its model."""
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
    """An intent in every dialect; none where some document does not call it valid."""
    found = []
    for provider in providers:
        spoken = translate(intent, provider)
        if isinstance(spoken, NotTranslatable) or spoken.state is not State.VALID:
            return []
        found.append(spoken)
    return found


def _shared_field(
    name: str, field_intents: Sequence[Intent], providers: Sequence[Provider]
) -> SharedField:
    spoken = translate_for_all(field_intents[0], providers)
    names = {each.provider.id: each.wire_names.get(name, name) for each in spoken}
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
    """The whole numbers within bounds that everyone takes."""
    for number in range(minimum, maximum + 1):
        asked = {**dict(intent.fields), intent.feature: number}
        if translate_for_all(replace(intent, fields=tuple(asked.items())), providers):
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
                        "member": one.member,
                        "values": to_json(one.values),
                        "names": dict(one.names),
                    }
                    for one in each.members
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
    """A subset as people read it."""
    yield subset.operation
    if subset.missing:
        yield f"  has no common subset: {', '.join(subset.missing)} lacks it"
        return
    for each in subset.members:
        values = _join_values(each.values)
        yield f"  {each.member}: {values}"
        for provider, name in each.names.items():
            if name != each.member:
                yield f"    called {name} at {provider}"
    ways: dict[str, list[str]] = {}
    for provider, give in subset.deliveries.items():
        ways.setdefault(give, []).append(provider)
    for give, who in ways.items():
        yield f"  pictures come as {give}: {', '.join(who)}"
