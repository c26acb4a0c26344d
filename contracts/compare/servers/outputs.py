"""
Ask each server for an output, however long it takes: by a response, or by a task.

One question has a medium and canonical fields. Each operation of a server that makes
such an output from a text gets it, in its own dialect.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from contracts.compare.servers.input_images import (
    BROKEN,
    GOOD,
    INPUT_IMAGE,
    with_input_image,
)
from contracts.compare.servers.model import OutputRow
from contracts.compare.servers.output_rows import (
    OutputQuestion,
    conversation_row,
    response_row,
    untested_row,
    with_evidence,
)
from contracts.compare.servers.session import Skipped, TargetSession
from contracts.compare.servers.translation import (
    Intent,
    NotTranslatable,
    Translation,
    payloads_with,
    preferred_body,
)
from contracts.judging.findings import redact
from contracts.judging.outcome import FeatureVerdict
from contracts.media.base import Medium
from contracts.media.files import Sample
from contracts.media.registry import (
    MEDIA,
    image_operations,
    medium_of,
    task_creations,
)
from contracts.planning.case import Case, Follow, Origin
from contracts.planning.classification import basis_of
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.tasks.plan import asynchronous_request
from contracts.planning.values.field_values import PROMPT
from specs import JSON, Operation, Provider, State

FIELDS: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "image": (
        ("size", "1536x1024"),
        ("aspect_ratio", "16:9"),
        ("n", 2),
        ("output_format", "jpeg"),
        ("stream", True),
        (INPUT_IMAGE, "PNG 64x64"),
    ),
    "video": (("duration", 8), ("aspect_ratio", "9:16")),
}
"""The fields of which each is requested once, with a value that many documents have."""


def output_operations(provider: Provider, medium: Medium) -> list[Operation]:
    """The operations that make an output of a medium from a text alone."""
    responses = (
        each
        for each in image_operations(provider).values()
        if medium_of(each) is medium
    )
    found = [*responses, *task_creations(provider, medium)]
    return [each for each in found if _takes_text_alone(provider, each)]


def _takes_text_alone(provider: Provider, operation: Operation) -> bool:
    model = _request_model(provider, operation)
    payload = _base_payload(model) if model else None
    if model is None or payload is None:
        return False
    dialect = provider.dialect
    fields = dialect.with_canonical_names(operation.id, payload)
    return "prompt" in fields and not model.samples.file_fields & set(fields)


def _request_model(provider: Provider, operation: Operation) -> RequestModel | None:
    """The request body as JSON, else as each provider prefers it."""
    body = operation.bodies.get(JSON) or preferred_body(operation, None)
    return request_models(provider)[operation.id, body.media_type] if body else None


def _base_payload(model: RequestModel) -> Mapping[str, Any] | None:
    """The request that the fields of a question are added to; None without one."""
    if model.operation.task is not None:
        return asynchronous_request(model)
    return None if model.problem else model.minimal_request


def output_questions(
    providers: Sequence[Provider], only: Sequence[str], operations: Sequence[str]
) -> list[OutputQuestion]:
    """
    The questions to all servers: about images, if one of them has any.

    About videos if one of them has no images, or if `only` or `operations` name them.
    `only` has parts of ids, empty for all.
    """
    found = []
    for medium in MEDIA.values():
        ids = [{o.id for o in output_operations(each, medium)} for each in providers]
        named = any(set(operations) & each for each in ids)
        is_named = named or any(medium.name in part for part in only)
        if medium.name == "image":
            is_compared = any(ids) and (named or not operations)
        else:
            has_images = [image_operations(each) for each in providers]
            is_compared = any(ids) and (is_named or not (all(has_images) or operations))
        if is_compared:
            found.append(OutputQuestion(medium))
            found += [OutputQuestion(medium, each) for each in FIELDS[medium.name]]
    return [each for each in found if not only or any(p in each.id for p in only)]


def translate_output(
    question: OutputQuestion,
    provider: Provider,
    operation: Operation,
    sample: Sample = GOOD,
) -> Translation | NotTranslatable:
    """
    The request of an operation for an output, or why there is none.

    `sample` is the input image, if the question has one.
    """
    model = _request_model(provider, operation)
    base = _base_payload(model) if model else None
    if model is None or base is None:
        return NotTranslatable("no valid request is known")
    payload = model.with_value(base, "prompt", PROMPT) or dict(base)
    name = ""
    if question.field is not None:
        name, value = question.field
        noun = "input image" if question.has_input else name
        candidates = list(
            with_input_image(model, payload, PROMPT, sample)
            if question.has_input
            else payloads_with(model, payload, name, value)
        )
        if not candidates:
            return NotTranslatable(f"its document has no {noun}")
        # Data that is no image is never valid, and sent where an image would be.
        valid = (
            each
            for each in candidates
            if sample is BROKEN or model.state(each) is State.VALID
        )
        found = next(valid, None)
        if found is None:
            return NotTranslatable(f"its document allows no {noun} {value}")
        payload = found
    wire_name = model.wire_name(name) if name else None
    case = Case(
        id=f"{operation.id}/{question.id}",
        operation=operation.id,
        origin=Origin.SAME_QUESTIONS,
        expectation=State.VALID,
        media_type=model.body.media_type,
        payload=payload,
        follow=Follow.TO_THE_END if operation.task else None,
    )
    wire_names = {name: wire_name} if wire_name else {}
    return Translation(
        Intent(operation.id, (question.field,) if question.field else ()),
        provider,
        operation,
        model.body,
        case,
        wire_names,
        model.judge(payload),
        basis_of(model, wire_names.values(), payload),
    )


async def ask_for_outputs(
    sessions: Sequence[TargetSession],
    questions: Sequence[OutputQuestion],
    operations: Sequence[str] = (),
) -> list[OutputRow]:
    """
    Ask all servers; `operations` are the only ones to call, empty for all.

    With a budget, one after the other, else all tasks of a server at once.
    """
    tables = await asyncio.gather(
        *(_ask_one_server(each, questions, operations) for each in sessions)
    )
    order = {each.id: number for number, each in enumerate(questions)}
    rows = [row for table in tables for row in table]
    return sorted(rows, key=lambda each: order[each.question])


async def _ask_one_server(
    session: TargetSession,
    questions: Sequence[OutputQuestion],
    operations: Sequence[str],
) -> list[OutputRow]:
    asked, rows = [], []
    missing: set[str] = set()
    for question in questions:
        medium = question.medium
        found = output_operations(session.provider, medium)
        chosen = [each for each in found if not operations or each.id in operations]
        asked += [_ask(session, question, each) for each in chosen]
        if not chosen and medium.name not in missing:
            missing.add(medium.name)
            reason = f"it makes no {medium.noun}, neither at once nor by a task"
            rows.append(untested_row(session.label, question, None, reason))
    if session.budget is None:
        return [*rows, *await asyncio.gather(*asked)]
    return [*rows, *[await each for each in asked]]


async def _ask(
    session: TargetSession, question: OutputQuestion, operation: Operation
) -> OutputRow:
    """The row of an operation; a wrong output is repeated, unless it has a budget."""
    row = await _ask_once(session, question, operation)
    if question.has_input and row.verdict is FeatureVerdict.HONOURED:
        broken = await _ask_once(session, question, operation, sample=BROKEN)
        row = with_evidence(row, broken)
    is_final = row.is_good or row.verdict is FeatureVerdict.UNTESTED
    if not is_final and session.budget is None:
        again = await _ask_once(session, question, operation, fresh=True)
        row = replace(row, is_flaky=again.verdict is not row.verdict)
    return replace(row, note=redact(row.note, *session.named_target.target.secrets))


async def _ask_once(
    session: TargetSession,
    question: OutputQuestion,
    operation: Operation,
    *,
    fresh: bool = False,
    sample: Sample = GOOD,
) -> OutputRow:
    translation = translate_output(question, session.provider, operation, sample)
    if isinstance(translation, NotTranslatable):
        return untested_row(session.label, question, operation, translation)
    if operation.task is not None:
        talk = await session.follow(translation)
        if isinstance(talk, Skipped):
            return untested_row(session.label, question, operation, talk.reason)
        return conversation_row(session.label, question, translation, talk)
    if question.has_input:
        answer = await session.send_translated(translation)
    else:
        answer = await session.send(translation.intent, fresh=fresh)
    if isinstance(answer, Skipped):
        return untested_row(session.label, question, operation, answer.reason)
    return response_row(session.label, question, translation, answer)
