"""What may be sent everywhere: requests that every document calls valid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.compare.migration.model import brief
from contracts.compare.servers.intents import Intent, Spoken, Unspoken, intents, speak
from contracts.planning.values import PROMPT
from specs import Provider, State

FORMAT = "imageparity-common-1"
MOST_NUMBERS = 200
PLAIN = {"prompt": PROMPT, "image": "a picture"}
WORDS = {"another": "another picture", "two": "several pictures"}


@dataclass(frozen=True)
class Shared:
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
    members: tuple[Shared, ...] = ()
    fullest: Mapping[str, Any] = field(default_factory=dict)
    comes: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def subsets(providers: Sequence[Provider]) -> list[Subset]:
    """The common subset of each operation that any provider has."""
    asked = intents(providers)
    ids = dict.fromkeys(each for one in providers for each in one.operations)
    return [_subset(id_, providers, asked) for id_ in ids]


def _subset(
    operation: str, providers: Sequence[Provider], asked: Sequence[Intent]
) -> Subset:
    missing = tuple(each.id for each in providers if operation not in each.operations)
    if missing:
        return Subset(operation, missing=missing)
    models = dict.fromkeys(each.dialect.model for each in providers)
    candidates = [Intent(operation, (("model", each),), "model") for each in models]
    candidates += [
        each
        for each in asked
        if each.operation == operation
        and each.value is not None
        and not each.absent
        and each.raw is None
    ]
    values: dict[str, list[Intent]] = {}
    for intent in candidates:
        if spoken_by_all(intent, providers):
            values.setdefault(intent.about, []).append(intent)
    plain = spoken_by_all(Intent(operation), providers)
    shared = {name: Shared(name, (PLAIN[name],)) for name in _always(plain)}
    for name, found in values.items():
        own = _shared(name, found, providers)
        before = shared[name].values if name in shared else ()
        shared[name] = replace(own, values=(*before, *own.values))
    fullest = Intent(operation)
    for found in values.values():
        more = dict(found[0].asked)
        wider = Intent(operation, tuple({**dict(fullest.asked), **more}.items()))
        if spoken_by_all(wider, providers):
            fullest = wider
    spoken = spoken_by_all(fullest, providers)
    return Subset(
        operation,
        members=tuple(shared.values()),
        fullest=_canonical(spoken[0]) if spoken else {},
        comes={
            each.provider.id: each.provider.dialect.gives(each.asked)["give"]
            for each in spoken
        },
    )


def _always(plain: Sequence[Spoken]) -> Iterator[str]:
    """What the plainest request has in every dialect, beside its model."""
    if plain:
        dialects = [_canonical(each) for each in plain]
        for name in dialects[0]:
            if name in PLAIN and all(name in each for each in dialects):
                yield name


def _canonical(spoken: Spoken) -> dict[str, Any]:
    dialect = spoken.provider.dialect
    return dialect.canonical(spoken.operation.id, spoken.case.payload)


def spoken_by_all(intent: Intent, providers: Sequence[Provider]) -> list[Spoken]:
    """An intent in every dialect; none where some document does not call it valid."""
    found = []
    for provider in providers:
        spoken = speak(intent, provider)
        if isinstance(spoken, Unspoken) or spoken.state is not State.VALID:
            return []
        found.append(spoken)
    return found


def _shared(
    name: str, found: Sequence[Intent], providers: Sequence[Provider]
) -> Shared:
    spoken = spoken_by_all(found[0], providers)
    names = {each.provider.id: each.names.get(name, name) for each in spoken}
    differ = len(set(names.values())) > 1
    values = tuple(WORDS.get(each.value, each.value) for each in found)
    numbers = all(type(each) is int for each in values)
    if numbers and max(values) - min(values) <= MOST_NUMBERS:
        values = tuple(_between(found[0], min(values), max(values), providers))
    return Shared(name, values, names if differ else {})


def _between(
    intent: Intent, least: int, most: int, providers: Sequence[Provider]
) -> Iterator[int]:
    """The whole numbers within bounds that everyone takes."""
    for number in range(least, most + 1):
        asked = {**dict(intent.asked), intent.about: number}
        if spoken_by_all(replace(intent, asked=tuple(asked.items())), providers):
            yield number


def as_json(found: Sequence[Subset], providers: Sequence[Provider]) -> dict[str, Any]:
    from contracts.compare.migration.analysis import plain

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
                        "values": plain(one.values),
                        "names": dict(one.names),
                    }
                    for one in each.members
                ],
                "request": plain(each.fullest),
                "pictures": dict(each.comes),
            }
            for each in found
        ],
    }


def _listed(values: Sequence[Any]) -> str:
    """Values as people read them: whole numbers without a gap as a range."""
    numbers = all(type(each) is int for each in values)
    if (
        numbers
        and len(values) > 2
        and list(values) == [*range(values[0], values[-1] + 1)]
    ):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(brief(each) for each in values)


def lines(subset: Subset) -> Iterator[str]:
    """A subset as people read it."""
    yield subset.operation
    if subset.missing:
        yield f"  has no common subset: {', '.join(subset.missing)} lacks it"
        return
    for each in subset.members:
        values = _listed(each.values)
        yield f"  {each.member}: {values}"
        for provider, name in each.names.items():
            if name != each.member:
                yield f"    called {name} at {provider}"
    ways: dict[str, list[str]] = {}
    for provider, give in subset.comes.items():
        ways.setdefault(give, []).append(provider)
    for give, who in ways.items():
        yield f"  pictures come as {give}: {', '.join(who)}"
