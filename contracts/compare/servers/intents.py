"""Questions in canonical words, and how they are put to each provider."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from contracts.planning.case import FORM, JSON, TARGET_KEY, Case, Origin
from contracts.planning.classification import basis_of
from contracts.planning.enumeration.pairwise import pairwise_cases
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values import PROMPT, format_value, minimal_value, prompt_of
from specs import (
    Basis,
    Body,
    Operation,
    Provider,
    State,
    Verdict,
    size_of,
)

FieldValues = tuple[tuple[str, Any], ...]

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
IMAGE_VARIANTS = {"image": ("another", "two"), "mask": ("a mask",)}
TEXT_VALUES = {
    "prompt": (OTHER_PROMPT, UNICODE, prompt_of(LONG_PROMPT_LENGTH)),
    "user": (UNKNOWN_VALUE,),
}
BOUNDARY_LABEL_PREFIXES = ("value-", "at-m", "above-m", "below-m", "two")


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
    fields: FieldValues = ()
    feature: str = ""
    absent: tuple[str, ...] = ()
    media_type: str | None = None
    auth: str | None = TARGET_KEY
    raw: bytes | None = None
    label: str = ""
    always_invalid: bool = False
    reference: "Intent | None" = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """A stable name, such as `createImage/size=1536x1024`."""
        words = [f"{name}={_shorten(value)}" for name, value in self.fields]
        return "/".join([self.operation, self.label or "&".join(words) or "plain"])

    @property
    def value(self) -> Any:
        """What is asked of the feature that it is about; None for its absence."""
        return dict(self.fields).get(self.feature)

    @property
    def changes(self) -> frozenset[str]:
        """All that sets it apart from the plain question."""
        return frozenset([*dict(self.fields), *filter(None, [self.label])])


@dataclass(frozen=True)
class Translation:
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
    wire_names: Mapping[str, str]
    verdict: Verdict
    basis: Basis

    @property
    def state(self) -> State:
        return self.verdict.state

    @cached_property
    def canonical_payload(self) -> dict[str, Any]:
        """The request in canonical names, documented defaults filled in."""
        case = self.case
        return self.provider.canonical_request(
            case.operation, case.media_type, case.payload
        )


class NotTranslatable(str):
    """Why a provider cannot be asked something."""

    __slots__ = ()


def translate(
    intent: Intent, provider: Provider, *, unlisted: bool = False
) -> Translation | NotTranslatable:
    """
    An intent in a provider's words, or why it has none for it.

    With `unlisted`, a member that its document does not list goes by its canonical
    name.
    """
    operation = provider.operations.get(intent.operation)
    if operation is None:
        return NotTranslatable("its document has no such operation")
    body = _preferred_body(operation, intent.media_type)
    if body is None:
        return NotTranslatable("its document takes no such body")
    desk = request_models(provider)[operation.id, body.media_type]
    payload, names = dict(desk.minimal_request), {}
    for name, value in intent.fields:
        own = desk.wire_name(name)
        if own is None and (name in IMAGE_VARIANTS or not unlisted):
            here = desk.wire_name(intent.feature) or not intent.feature
            return NotTranslatable(
                f"its document has no {name if here else 'such member'}"
            )
        names[name] = own or name
        put = _translate_value(desk, names[name], name, value)
        if put is None:
            return NotTranslatable(f"its document knows one {name} only")
        payload[names[name]] = put
    for name in intent.absent:
        payload.pop(desk.wire_name(name) or name, None)
    case = Case(
        id=intent.id,
        operation=operation.id,
        origin=Origin.SAME_QUESTIONS,
        expectation=State.VALID,
        media_type=body.media_type,
        payload=payload,
        auth=intent.auth,
        raw=intent.raw,
    )
    verdict = _verdict(intent, operation, desk, payload)
    return Translation(
        intent,
        provider,
        operation,
        body,
        replace(case, expectation=verdict.state),
        names,
        verdict,
        basis_of(desk, names.values(), payload),
    )


def _verdict(
    intent: Intent,
    operation: Operation,
    request_model: RequestModel,
    payload: Mapping[str, Any],
) -> Verdict:
    if intent.raw is not None or (
        intent.auth != TARGET_KEY and operation.authentication
    ):
        return Verdict(State.INVALID)
    return request_model.judge(payload)


def _preferred_body(operation: Operation, media_type: str | None) -> Body | None:
    """A form first: it is what every edit takes."""
    if media_type is not None:
        return operation.bodies.get(media_type)
    bodies = sorted(operation.bodies.values(), key=lambda each: each.media_type != FORM)
    return next(iter(bodies), None)


def _translate_value(
    request_model: RequestModel, wire_name: str, name: str, value: Any
) -> Any:
    """A canonical value as this body takes it; None where it cannot say it."""
    if name not in IMAGE_VARIANTS:
        return value
    if name == "mask":
        return request_model.valid_values(wire_name)[0]
    if value == "two":
        lists = (
            each
            for each in request_model.values(wire_name)
            if each.label == "two-entries"
        )
        return next((each.value for each in lists), None)
    return minimal_value(request_model.body.properties[wire_name], name, variant=3)


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


def is_invalid_request(intent: Intent, providers: Iterable[Provider]) -> bool:
    """Whether it is wrong, or some document forbids it and none allows it."""
    if intent.always_invalid:
        return True
    spoken = [translate(intent, each) for each in providers]
    states = [each.state for each in spoken if isinstance(each, Translation)]
    return State.INVALID in states and State.VALID not in states


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


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else format_value(value)
    return text if len(text) <= 40 else f"{text[:24]}… ({len(text)} characters)"
