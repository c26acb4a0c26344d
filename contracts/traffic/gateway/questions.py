"""One question for each feature that a gateway could lose."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contracts.planning.case import Case, Origin
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values import prompt_of
from contracts.traffic.gateway.question_values import (
    SEPARATELY_TESTED_FIELDS,
    body_label,
    distinguishing_values,
    request_bodies,
    valid_combination,
)
from mockserver.simulation.faults import FAULTS
from specs import Operation, Provider, State

UNICODE_PROMPT = "一只猫 🐈 ñandú\nin two lines"
LONG_PROMPT_LENGTH = 4000
UNLISTED_FIELDS = {"imageparity_unlisted": "kept"}
UNLISTED_FEATURE = "an unlisted member"
EVENT_FEATURES = ("events", "pictures of events", "events as they come")
CUT_STREAM = "cut-stream"
FAULT_SECONDS = 2  # of a fault that takes time: shorter than the timeout of a gateway


class QuestionKind(StrEnum):
    """The part of an exchange that a question compares."""

    ANSWER = "answer"
    UNLISTED_ANSWER = "unlisted answer"
    MEMBER = "member"
    SEVERAL = "several"
    STREAM = "stream"
    ERROR = "error"
    FAULT = "fault"
    CUT_STREAM = "cut stream"


# A gateway may stop using an upstream that failed, so faults come last.
RISK_ORDER = {QuestionKind.ERROR: 1, QuestionKind.FAULT: 2, QuestionKind.CUT_STREAM: 2}


@dataclass(frozen=True)
class Question:
    """
    A request through the gateway, and the feature that it tests.

    `member` is the field to look for, by its name in the caller's dialect; the response
    also shows `more_features`. `marker` is a part of the prompt that no
    other question has. `promised` is whether the caller's
    dialect documents the request. If `untested` gives a reason, no request is sent.
    """

    kind: QuestionKind
    group: str
    feature: str
    case: Case
    operation: Operation
    marker: str = ""
    member: str = ""
    name: str = ""
    more_features: tuple[str, ...] = ()
    promised: bool = True
    untested: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        return (self.feature, *self.more_features)


@dataclass(frozen=True)
class Planner:
    """
    Plans the requests in the dialect of `provider` to a gateway in front of `upstream`.

    `model` is the gateway's own name for the model, if it has one; `run_id`
    makes the prompts of this run unique, so that no cache answers them.
    """

    provider: Provider
    upstream: Provider
    model: str | None
    run_id: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def questions(self) -> list[Question]:
        """All questions in order: the simplest first, faults of the upstream last."""
        found = [
            question
            for operation in self.provider.operations.values()
            if operation.id in self.upstream.operations
            for question in self._operation_questions(operation)
        ]
        return sorted(found, key=lambda each: RISK_ORDER.get(each.kind, 0))

    def _operation_questions(self, operation: Operation) -> Iterator[Question]:
        known = request_models(self.provider)
        bodies = [
            known[operation.id, each.media_type] for each in request_bodies(operation)
        ]
        desk = bodies[0]
        if desk.wire_name("image"):
            yield from self._edit_questions(desk)
            for other in bodies[1:]:
                yield from self._image_questions(other, f" ({body_label(other)})")
            return
        yield self._build_question(QuestionKind.ANSWER, desk, "request", "model", {})
        yield from self._prompt_questions(desk)
        yield from self._field_questions(desk, "request")
        yield self._build_question(
            QuestionKind.MEMBER,
            desk,
            "request",
            UNLISTED_FEATURE,
            UNLISTED_FIELDS,
            member=next(iter(UNLISTED_FIELDS)),
        )
        yield self._build_question(
            QuestionKind.UNLISTED_ANSWER, desk, "answer", UNLISTED_FEATURE, {}
        )
        yield from self._stream_questions(desk)
        yield from self._error_questions(desk)

    def _prompt_questions(self, request_model: RequestModel) -> Iterator[Question]:
        member = request_model.wire_name("prompt") or "prompt"
        long = prompt_of(LONG_PROMPT_LENGTH)
        for feature, text in (("prompt", UNICODE_PROMPT), ("prompt, long", long)):
            yield self._build_question(
                QuestionKind.MEMBER,
                request_model,
                "request",
                feature,
                {member: text},
                member=member,
            )

    def _edit_questions(self, request_model: RequestModel) -> Iterator[Question]:
        yield from self._image_questions(request_model)
        yield from self._field_questions(request_model, "edits")

    def _image_questions(
        self, request_model: RequestModel, label: str = ""
    ) -> Iterator[Question]:
        """One image, several images, and a mask."""
        image = request_model.wire_name("image") or "image"
        yield self._build_question(
            QuestionKind.MEMBER,
            request_model,
            "edits",
            f"{image}{label}",
            {},
            member=image,
        )
        several = [
            each.value
            for each in request_model.values(image)
            if each.label == "two-entries"
        ]
        for value in several[:1]:
            feature = f"{image}, several{label}"
            yield self._build_question(
                QuestionKind.MEMBER,
                request_model,
                "edits",
                feature,
                {image: value},
                member=image,
            )
        mask = request_model.wire_name("mask")
        if mask:
            value = request_model.valid_values(mask)[0]
            yield self._build_question(
                QuestionKind.MEMBER,
                request_model,
                "edits",
                f"{mask}{label}",
                {mask: value},
                member=mask,
            )

    def _field_questions(
        self, request_model: RequestModel, group: str
    ) -> Iterator[Question]:
        for member in request_model.body.properties:
            if request_model.canonical_name(member) in SEPARATELY_TESTED_FIELDS:
                continue
            for value in distinguishing_values(request_model, member):
                yield self._field_question(
                    request_model,
                    group,
                    member,
                    valid_combination(request_model, member, value),
                )

    def _field_question(
        self,
        request_model: RequestModel,
        group: str,
        member: str,
        fields: Mapping[str, Any],
    ) -> Question:
        if request_model.canonical_name(member) != "n":
            return self._build_question(
                QuestionKind.MEMBER, request_model, group, member, fields, member=member
            )
        label = ", edits" if group == "edits" else ""
        more = (f"pictures, {member}={fields[member]}{label}",)
        return self._build_question(
            QuestionKind.SEVERAL,
            request_model,
            group,
            member,
            fields,
            member=member,
            more_features=more,
        )

    def _stream_questions(self, request_model: RequestModel) -> Iterator[Question]:
        stream, partials = (
            request_model.wire_name("stream"),
            request_model.wire_name("partial_images"),
        )
        if not stream or not request_model.operation.supports_streaming:
            return
        asked: dict[str, Any] = {stream: True}
        if partials:
            asked[partials] = 2
        yield self._build_question(
            QuestionKind.STREAM,
            request_model,
            "stream",
            stream,
            asked,
            member=stream,
            name=partials or "",
            more_features=(*filter(None, [partials]), *EVENT_FEATURES),
        )

    def _error_questions(self, request_model: RequestModel) -> Iterator[Question]:
        named = self.upstream.operations[request_model.operation.id].errors
        for name in named:
            yield self._fault_question(
                QuestionKind.ERROR, request_model, "errors", name, {}
            )
        stream = (
            request_model.wire_name("stream")
            if request_model.operation.supports_streaming
            else None
        )
        for name, fault in FAULTS.items():
            if fault.kind != "wire":
                continue
            if name != CUT_STREAM:
                yield self._fault_question(
                    QuestionKind.FAULT, request_model, "faults", name, {}
                )
            elif stream:
                more = {stream: True}
                yield self._fault_question(
                    QuestionKind.CUT_STREAM, request_model, "faults", name, more
                )

    def _fault_question(
        self,
        kind: QuestionKind,
        request_model: RequestModel,
        group: str,
        name: str,
        extra_fields: Mapping[str, Any],
    ) -> Question:
        prompt = request_model.wire_name("prompt") or "prompt"
        soon = "" if kind is QuestionKind.ERROR else f";seconds={FAULT_SECONDS}"
        text = f"{request_model.minimal_request[prompt]} [[mock:{name}{soon}]]"
        asked = {**extra_fields, prompt: text}
        return self._build_question(kind, request_model, group, name, asked, name=name)

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
    ) -> Question:
        marker = f"{self.run_id}-{next(self._numbers):03}"
        payload = {**request_model.minimal_request, **fields}
        verdict = request_model.judge(payload)
        untested = ""
        if verdict.state is State.INVALID:
            untested = f"the dialect forbids it: {verdict.violations[0]}"
        prompt, model = (
            request_model.wire_name("prompt") or "prompt",
            request_model.wire_name("model"),
        )
        sent = {**payload, prompt: f"{payload[prompt]} ({marker})"}
        if model and self.model:
            sent[model] = self.model
        case = Case(
            id=marker,
            operation=request_model.operation.id,
            origin=Origin.GATEWAY,
            expectation=verdict.state,
            media_type=request_model.body.media_type,
            payload=sent,
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
        )
