"""Questions in canonical words, and how they are put to each provider."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from contracts.planning.case import AUTHORISED, FORM, JSON, Case
from contracts.planning.pairwise import pairs
from contracts.planning.probes import standing
from contracts.planning.request_model import Desk, desks_of
from contracts.planning.values import PROMPT, prompt_of, shown, simplest
from specs import (
    Basis,
    Body,
    Operation,
    Provider,
    State,
    Verdict,
    effective,
    size_of,
)

Asked = tuple[tuple[str, Any], ...]

OTHER_PROMPT = "A blue ball on green grass"
UNICODE = "一只猫 🐈 ñandú\nin two lines"
LONG = 4000
UNKNOWN = "imageparity"
BASIC = "Basic aW1hZ2U6cGFyaXR5"
NO_JSON = b'{"prompt": "A red'
# What a field needs beside it to mean anything.
BESIDE: Mapping[str, Asked] = {
    "output_compression": (("output_format", "jpeg"),),
    "partial_images": (("stream", True),),
}
PICTURES = {"image": ("another", "two"), "mask": ("a mask",)}
TEXTS = {"prompt": (OTHER_PROMPT, UNICODE, prompt_of(LONG)), "user": (UNKNOWN,)}
TELLING = ("value-", "at-m", "above-m", "below-m", "two")


@dataclass(frozen=True)
class Intent:
    """
    One question in canonical words: the plain request, and what is changed in it.

    `asked` are members with their values; pictures are words of `PICTURES`. `absent`
    are members left out, `raw` is a body that no payload stands for. `about` is the
    feature it tells of: its answer is held against those to `against`, the same
    question with another value of the feature, or without it. Without a `media_type`,
    each provider is asked in the one that all its callers use. What is `wrong` should
    be refused whether or not a document says so.
    """

    operation: str
    asked: Asked = ()
    about: str = ""
    absent: tuple[str, ...] = ()
    media_type: str | None = None
    auth: str | None = AUTHORISED
    raw: bytes | None = None
    label: str = ""
    wrong: bool = False
    against: "Intent | None" = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """A stable name, such as `createImage/size=1536x1024`."""
        words = [f"{name}={_brief(value)}" for name, value in self.asked]
        return "/".join([self.operation, self.label or "&".join(words) or "plain"])

    @property
    def value(self) -> Any:
        """What is asked of the feature that it is about; None for its absence."""
        return dict(self.asked).get(self.about)

    @property
    def names(self) -> frozenset[str]:
        """All that sets it apart from the plain question."""
        return frozenset([*dict(self.asked), *filter(None, [self.label])])


@dataclass(frozen=True)
class Spoken:
    """
    An intent in one provider's words.

    `names` are its members' names there by their canonical ones; `verdict` is what the
    document says of it, `basis` who says so where it is valid.
    """

    intent: Intent
    provider: Provider
    operation: Operation
    body: Body
    case: Case
    names: Mapping[str, str]
    verdict: Verdict
    basis: Basis

    @property
    def state(self) -> State:
        return self.verdict.state

    @cached_property
    def asked(self) -> dict[str, Any]:
        """The request in canonical names, documented defaults filled in."""
        dialect = self.provider.dialect
        return effective(dialect, self.operation, self.body, self.case.payload)


class Unspoken(str):
    """Why a provider cannot be asked something."""

    __slots__ = ()


def speak(
    intent: Intent, provider: Provider, *, unlisted: bool = False
) -> Spoken | Unspoken:
    """
    An intent in a provider's words, or why it has none for it.

    With `unlisted`, a member that its document does not list goes by its canonical
    name.
    """
    operation = provider.operations.get(intent.operation)
    if operation is None:
        return Unspoken("its document has no such operation")
    body = _body(operation, intent.media_type)
    if body is None:
        return Unspoken("its document takes no such body")
    desk = desks_of(provider)[operation.id, body.media_type]
    payload, names = dict(desk.base), {}
    for name, value in intent.asked:
        own = desk.named(name)
        if own is None and (name in PICTURES or not unlisted):
            here = desk.named(intent.about) or not intent.about
            return Unspoken(f"its document has no {name if here else 'such member'}")
        names[name] = own or name
        put = _in_words(desk, names[name], name, value)
        if put is None:
            return Unspoken(f"its document knows one {name} only")
        payload[names[name]] = put
    for name in intent.absent:
        payload.pop(desk.named(name) or name, None)
    case = Case(
        id=intent.id,
        operation=operation.id,
        origin="same-questions",
        expectation=State.VALID,
        media_type=body.media_type,
        payload=payload,
        auth=intent.auth,
        raw=intent.raw,
    )
    verdict = _verdict(intent, operation, desk, payload)
    return Spoken(
        intent,
        provider,
        operation,
        body,
        replace(case, expectation=verdict.state),
        names,
        verdict,
        standing(desk, names.values(), payload),
    )


def _verdict(
    intent: Intent, operation: Operation, desk: Desk, payload: Mapping[str, Any]
) -> Verdict:
    if intent.raw is not None or (
        intent.auth != AUTHORISED and operation.authenticated
    ):
        return Verdict(State.INVALID)
    return desk.judge(payload)


def _body(operation: Operation, media_type: str | None) -> Body | None:
    """A form first: it is what every edit takes."""
    if media_type is not None:
        return operation.bodies.get(media_type)
    bodies = sorted(operation.bodies.values(), key=lambda each: each.media_type != FORM)
    return next(iter(bodies), None)


def _in_words(desk: Desk, own: str, name: str, value: Any) -> Any:
    """A canonical value as this body takes it; None where it cannot say it."""
    if name not in PICTURES:
        return value
    if name == "mask":
        return desk.good(own)[0]
    if value == "two":
        lists = (each for each in desk.values(own) if each.label == "two-entries")
        return next((each.value for each in lists), None)
    return simplest(desk.body.properties[own], name, variant=3)


def intents(providers: Sequence[Provider]) -> list[Intent]:
    """
    What to ask, from the union of the documents, the plain question first.

    A feature's values stand in order, the simplest first.
    """
    ids = dict.fromkeys(each for one in providers for each in one.operations)
    found = (each for id_ in ids for each in _about(id_, providers))
    return list(dict.fromkeys(found))


def _about(operation: str, providers: Sequence[Provider]) -> Iterator[Intent]:
    desks = list(_desks(operation, providers))
    plain = Intent(operation, about="request")
    yield plain
    roles = [desk.role(each) for desk in desks for each in desk.body.properties]
    for name in dict.fromkeys(roles):
        if name != "model":
            made = [
                Intent(operation, (*BESIDE.get(name, ()), (name, each)), name)
                for each in _values(desks, name)
            ]
            usual = [each for each in made if not is_fault(each, providers)]
            for each in made:
                yield replace(each, against=_farthest(each, usual) or plain)
    medias = [each for desk in desks for each in desk.operation.bodies]
    for media_type in dict.fromkeys(medias):
        if any(desk.body.media_type != media_type for desk in desks):
            label = "as JSON" if media_type == JSON else f"as {media_type}"
            yield Intent(operation, (), label, media_type=media_type, label=label)
    yield from _faults(operation, desks)


def _desks(operation: str, providers: Iterable[Provider]) -> Iterator[Desk]:
    """The bodies in which the providers are asked."""
    for provider in dict.fromkeys(providers):
        described = provider.operations.get(operation)
        body = _body(described, None) if described else None
        if body is not None:
            yield desks_of(provider)[operation, body.media_type]


def _farthest(intent: Intent, usual: Sequence[Intent]) -> Intent | None:
    """The value that shows most beside this one: `low` beside `high`, 0 beside 100."""
    if intent.about in PICTURES or intent.about in TEXTS:
        return None
    named = [each for each in usual if each.value != "auto"]
    at = named.index(intent) if intent in named else 0
    others = [each for each in named if each != intent]
    return max(others, key=lambda each: abs(named.index(each) - at), default=None)


def _values(desks: Sequence[Desk], name: str) -> list[Any]:
    """Telling values of a member in any of the documents, the simplest first."""
    if name in PICTURES or name in TEXTS:
        return list(PICTURES.get(name) or TEXTS[name])
    found: dict[str, Any] = {}
    is_listed = name == "size"
    for desk in desks:
        for member in desk.body.properties:
            if desk.role(member) == name:
                schemas = desk.schemas(member)
                is_listed = is_listed or any("enum" in each for each in schemas)
                for each in desk.values(member):
                    if each.label.startswith(TELLING) and each.value is not None:
                        found.setdefault(repr(each.value), each.value)
    values = [each for each in found.values() if each not in (PROMPT, UNKNOWN)]
    if name == "stream":
        values = [True]
    if values and all(isinstance(each, int) for each in values):
        values.sort()
    if name == "size":
        values.sort(key=_pixels)
    return [*values, UNKNOWN] if is_listed else values or [True]


def _pixels(size: Any) -> float:
    numbers = size_of(size)
    return numbers[0] * numbers[1] if numbers else 0


def _faults(operation: str, desks: Sequence[Desk]) -> Iterator[Intent]:
    """Requests that are wrong as a whole."""
    for each in _wrong(operation, desks):
        yield replace(each, wrong=True)


def _wrong(operation: str, desks: Sequence[Desk]) -> Iterator[Intent]:
    takes_picture = any(desk.named("image") for desk in desks)
    for name in ("prompt", *(["image"] if takes_picture else [])):
        label = f"no {name}"
        yield Intent(operation, about=label, absent=(name,), label=label)
    yield Intent(operation, (("prompt", ""),), "empty prompt", label="empty prompt")
    yield Intent(operation, (("model", UNKNOWN),), "unknown model")
    if any(JSON in desk.operation.bodies for desk in desks):
        label = "broken JSON"
        yield Intent(operation, about=label, media_type=JSON, raw=NO_JSON, label=label)
    yield Intent(operation, about="no key", auth=None, label="no key")
    yield Intent(operation, about="another scheme", auth=BASIC, label="another scheme")


def is_fault(intent: Intent, providers: Iterable[Provider]) -> bool:
    """Whether it is wrong, or some document forbids it and none allows it."""
    if intent.wrong:
        return True
    spoken = [speak(intent, each) for each in providers]
    states = [each.state for each in spoken if isinstance(each, Spoken)]
    return State.INVALID in states and State.VALID not in states


def combined(providers: Sequence[Provider], seed: int) -> list[Intent]:
    """Questions in which every two values of a document stand together that may."""
    found: dict[Intent, None] = {}
    for provider in dict.fromkeys(providers):
        for operation in provider.operations.values():
            body = _body(operation, None)
            if body is None:
                continue
            desk = desks_of(provider)[operation.id, body.media_type]
            for case in pairs(desk, seed):
                asked = provider.dialect.canonical(operation.id, case.payload)
                base = provider.dialect.canonical(operation.id, desk.base)
                more = {name: each for name, each in asked.items() if name not in base}
                intent = Intent(operation.id, tuple(sorted(more.items())))
                if (
                    sum(isinstance(speak(intent, each), Spoken) for each in providers)
                    > 1
                ):
                    found[intent] = None
    return list(found)


def smaller(intent: Intent, known: Sequence[Intent]) -> Iterator[Intent]:
    """The same with a member less, or with a simpler value of one; simplest first."""
    for name, _ in intent.asked:
        yield _changed(intent, {name: None})
    for name, value in intent.asked:
        for each in _simpler(name, value, intent.operation, known):
            yield _changed(intent, {name: each})


def _simpler(
    name: str, value: Any, operation: str, known: Sequence[Intent]
) -> Iterator[Any]:
    for each in known:
        if each.operation == operation and each.about == name:
            if each.value == value:
                return
            yield each.value


def _changed(intent: Intent, changes: Mapping[str, Any]) -> Intent:
    asked = {**dict(intent.asked), **changes}
    kept = tuple((name, each) for name, each in asked.items() if each is not None)
    return replace(intent, asked=kept, about="")


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else shown(value)
    return text if len(text) <= 40 else f"{text[:24]}… ({len(text)} characters)"
