"""An intent, and its translation into the request of one provider."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contracts.compare.servers.sizes import SIZE_FIELDS, spell
from contracts.media.registry import image_operations
from contracts.planning.case import TARGET_KEY, Case, Origin
from contracts.planning.classification import basis_of
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values.field_values import format_value, minimal_value
from contracts.planning.values.pointers import placed_at
from specs import FORM, Basis, Body, Operation, Provider, State, Verdict

NO_OPERATION = "its document has no such operation"
FieldValues = tuple[tuple[str, Any], ...]
# Values of image fields. Each provider has its own type for an image, so an intent
# holds a name in place of the data.
IMAGE_VARIANTS = {"image": ("another", "two"), "mask": ("a mask",)}


@dataclass(frozen=True)
class Intent:
    """
    A request in canonical names: the minimal request of an operation with changes.

    `fields` are the fields to set, by canonical name; image fields hold a name from
    `IMAGE_VARIANTS`. `absent` are the fields to remove. `raw` replaces the whole body;
    None sends the payload. A `media_type` of None selects the media type that each
    provider prefers. `auth` is as in `Case`.

    `feature` is the feature under test, "" for a combination of fields. The response is
    compared with the response to `reference`, which has another value of the feature
    or none. `always_invalid` marks a request that every server should reject, even
    if no document says so.
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

    def __hash__(self) -> int:
        # Without the values: a list or an object has no hash.
        return hash((self.operation, *dict(self.fields), self.feature, self.label))

    @property
    def id(self) -> str:
        """A stable name, such as `createImage/size=1536x1024`."""
        words = [f"{name}={_shorten(value)}" for name, value in self.fields]
        return "/".join([self.operation, self.label or "&".join(words) or "plain"])

    @property
    def value(self) -> Any:
        """The value of the feature under test; None if the intent does not set it."""
        return dict(self.fields).get(self.feature)

    @property
    def changes(self) -> frozenset[str]:
        """The differences from the minimal request: names of fields, and the label."""
        return frozenset([*dict(self.fields), *filter(None, [self.label])])


@dataclass(frozen=True)
class Translation:
    """
    An intent as the request of one provider.

    `wire_names` maps canonical names of the intent's fields to the provider's own.
    `verdict` says if the provider's document allows the request. `basis` is the kind of
    evidence that a valid request is valid.
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
        """The payload in canonical names, with documented defaults filled in."""
        case = self.case
        return self.provider.canonical_request(
            case.operation, case.media_type, case.payload
        )


class NotTranslatable(str):
    """The reason why a provider has no request for an intent."""

    __slots__ = ()


def translate(
    intent: Intent, provider: Provider, *, unlisted: bool = False
) -> Translation | NotTranslatable:
    """
    Translate an intent into a request of a provider, or return why that is impossible.

    A size, a ratio or a resolution is spelled as the document has it. With `unlisted`,
    a field that the document does not list keeps its canonical name.
    """
    operation = image_operations(provider).get(intent.operation)
    if operation is None:
        return NotTranslatable(NO_OPERATION)
    body = preferred_body(operation, intent.media_type)
    if body is None:
        return NotTranslatable("its document has no request body of this media type")
    model = request_models(provider)[operation.id, body.media_type]
    if model.problem:
        return NotTranslatable("no valid request is known")
    payload = dict(model.minimal_request)
    wire_names: dict[str, str] = {}
    for name, value in intent.fields:
        spelled = spell(model, name, value) if name in SIZE_FIELDS else None
        if spelled is not None:
            payload |= spelled
            wire_names |= {each: each for each in spelled}
            wire_names[name] = next(iter(spelled))
            continue
        wire_name = model.wire_name(name)
        is_nested = wire_name is None and name not in IMAGE_VARIANTS
        places = list(payloads_with(model, payload, name, value)) if is_nested else []
        if places:
            valid = (each for each in places if model.state(each) is State.VALID)
            payload = next(valid, places[0])
            wire_names[name] = _top_field(model, name)
            continue
        if wire_name is None and (name in IMAGE_VARIANTS or not unlisted):
            is_listed = not intent.feature or model.wire_name(intent.feature)
            missing = name if is_listed else "such field"
            return NotTranslatable(f"its document has no {missing}")
        wire_names[name] = wire_name or name
        wire_value = _wire_value(model, wire_names[name], name, value)
        if wire_value is None:
            return NotTranslatable(f"its document allows only one {name}")
        payload[wire_names[name]] = wire_value
    for name in intent.absent:
        payload.pop(model.wire_name(name) or name, None)
    verdict = _verdict(intent, operation, model, payload)
    case = Case(
        id=intent.id,
        operation=operation.id,
        origin=Origin.SAME_QUESTIONS,
        expectation=verdict.state,
        media_type=body.media_type,
        payload=payload,
        auth=intent.auth,
        raw=intent.raw,
    )
    basis = basis_of(model, wire_names.values(), payload)
    return Translation(
        intent, provider, operation, body, case, wire_names, verdict, basis
    )


def payloads_with(
    model: RequestModel, payload: Mapping[str, Any], name: str, value: Any
) -> Iterator[dict[str, Any]]:
    """
    Payloads with a canonical field, its value as it is and as a text.

    Objects around the field are made as needed. None where the body has no such field;
    an operation whose success is always a stream needs no field for that.
    """
    if name == "stream" and value is True and model.operation.only_streams:
        yield dict(payload)
        return
    for form in (value, str(value)):
        changed = model.with_value(payload, name, form)
        if changed is not None:
            yield changed
            continue
        for place in _nested_places(model, name):
            placed = placed_at(dict(payload), place, form)
            if placed != payload:
                yield placed


def _nested_places(model: RequestModel, name: str) -> Sequence[str]:
    nested = model.provider.dialect.places_of(model.operation.id)
    return nested.get(name, ())


def _top_field(model: RequestModel, name: str) -> str:
    """The field of the body that a canonical field is in, or its own name."""
    return next((each.split("/")[1] for each in _nested_places(model, name)), name)


def _verdict(
    intent: Intent,
    operation: Operation,
    request_model: RequestModel,
    payload: Mapping[str, Any],
) -> Verdict:
    has_wrong_key = intent.auth != TARGET_KEY and operation.authentication
    if intent.raw is not None or has_wrong_key:
        return Verdict(State.INVALID)
    return request_model.judge(payload)


def preferred_body(operation: Operation, media_type: str | None) -> Body | None:
    """
    The request body of a media type, or of the preferred one if that is None.

    A form is preferred, because every image edit takes one. Returns None if the
    operation has no such body.
    """
    if media_type is not None:
        return operation.bodies.get(media_type)
    bodies = sorted(operation.bodies.values(), key=lambda each: each.media_type != FORM)
    return next(iter(bodies), None)


def _wire_value(
    request_model: RequestModel, wire_name: str, name: str, value: Any
) -> Any:
    """The value of a canonical field for this body; None if it cannot express it."""
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
    schema = request_model.body.properties[wire_name]
    return minimal_value(schema, name, request_model.samples, variant=3)


def is_invalid_request(intent: Intent, providers: Iterable[Provider]) -> bool:
    """True if it is always invalid, or some document forbids it and none allows it."""
    if intent.always_invalid:
        return True
    translations = [translate(intent, each) for each in providers]
    states = [each.state for each in translations if isinstance(each, Translation)]
    return State.INVALID in states and State.VALID not in states


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else format_value(value)
    return text if len(text) <= 40 else f"{text[:24]}… ({len(text)} characters)"
