"""A migration of code from one provider to another, and its requests."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from contracts.media.files import Sample, estimated_bytes
from contracts.media.registry import (
    DEFAULT_MEDIUM,
    MEDIA,
    image_operations,
    medium_of,
    task_creations,
    usual_image_operations,
)
from contracts.planning.request_model import (
    RequestModel,
    request_models,
    testable_models,
)
from contracts.planning.values.field_values import Value, format_value
from specs import JSON, Basis, Body, Evidence, Operation, Provider, State, Verdict
from specs.clients import Client, ClientOperation

Payload = dict[str, Any]
LARGE_VALUE_BYTES = 100_000
MAX_TEXT_LENGTH = 40

GENERATION = "createImage"
# The operations that each feature of the command line uses.
FEATURES: Mapping[str, tuple[str, ...]] = {
    "generate": (GENERATION,),
    "edit": ("createImageEdit",),
    "mask": ("createImageEdit",),
    "stream": (),
    "task": (),
    "video": (),
}
# The medium of the tasks that a feature uses.
TASK_FEATURES: Mapping[str, str] = {"task": DEFAULT_MEDIUM, "video": "video"}
IMAGE = MEDIA[DEFAULT_MEDIUM]
FEATURE_BY_FIELD = {"mask": "mask", "stream": "stream", "partial_images": "stream"}


@dataclass(frozen=True)
class Migration:
    """
    A move of code from the provider `old` to the provider `new`.

    `client` is the client library of the code, if any. The code uses `features`; none
    are all features for images, or for videos if the old provider has no images. The
    code uses only `model`, or any model if it is None.
    """

    old: Provider
    new: Provider
    client: Client | None = None
    features: frozenset[str] = frozenset()
    model: str | None = None

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of the old provider that the code calls."""
        found = (*self._image_operations(), *self._task_creations())
        return tuple(
            each
            for each in found
            if self.client is None or each.id in self.client.sends
        )

    def _image_operations(self) -> list[Operation]:
        named = {each for name in self.features for each in FEATURES[name]}
        if self._is_about_tasks:
            # Code that will poll, and so far gets its images at once.
            polls_already = task_creations(self.old, IMAGE)
            has_tasks = "task" in self.features and task_creations(self.new, IMAGE)
            named = {GENERATION} if has_tasks and not polls_already else {""}
        return [
            each
            for each in usual_image_operations(self.old).values()
            if not named or each.id in named
        ]

    def _task_creations(self) -> list[Operation]:
        names = self.features & set(TASK_FEATURES)
        if not self.features:
            has_images = image_operations(self.old) or task_creations(self.old, IMAGE)
            names = frozenset({"task" if has_images else "video"})
        media = [MEDIA[TASK_FEATURES[each]] for each in sorted(names)]
        return [each for medium in media for each in task_creations(self.old, medium)]

    @property
    def _is_about_tasks(self) -> bool:
        """True if the code uses no image that is in the response to its request."""
        return bool(self.features) and self.features <= set(TASK_FEATURES)

    @cached_property
    def new_operations(self) -> Mapping[str, Operation]:
        """The operations of the new provider for the code, by id at the old one."""
        found = {each.id: self._counterpart(each) for each in self.operations}
        return {id_: each for id_, each in found.items() if each is not None}

    def _counterpart(self, operation: Operation) -> Operation | None:
        """
        The operation that replaces one of the old provider.

        A task is replaced by the task that is most like it, else by an operation whose
        response has the image. The reverse holds too.
        """
        images, tasks = image_operations(self.new), _tasks_like(operation, self.new)
        if operation.task is None:
            same = images.get(operation.id)
            is_replaced = same is None or self._is_about_tasks
            if is_replaced and operation.id == GENERATION and tasks:
                return tasks[0]
            return same
        is_image = operation.medium == DEFAULT_MEDIUM
        return tasks[0] if tasks else images.get(GENERATION) if is_image else None

    def uses(self, field_name: str) -> bool:
        """Check if the code uses a field, by its canonical name."""
        feature = FEATURE_BY_FIELD.get(field_name)
        return not self.features or feature is None or feature in self.features

    def client_operation(self, operation: Operation) -> ClientOperation | None:
        return self.client.sends[operation.id] if self.client else None

    def bodies(self, operation: Operation) -> tuple[Body, ...]:
        """List the request bodies that the code sends to an operation."""
        client_operation = self.client_operation(operation)
        return tuple(
            each
            for each in operation.bodies.values()
            if client_operation is None
            or client_operation.media_type == each.media_type
        )


def _tasks_like(operation: Operation, provider: Provider) -> list[Operation]:
    """The creations of tasks of the same medium, the most similar requests first."""
    names = {name for body in operation.bodies.values() for name in body.properties}

    def shared_fields(other: Operation) -> int:
        return max(len(names & set(each.properties)) for each in other.bodies.values())

    found = task_creations(provider, medium_of(operation))
    return sorted(found, key=shared_fields, reverse=True)


@dataclass(frozen=True)
class BodyPair:
    """One request body of one operation, at both providers."""

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
        """Change a payload as the client does before it sends it."""
        return (
            self.client_operation.prepare_payload(payload)
            if self.client_operation
            else payload
        )

    def uses(self, field_name: str) -> bool:
        """Check if the code sends a field, by its name at the old provider."""
        role = self.old.canonical_name(field_name)
        is_fixed = role == "model" and self.migration.model is not None
        return not is_fixed and self.migration.uses(role)

    def may_send(self, payload: Payload) -> bool:
        """Check if the old provider accepts a request and the client can send it."""
        return may_send(self.migration, self.old, payload)

    def new_name(self, field_name: str, payload: Mapping[str, Any]) -> str | None:
        """Find the new name of a field; None if the name stays or is in use."""
        if field_name in self.new.body.properties:
            return None
        name = self.new.wire_name(self.old.canonical_name(field_name))
        return name if name not in payload else None

    def with_new_names(self, payload: Payload) -> Payload:
        """Rename the fields of a payload for the new provider."""
        return {
            self.new_name(name, payload) or name: value
            for name, value in payload.items()
        }

    def values(self, field_name: str) -> list[Value]:
        """
        List the boundary values of a field in both documents.

        Null is left out, because it means an absent field. Values that are too long
        for a counterexample are left out too.
        """
        if field_name not in self._values:
            there = self.new.wire_name(self.old.canonical_name(field_name))
            more = self.new.values(there) if there else []
            found: dict[Hashable, Value] = {}
            for candidate in (*self.old.values(field_name), *more):
                if (
                    candidate.value is not None
                    and estimated_bytes(candidate.value) < LARGE_VALUE_BYTES
                ):
                    found.setdefault(candidate.key, candidate)
            self._values[field_name] = list(found.values())
        return self._values[field_name]

    @cached_property
    def minimal_requests(self) -> tuple[Payload, ...]:
        """One minimal request for each model; those that both accept come first."""
        found = minimal_requests(self.migration, self.old)
        return tuple(sorted(found, key=lambda each: not self.is_accepted(each)))

    def is_accepted(self, payload: Payload) -> bool:
        """Check if the new provider accepts a request with renamed fields."""
        return state(self.new, self.with_new_names(payload)) is State.VALID


def called_request_models(migration: Migration) -> Iterator[RequestModel]:
    """List the request bodies that the code sends to the old provider."""
    for operation in migration.operations:
        for body in migration.bodies(operation):
            key = (operation.id, body.media_type)
            if key in testable_models(migration.old):
                yield request_models(migration.old)[key]


def find_body_pair(migration: Migration, old: RequestModel) -> BodyPair | None:
    """Pair a request body with that of the new provider; None if it has none."""
    operation = migration.new_operations.get(old.operation.id)
    body = operation.bodies.get(old.body.media_type) if operation else None
    if operation is None or body is None:
        return None
    return BodyPair(
        migration, old, request_models(migration.new)[operation.id, body.media_type]
    )


def minimal_requests(migration: Migration, old: RequestModel) -> list[Payload]:
    """List the minimal valid request of the code for each of its models."""
    client_operation = migration.client_operation(old.operation)
    found = []
    for _, context in old.by_model:
        sent = (
            client_operation.prepare_payload(context) if client_operation else context
        )
        is_used = migration.model in (None, sent.get("model"))
        if is_used and may_send(migration, old, sent):
            found.append(sent)
    return found


def may_send(migration: Migration, old: RequestModel, payload: Payload) -> bool:
    """Check if the old provider accepts a request and the client can send it."""
    if state(old, payload) is not State.VALID:
        return False
    client_operation = migration.client_operation(old.operation)
    return client_operation is None or client_operation.can_send(payload)


def state(request_model: RequestModel, payload: Mapping[str, Any]) -> State:
    return request_model.body.judge.state(with_estimated_file_facts(payload))


def judge(request_model: RequestModel, payload: Mapping[str, Any]) -> Verdict:
    return request_model.body.judge.judge(with_estimated_file_facts(payload))


def with_estimated_file_facts(value: Any) -> Any:
    """
    Replace each sample in a payload by the facts of its file.

    No large file is made. The facts of a small file get the size of the large one.
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
    """A statement of a provider's document, with its source."""

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
    The proof of a finding: a request to the old provider, or a response of the new.

    A request has a payload, and a curl command that sends it to the new provider.
    `answer` is the response.
    """

    operation: str
    media_type: str = JSON
    request: Mapping[str, Any] | None = None
    curl: str = ""
    answer: Any = None


@dataclass(frozen=True)
class BreakingChange:
    """
    One way in which code breaks; `values` are the rejected values.

    `member` is the name of the field, and `witness` is the counterexample.
    """

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
        """The rule, the operation and the field: `REQ-ENUM createImage size`."""
        return " ".join(filter(None, (self.rule, self.operation, self.member)))


def is_documented(evidence: Evidence) -> bool:
    return evidence.basis is Basis.DOCUMENTED


def shorten(value: Any) -> str:
    """Format a value for a sentence, with long values cut."""
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
