"""Translation of an intent into one provider's request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from contracts.planning.case import FORM, TARGET_KEY, Case
from contracts.planning.probes import basis_of
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values import format_value, minimal_value
from specs import (
    Basis,
    Body,
    Operation,
    Provider,
    State,
    Verdict,
)

FieldValues = tuple[tuple[str, Any], ...]
IMAGE_VARIANTS = {"image": ("another", "two"), "mask": ("a mask",)}


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
        origin="same-questions",
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


def is_invalid_request(intent: Intent, providers: Iterable[Provider]) -> bool:
    """Whether it is wrong, or some document forbids it and none allows it."""
    if intent.always_invalid:
        return True
    spoken = [translate(intent, each) for each in providers]
    states = [each.state for each in spoken if isinstance(each, Translation)]
    return State.INVALID in states and State.VALID not in states


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else format_value(value)
    return text if len(text) <= 40 else f"{text[:24]}… ({len(text)} characters)"
