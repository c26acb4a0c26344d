"""
Aspects of a response that can be compared between providers.

Names of aspects and their categories are part of the fingerprints of differences.
A new wording would make every known difference a new one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from contracts.compare.servers.sizes import RATIO, SIZE
from contracts.compare.servers.translation import Intent, Translation
from contracts.judging.findings import redact
from contracts.judging.guarantees.table import (
    COMPARED_FIELDS,
    GUARANTEES,
    Answer,
    breaches,
)
from contracts.judging.interaction import Interaction
from contracts.judging.outcome import (
    describe_outcome,
    error_object,
    error_text,
    top_level_field,
)
from contracts.media.aspect import (
    Aspects,
    AspectValue,
    compare_with_request,
    join_distinct,
    plain_aspect,
)
from contracts.media.base import Medium, Output
from contracts.media.guarantee import AnswerHistory
from contracts.planning.values.field_values import format_value
from specs import EVENT_STREAM, JSON, PARTIAL_IMAGE, Operation, requested_size

JSON_TYPES = (JSON, "application/problem+json")
ABSENT, PRESENT = "absent", "present"
KEPT, BROKEN = "kept", "broken"
STREAM = "a stream"
OUTCOME, SCHEMA = "outcome", "schema"
# The aspect that shows if a server honoured a field, by canonical name.
ASPECT_OF_PARAMETER = {
    "n": "pictures",
    SIZE: "size",
    RATIO: "size",
    "output_format": "format",
    "background": "transparency",
    "response_format": "delivery",
    "stream": "body",
    "partial_images": "partial pictures",
    "quality": "quality said",
}
# Guarantees of success responses that pass or fail; no value is measured.
BOOLEAN_GUARANTEES = tuple(
    name
    for name, each in GUARANTEES.items()
    if not (each.aspect or each.comparison or each.errors_only)
)
# The guarantee that compares two responses, by the field in which the requests differ.
PAIR_GUARANTEES = {field: name for name, field in COMPARED_FIELDS.items()}


class Result(StrEnum):
    """
    The class of a response.

    REFUSED is a well-formed 4xx error response. REFUSED_BADLY is every other failure:
    no response, 5xx, or an error body that is not the documented JSON.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    REFUSED_BADLY = "refused-badly"


@dataclass(frozen=True)
class ObservedAnswer:
    """
    A classified response.

    `status` is None if there was no response. `summary` is one line, `seconds` the
    duration. `answer` is None unless another response is to be compared with it.
    `outputs` summarize the decoded images of a success; `problems` are sentences on
    what these have other than the request asks for.
    """

    result: Result
    status: int | None
    summary: str
    seconds: float
    aspects: Mapping[str, AspectValue]
    answer: Answer | None = field(default=None, compare=False, repr=False)
    outputs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @cached_property
    def usage(self) -> Mapping[str, Any]:
        return usage_of(self.answer.interaction) if self.answer else {}

    @property
    def first_image(self) -> bytes | None:
        """The data of the first image; None if there is none or it was not kept."""
        images = self.answer.decoded if self.answer else []
        return images[0].data if images else None


def observe(
    translation: Translation,
    interaction: Interaction,
    key: str,
    *,
    secrets: Sequence[str],
    keep: bool,
) -> ObservedAnswer:
    """
    Classify a response and read its aspects.

    The request was authorized with `key`. Every occurrence of `secrets` is replaced.
    With `keep`, the response is kept for a comparison with another one; it can hold
    megabytes of images.
    """
    answer = Answer(
        interaction=interaction,
        dialect=translation.provider.dialect,
        request=translation.canonical_payload,
        media_type=translation.body.media_type,
        key=key,
        now=interaction.at,
        history=AnswerHistory(),
    )
    result = _classify(translation.operation, interaction)
    aspects = {OUTCOME: AspectValue(result, result)}
    if result is Result.ACCEPTED:
        aspects.update(_success_aspects(translation, answer))
    elif result is Result.REFUSED:
        aspects.update(_error_aspects(translation, answer))
    decoded = answer.decoded if result is Result.ACCEPTED else []
    return ObservedAnswer(
        result,
        interaction.status,
        redact(describe_outcome(interaction), *secrets),
        interaction.seconds,
        {name: _redact(secrets, value) for name, value in aspects.items()},
        answer if keep else None,
        tuple(each.summary for each in decoded),
        tuple(output_problems(interaction.medium, translation, decoded)),
    )


def output_problems(
    medium: Medium, translation: Translation, outputs: Iterable[Output]
) -> Iterator[str]:
    """The properties of outputs that the request itself, without defaults, forbids."""
    dialect, request = translation.provider.dialect, requested_fields(translation)
    for output in outputs:
        problems = medium.result_problems(output, request, dialect)
        yield from (f"it {each}" for each in problems)


def requested_fields(translation: Translation) -> dict[str, Any]:
    """The fields of the request under canonical names, without defaults."""
    return translation.provider.dialect.with_canonical_names(
        translation.operation.id, translation.case.payload
    )


def asked_fields(translation: Translation) -> dict[str, Any]:
    """The fields of the intent; a ratio for a size, where no pixels were sent."""
    fields = dict(translation.intent.fields)
    sent = requested_fields(translation)
    if SIZE in fields and requested_size(fields) and not requested_size(sent):
        del fields[SIZE]
        fields |= {each: sent[each] for each in (SIZE, RATIO) if each in sent}
    return fields


def is_compared(intent: Intent) -> bool:
    """True if only a second response can show whether its feature was honoured."""
    feature = intent.feature
    is_visible = feature in ASPECT_OF_PARAMETER and feature != "quality"
    return bool(feature) and not is_visible


def _redact(secrets: Sequence[str], value: AspectValue) -> AspectValue:
    texts = (value.category, value.text, value.note)
    return AspectValue(*(redact(each, *secrets) for each in texts))


def _classify(operation: Operation, interaction: Interaction) -> Result:
    if interaction.problem or interaction.status is None:
        return Result.REFUSED_BADLY
    if interaction.is_success:
        entries = interaction.layout.entries(interaction.object)
        has_result = interaction.is_stream or entries is not None
        return Result.ACCEPTED if has_result else Result.REFUSED_BADLY
    is_client_error = 400 <= interaction.status < 500
    if not is_client_error or interaction.content_type not in JSON_TYPES:
        return Result.REFUSED_BADLY
    declared = operation.response_for(interaction.status)
    body = declared.bodies.get(JSON) if declared else None
    is_malformed = body is not None and body.judge.is_invalid(interaction.object)
    if is_malformed or not error_object(interaction):
        return Result.REFUSED_BADLY
    return Result.REFUSED


def _success_aspects(translation: Translation, answer: Answer) -> Aspects:
    interaction, fields = answer.interaction, asked_fields(translation)
    yield "body", plain_aspect(STREAM if interaction.is_stream else "one answer")
    yield "pictures", _output_count(interaction, answer.request.get("n", 1))
    yield from interaction.medium.aspects(answer.decoded, fields)
    if interaction.is_stream:
        yield from _stream_aspects(interaction)
    else:
        yield from _object_aspects(interaction)
    yield "usage", plain_aspect(PRESENT if usage_of(interaction) else ABSENT)
    qualities = (e["quality"] for e in interaction.objects if "quality" in e)
    quality = next(qualities, None)
    if isinstance(quality, str):
        yield "quality said", compare_with_request(quality, fields.get("quality"))
    for name in BOOLEAN_GUARANTEES:
        yield name, _kept_or_broken(breaches(name, answer))
    yield SCHEMA, _kept_or_broken(_violations(translation.operation, interaction))


def _stream_aspects(interaction: Interaction) -> Aspects:
    names, layout = interaction.event_names, interaction.layout
    partials = sum(
        layout.has_role(each.data, PARTIAL_IMAGE) for each in interaction.events
    )
    yield "event types", plain_aspect(", ".join(dict.fromkeys(names)) or "none")
    yield "partial pictures", plain_aspect(str(partials))


def _object_aspects(interaction: Interaction) -> Aspects:
    items = interaction.items
    yield "delivery", plain_aspect(join_distinct(_delivery(each) for each in items))
    yield "members", plain_aspect(", ".join(sorted(interaction.object or {})))
    is_revised = any(each.get("revised_prompt") for each in items)
    yield "revised_prompt", plain_aspect(PRESENT if is_revised else ABSENT)


def _kept_or_broken(violations: Iterator[str]) -> AspectValue:
    violation = next(violations, None)
    return AspectValue(BROKEN, BROKEN, violation) if violation else plain_aspect(KEPT)


def _violations(operation: Operation, interaction: Interaction) -> Iterator[str]:
    """Violations of the documented schema by a success response or its events."""
    bodies = operation.success.bodies
    if interaction.is_stream:
        known = bodies[EVENT_STREAM].events if EVENT_STREAM in bodies else {}
        names = interaction.event_names
        pairs = [
            (known.get(name), each.data)
            for name, each in zip(names, interaction.events, strict=True)
        ]
    else:
        pairs = [(bodies.get(JSON), interaction.object)]
    for body, value in pairs:
        if body is not None and body.judge.is_invalid(value):
            yield str(body.judge.judge(value).documented_violations[0])


def _output_count(interaction: Interaction, requested: Any) -> AspectValue:
    count = len(interaction.outputs)
    if not isinstance(requested, int) or count == requested:
        return AspectValue("as asked", str(count))
    return AspectValue("too few" if count < requested else "too many", str(count))


def _delivery(item: Mapping[str, Any]) -> str:
    url = item.get("url")
    is_data = isinstance(url, str) and url.startswith("data:")
    words = ["b64_json"] * bool(item.get("b64_json"))
    words += ["data URI" if is_data else "url"] * bool(url)
    return " with ".join(words) or "nothing"


def usage_of(interaction: Interaction) -> Mapping[str, Any]:
    """The first `usage` object of a response or its events; empty if there is none."""
    usages = map(interaction.layout.usage.read, interaction.objects)
    return next(filter(None, usages), {})


def _error_aspects(translation: Translation, answer: Answer) -> Aspects:
    interaction = answer.interaction
    error = error_object(interaction) or {}
    status = str(interaction.status)
    yield "status", AspectValue(status, status, error_text(interaction))
    given = sorted(name for name, value in error.items() if value is not None)
    yield "error members", plain_aspect(", ".join(given))
    for name in ("type", "code"):
        yield f"error {name}", plain_aspect(format_value(error.get(name)))
    yield "blamed member", _blamed_field(translation, error.get("param"))
    checks = ["retry-after-on-429"] * (interaction.status == 429) + ["keeps-secrets"]
    for name in checks:
        yield name, _kept_or_broken(breaches(name, answer))


def _blamed_field(translation: Translation, param: Any) -> AspectValue:
    """The field that an error names; no field is as good as an invalid one."""
    if not isinstance(param, str) or not param:
        return AspectValue("nothing else", "nothing")
    invalid = {
        *translation.wire_names.values(),
        *translation.intent.absent,
        *(
            top_level_field(each.param or "")
            for each in translation.verdict.documented_violations
        ),
    }
    is_right = top_level_field(param) in invalid
    return AspectValue("nothing else" if is_right else "another member", param)


def relevant_token_count(outcome: ObservedAnswer, feature: str) -> int | None:
    """The number of tokens that depends on a field; None if it is not reported."""
    usage = outcome.usage
    details = usage.get("input_tokens_details")
    details = details if isinstance(details, dict) else {}
    count = {
        "prompt": details.get("text_tokens"),
        "image": details.get("image_tokens"),
        "quality": usage.get("output_tokens"),
    }.get(feature)
    return count if isinstance(count, int) else None


def pair_violations(
    feature: str, outcome: ObservedAnswer, reference: ObservedAnswer
) -> list[str]:
    """Violations of the guarantee about two requests that differ in one field only."""
    name = PAIR_GUARANTEES.get(feature)
    if name is None or outcome.answer is None or reference.answer is None:
        return []
    history = AnswerHistory()
    for answer in (reference.answer, outcome.answer):
        violations = list(breaches(name, replace(answer, history=history)))
    return violations
