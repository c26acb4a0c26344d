"""Code that moves from one provider to another: what it may send, and where."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from contracts.media.image.samples import Sample, estimated_bytes
from contracts.planning.case import JSON
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values import Value, format_value
from specs import Basis, Body, Evidence, Operation, Provider, State, Verdict
from specs.clients import Client, ClientOperation

Payload = dict[str, Any]
LARGE_VALUE_BYTES = 100_000  # characters
MAX_TEXT_LENGTH = 40

# What each feature of the command line brings: operations, and members.
FEATURES: Mapping[str, tuple[str, ...]] = {
    "generate": ("createImage",),
    "edit": ("createImageEdit",),
    "mask": ("createImageEdit",),
    "stream": (),
}
FEATURE_BY_FIELD = {"mask": "mask", "stream": "stream", "partial_images": "stream"}


@dataclass(frozen=True)
class Migration:
    """
    Code written for `old` that is to call `new`.

    It calls by way of `client`, or on its own; uses `features`, or all of them; asks
    for `model`, or for any.
    """

    old: Provider
    new: Provider
    client: Client | None = None
    features: frozenset[str] = frozenset()
    model: str | None = None

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of the old provider that the code calls."""
        named = {each for name in self.features for each in FEATURES[name]}
        return tuple(
            each
            for each in self.old.operations.values()
            if (not named or each.id in named)
            and (self.client is None or each.id in self.client.sends)
        )

    def uses(self, member: str) -> bool:
        """Whether the code uses a member, by its canonical name."""
        feature = FEATURE_BY_FIELD.get(member)
        return not self.features or feature is None or feature in self.features

    def client_operation(self, operation: Operation) -> ClientOperation | None:
        return self.client.sends[operation.id] if self.client else None

    def bodies(self, operation: Operation) -> tuple[Body, ...]:
        """The bodies in which the code calls an operation."""
        sending = self.client_operation(operation)
        return tuple(
            each
            for each in operation.bodies.values()
            if sending is None or sending.media_type == each.media_type
        )


@dataclass(frozen=True)
class BodyPair:
    """One body of one operation, at both providers."""

    migration: Migration
    old: RequestModel
    new: RequestModel
    _values: dict[str, list[Value]] = field(default_factory=dict, compare=False)

    @cached_property
    def client_operation(self) -> ClientOperation | None:
        return self.migration.client_operation(self.old.operation)

    @property
    def operation(self) -> str:
        return self.old.operation.id

    def prepare_payload(self, payload: Payload) -> Payload:
        """A payload as it leaves the client."""
        return (
            self.client_operation.prepare_payload(payload)
            if self.client_operation
            else payload
        )

    def uses(self, member: str) -> bool:
        """Whether the code sends a member, by the old provider's name for it."""
        role = self.old.canonical_name(member)
        is_fixed = role == "model" and self.migration.model is not None
        return not is_fixed and self.migration.uses(role)

    def may_send(self, payload: Payload) -> bool:
        """Whether the client sends a request that the old provider takes."""
        return may_send(self.migration, self.old, payload)

    def new_name(self, member: str, payload: Mapping[str, Any]) -> str | None:
        """What the new provider calls a member that it does not know by this name."""
        if member in self.new.body.properties:
            return None
        name = self.new.wire_name(self.old.canonical_name(member))
        return name if name not in payload else None

    def with_new_names(self, payload: Payload) -> Payload:
        """A payload under the new provider's names."""
        return {
            self.new_name(name, payload) or name: value
            for name, value in payload.items()
        }

    def values(self, member: str) -> list[Value]:
        """
        Telling values of a member in either document.

        Null is left out, which means to be absent, and what is too long for a witness.
        """
        if member not in self._values:
            there = self.new.wire_name(self.old.canonical_name(member))
            more = self.new.values(there) if there else []
            found: dict[Hashable, Value] = {}
            for each in (*self.old.values(member), *more):
                if (
                    each.value is not None
                    and estimated_bytes(each.value) < LARGE_VALUE_BYTES
                ):
                    found.setdefault(each.key, each)
            self._values[member] = list(found.values())
        return self._values[member]

    @cached_property
    def minimal_requests(self) -> tuple[Payload, ...]:
        """Plain requests, one a model; those that the new provider takes come first."""
        found = minimal_requests(self.migration, self.old)
        return tuple(sorted(found, key=lambda each: not self.is_accepted(each)))

    def is_accepted(self, payload: Payload) -> bool:
        """Whether the new provider takes a request, once members are renamed."""
        return state(self.new, self.with_new_names(payload)) is State.VALID


def called_request_models(migration: Migration) -> Iterator[RequestModel]:
    """The bodies in which the code calls the old provider."""
    for operation in migration.operations:
        for body in migration.bodies(operation):
            yield request_models(migration.old)[operation.id, body.media_type]


def find_body_pair(migration: Migration, old: RequestModel) -> BodyPair | None:
    """The same body at the new provider; None where it takes no such body."""
    operation = migration.new.operations.get(old.operation.id)
    body = operation.bodies.get(old.body.media_type) if operation else None
    if operation is None or body is None:
        return None
    return BodyPair(
        migration, old, request_models(migration.new)[operation.id, body.media_type]
    )


def minimal_requests(migration: Migration, old: RequestModel) -> list[Payload]:
    """The plainest valid request of the code for each model that it may ask for."""
    sending = migration.client_operation(old.operation)
    found = []
    for _, context in old.by_model:
        sent = sending.prepare_payload(context) if sending else context
        is_asked = migration.model in (None, sent.get("model"))
        if is_asked and may_send(migration, old, sent):
            found.append(sent)
    return found


def may_send(migration: Migration, old: RequestModel, payload: Payload) -> bool:
    """Whether the client sends a request that the old provider takes."""
    if state(old, payload) is not State.VALID:
        return False
    sending = migration.client_operation(old.operation)
    return sending is None or sending.can_send(payload)


def state(request_model: RequestModel, payload: Mapping[str, Any]) -> State:
    return request_model.body.judge.state(with_estimated_file_facts(payload))


def judge(request_model: RequestModel, payload: Mapping[str, Any]) -> Verdict:
    return request_model.body.judge.judge(with_estimated_file_facts(payload))


def with_estimated_file_facts(value: Any) -> Any:
    """
    A payload with each sample as the object of its facts.

    Heavy files are not made: their weight is written into the facts of a light one.
    """
    if isinstance(value, Sample):
        light = replace(value, weight=0).facts
        return {**light, "bytes": max(light["bytes"], value.weight)}
    if isinstance(value, Mapping):
        return {key: with_estimated_file_facts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [with_estimated_file_facts(each) for each in value]
    return value


@dataclass(frozen=True)
class Citation:
    """What a provider's document says of something, and where it was read."""

    text: str
    source: str = ""
    source_title: str = ""
    source_url: str = ""
    basis: str = ""


def cite(provider: Provider, text: str, evidence: Evidence | None = None) -> Citation:
    if evidence is None or not evidence.source:
        return Citation(text)
    source = provider.source(evidence.source)
    return Citation(
        text,
        evidence.source,
        source.title if source else "",
        source.url if source else "",
        str(evidence.basis),
    )


@dataclass(frozen=True)
class Counterexample:
    """
    What shows a finding: a request that the old provider takes, or an answer.

    The request stands as its payload and as a curl line to the new provider.
    """

    operation: str
    media_type: str = JSON
    request: Mapping[str, Any] | None = None
    curl: str = ""
    answer: Any = None


@dataclass(frozen=True)
class BreakingChange:
    """One way in which code breaks that moves; `values` are those that are refused."""

    rule: str
    severity: str
    operation: str
    member: str
    sentence: str
    old: Citation
    new: Citation
    fix: str
    witness: Counterexample | None = None
    values: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ()
    other: str = field(default="", repr=False)
    always: bool = field(default=False, repr=False)

    @property
    def id(self) -> str:
        """What it is and where, such as `REQ-ENUM createImage size`."""
        return " ".join(filter(None, (self.rule, self.operation, self.member)))


def is_documented(evidence: Evidence) -> bool:
    return evidence.basis is Basis.DOCUMENTED


def shorten(value: Any) -> str:
    """A value as a sentence shows it."""
    if isinstance(value, Sample):
        weight = f" of {value.weight} bytes" if value.weight else ""
        return f"{value}{weight}"
    if isinstance(value, list) and len(value) > 1:
        return f"{len(value)} of {shorten(value[0])}"
    if isinstance(value, list):
        return f"[{', '.join(map(shorten, value))}]"
    if isinstance(value, Mapping):
        inner = (f"{name}: {shorten(each)}" for name, each in value.items())
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, str) and len(value) > MAX_TEXT_LENGTH:
        return f'"{value[: MAX_TEXT_LENGTH - 12]}…" ({len(value)} characters)'
    return format_value(value)
