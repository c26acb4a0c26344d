"""The questions of a gateway test: one request for each feature."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.media.registry import (
    MEDIA,
    image_operations,
    task_creations,
    usual_image_operations,
)
from contracts.planning.case import Case, Follow, Origin
from contracts.planning.request_model import RequestModel, testable_models
from contracts.planning.tasks.plan import asynchronous_request
from contracts.planning.values.field_values import prompt_of
from contracts.traffic.gateway.question import (
    CANCELLATION,
    EVENT_FEATURES,
    RISK_ORDER,
    UNLISTED_FIELDS,
    Question,
    QuestionKind,
    counterpart,
    task_ends,
)
from contracts.traffic.gateway.question_values import (
    SEPARATELY_TESTED_FIELDS,
    FieldRequest,
    body_label,
    field_requests,
    nested_field_requests,
    prompt_text,
    request_bodies,
    with_prompt,
)
from mockserver.simulation.faults import FAULTS
from specs import Operation, Provider, Role, State

UNICODE_PROMPT = "一只猫 🐈 ñandú\nin two lines"
LONG_PROMPT_LENGTH = 4000
UNLISTED_FEATURE = "an unlisted field"
CUT_STREAM = "cut-stream"
FAULT_SECONDS = 2  # duration of slow faults, shorter than the timeout of a gateway


@dataclass(frozen=True)
class Planner:
    """
    Plans the requests to a gateway that offers `provider` and calls `upstream`.

    `models` has the gateway's own names by documented model; only these models are
    then tested. `operations` are the tested ones, all if it is empty. `called` is the
    operation of the upstream that the gateway calls, "" if that is not known. `run_id`
    makes the prompts of a run unique, so that no response is from a cache.
    """

    provider: Provider
    upstream: Provider
    models: Mapping[str, str]
    run_id: str
    operations: Sequence[str] = ()
    called: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def questions(self) -> list[Question]:
        """All questions: the minimal request first, errors and faults last."""
        questions = [
            question
            for operation in self._operations()
            if counterpart(self.upstream, operation) is not None
            for question in self._operation_questions(operation)
        ]
        return sorted(questions, key=lambda each: RISK_ORDER.get(each.kind, 0))

    def _operations(self) -> list[Operation]:
        """The selected operations, by default those of the images API, or tasks."""
        images = list(image_operations(self.provider).values())
        usual = list(usual_image_operations(self.provider).values())
        tasks = [
            each
            for medium in MEDIA.values()
            for each in task_creations(self.provider, medium)
        ]
        if self.operations:
            return [each for each in (*images, *tasks) if each.id in self.operations]
        return usual or tasks

    @property
    def _base_model(self) -> str:
        """The documented model of plain requests: the default one, if it is tested."""
        default = self.provider.dialect.model
        return default if self._has_model(default) else next(iter(self.models))

    def _has_model(self, model: str) -> bool:
        """True if a documented model is tested."""
        return bool(model) and (not self.models or model in self.models)

    def _plain_request(self, request_model: RequestModel) -> dict[str, Any] | None:
        """The minimal request with the base model; None if there is no valid one."""
        name = request_model.wire_name("model")
        if request_model.operation.task is not None:
            found = asynchronous_request(request_model)
            if found is None:
                return None
            model = {name: self._base_model} if name and self.models else {}
            return {**found, **model}
        if name is None or not self.models:
            return request_model.minimal_request
        known = (each for _, each in request_model.by_model)
        return next((e for e in known if e.get(name) == self._base_model), None)

    def _operation_questions(self, operation: Operation) -> Iterator[Question]:
        known = testable_models(self.provider)
        bodies = [
            known[operation.id, each.media_type]
            for each in request_bodies(operation)
            if (operation.id, each.media_type) in known
        ]
        bodies = [
            each for each in bodies if prompt_text(each, self._plain_request(each))
        ]
        if not bodies:
            return
        first, *others = bodies
        if first.wire_name("image") and operation.task is None:
            yield from self._image_questions(first)
            yield from self._field_questions(first, "edits")
            for other in others:
                yield from self._image_questions(other, f" ({body_label(other)})")
            return
        yield self._build_question(QuestionKind.ANSWER, first, "request", "model", {})
        yield from self._prompt_questions(first)
        yield from self._field_questions(first, "request")
        (unlisted,) = UNLISTED_FIELDS
        yield self._member_question(
            first, "request", UNLISTED_FEATURE, UNLISTED_FIELDS, unlisted
        )
        yield self._build_question(
            QuestionKind.UNLISTED_ANSWER, first, "answer", UNLISTED_FEATURE, {}
        )
        yield from self._stream_questions(first)
        yield from self._error_questions(first)
        yield from self._task_questions(first)

    def _task_questions(self, request_model: RequestModel) -> Iterator[Question]:
        """Tasks without a result, and a cancellation, where an end may have tasks."""
        operation = request_model.operation
        for phase, feature in task_ends(self.upstream, operation):
            plain = self._plain_request(request_model) or {}
            text = f"{prompt_text(request_model, plain)} [[mock:task={phase}]]"
            fields = with_prompt(request_model, plain, text)
            yield self._build_question(
                QuestionKind.TASK_END, request_model, "tasks", feature, fields
            )
        role = operation.task
        kind = role.kind if role is not None else ""
        cancels = [
            each
            for each in self.provider.operations_on(kind, Role.CANCEL)
            if each.task is not None and each.task.cancels
        ]
        if cancels:
            question = self._build_question(
                QuestionKind.CANCEL, request_model, "tasks", CANCELLATION, {}
            )
            yield replace(question, case=replace(question.case, follow=Follow.CANCEL))

    def _prompt_questions(self, request_model: RequestModel) -> Iterator[Question]:
        member = request_model.wire_name("prompt")
        if member is None:
            return  # it is inside another field, whose values are tested
        long = prompt_of(LONG_PROMPT_LENGTH)
        for feature, text in (("prompt", UNICODE_PROMPT), ("prompt, long", long)):
            yield self._member_question(
                request_model, "request", feature, {member: text}, member
            )

    def _image_questions(
        self, request_model: RequestModel, label: str = ""
    ) -> Iterator[Question]:
        """One image, several images, and a mask."""
        image = request_model.wire_name("image") or "image"
        yield self._member_question(
            request_model, "edits", f"{image}{label}", {}, image
        )
        several = [
            each.value
            for each in request_model.values(image)
            if each.label == "two-entries"
        ]
        for value in several[:1]:
            feature = f"{image}, several{label}"
            yield self._member_question(
                request_model, "edits", feature, {image: value}, image
            )
        mask = request_model.wire_name("mask")
        if mask:
            value = request_model.valid_values(mask)[0]
            yield self._member_question(
                request_model, "edits", f"{mask}{label}", {mask: value}, mask
            )

    def _field_questions(
        self, request_model: RequestModel, group: str
    ) -> Iterator[Question]:
        """A question for each value, after one for each other model that is needed."""
        requests = [
            (member, each)
            for member in request_model.body.properties
            if request_model.canonical_name(member) not in SEPARATELY_TESTED_FIELDS
            for each in field_requests(
                request_model,
                member,
                self._plain_request(request_model) or {},
                self.models,
            )
        ]
        requests += nested_field_requests(
            request_model, self._plain_request(request_model) or {}
        )
        models = dict.fromkeys(
            each.model for _, each in requests if self._has_model(each.model)
        )
        yield from self._model_questions(request_model, group, models)
        for member, request in requests:
            yield self._field_question(request_model, group, member, request)

    def _model_questions(
        self, request_model: RequestModel, group: str, models: Iterable[str]
    ) -> Iterator[Question]:
        """
        A plain request for each model.

        A gateway need not offer all of them, but those that it has a name for.
        """
        name = request_model.wire_name("model") or "model"
        plain = {each.get(name): each for _, each in request_model.by_model}
        for model in models:
            question = self._build_question(
                QuestionKind.MODEL,
                request_model,
                group,
                f"{name} {model}",
                plain[model],
                member=name,
                model=model,
            )
            yield replace(question, promised=model in self.models)

    def _field_question(
        self,
        request_model: RequestModel,
        group: str,
        member: str,
        request: FieldRequest,
    ) -> Question:
        kind = QuestionKind.MEMBER
        more_features: tuple[str, ...] = ()
        if request_model.canonical_name(member) == "n":
            label = ", edits" if group == "edits" else ""
            kind = QuestionKind.SEVERAL
            count = request.fields.get(member, request.value)
            more_features = (f"images, {member}={count}{label}",)
        return self._build_question(
            kind,
            request_model,
            group,
            member,
            request.fields,
            member=member,
            more_features=more_features,
            model=request.model,
        )

    def _stream_questions(self, request_model: RequestModel) -> Iterator[Question]:
        stream = request_model.wire_name("stream")
        partials = request_model.wire_name("partial_images")
        if not stream or not request_model.operation.supports_streaming:
            return
        fields: dict[str, Any] = {stream: True}
        if partials:
            fields[partials] = 2
        yield self._build_question(
            QuestionKind.STREAM,
            request_model,
            "stream",
            stream,
            fields,
            member=stream,
            name=partials or "",
            more_features=(*filter(None, [partials]), *EVENT_FEATURES),
        )

    def _error_questions(self, request_model: RequestModel) -> Iterator[Question]:
        upstream = self.upstream.operations.get(self.called)
        upstream = upstream or counterpart(self.upstream, request_model.operation)
        for name in upstream.errors if upstream is not None else ():
            yield self._fault_question(
                QuestionKind.ERROR, request_model, "errors", name, {}
            )
        stream = None
        if request_model.operation.supports_streaming:
            stream = request_model.wire_name("stream")
        for name, fault in FAULTS.items():
            if fault.kind != "wire":
                continue
            if name != CUT_STREAM:
                yield self._fault_question(
                    QuestionKind.FAULT, request_model, "faults", name, {}
                )
            elif stream:
                fields = {stream: True}
                yield self._fault_question(
                    QuestionKind.CUT_STREAM, request_model, "faults", name, fields
                )

    def _fault_question(
        self,
        kind: QuestionKind,
        request_model: RequestModel,
        group: str,
        name: str,
        extra_fields: Mapping[str, Any],
    ) -> Question:
        """A request with a prompt that triggers an error or a fault of the mock."""
        option = "" if kind is QuestionKind.ERROR else f";seconds={FAULT_SECONDS}"
        plain = self._plain_request(request_model) or {}
        text = f"{prompt_text(request_model, plain)} [[mock:{name}{option}]]"
        fields = {**with_prompt(request_model, plain, text), **extra_fields}
        return self._build_question(kind, request_model, group, name, fields, name=name)

    def _member_question(
        self,
        request_model: RequestModel,
        group: str,
        feature: str,
        fields: Mapping[str, Any],
        member: str,
    ) -> Question:
        return self._build_question(
            QuestionKind.MEMBER, request_model, group, feature, fields, member=member
        )

    def _build_question(
        self,
        kind: QuestionKind,
        request_model: RequestModel,
        group: str,
        feature: str,
        fields: Mapping[str, Any],
        *,
        member: str = "",
        name: str = "",
        more_features: tuple[str, ...] = (),
        model: str = "",
    ) -> Question:
        marker = f"{self.run_id}-{next(self._numbers):03}"
        payload = {**(self._plain_request(request_model) or {}), **fields}
        verdict = request_model.judge(payload)
        untested = ""
        if verdict.state is State.INVALID:
            untested = f"the document does not allow it: {verdict.violations[0]}"
        elif model and not self._has_model(model):
            untested = f"it needs {model}: name it with --model {model}=NAME"
        model_field = request_model.wire_name("model")
        text = f"{prompt_text(request_model, payload)} ({marker})"
        sent = with_prompt(request_model, payload, text)
        stands_for = str(payload.get(model_field or "")) if self.models else ""
        if model_field and stands_for in self.models:
            sent[model_field] = self.models[stands_for]
        case = Case(
            id=marker,
            operation=request_model.operation.id,
            origin=Origin.GATEWAY,
            expectation=verdict.state,
            media_type=request_model.body.media_type,
            payload=sent,
            follow=Follow.TO_THE_END if request_model.operation.task else None,
        )
        return Question(
            kind=kind,
            group=group,
            feature=feature,
            case=case,
            operation=request_model.operation,
            marker=marker,
            member=member,
            name=name,
            more_features=more_features,
            promised=verdict.state is not State.UNSPECIFIED,
            untested=untested,
            model=model,
            stands_for=stands_for,
        )
