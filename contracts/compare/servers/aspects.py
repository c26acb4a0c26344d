"""An answer as aspects that can be compared, whatever the dialect it came in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from contracts.compare.servers.intents import Translation
from contracts.judging.findings import redact
from contracts.judging.guarantees import (
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
    event_type,
)
from contracts.media.guarantee import AnswerHistory
from contracts.planning.values import format_value
from specs import EVENT_STREAM, Basis, Body, Operation, State, size_of

JSON_TYPES = ("application/json", "application/problem+json")
ABSENT, PRESENT = "absent", "present"
KEPT, BROKEN = "kept", "broken"
OUTCOME, SCHEMA = "outcome", "schema"
# The guarantees of the value of each aspect, and the request field they are about.
GUARANTEES_BY_ASPECT: Mapping[str, tuple[tuple[str, ...], str]] = {
    aspect: (
        tuple(name for name, each in GUARANTEES.items() if each.aspect == aspect),
        next(each.field for each in GUARANTEES.values() if each.aspect == aspect),
    )
    for aspect in dict.fromkeys(each.aspect for each in GUARANTEES.values())
    if aspect
}
# Guarantees of success responses that are kept or violated; no value is measured.
BOOLEAN_GUARANTEES = tuple(
    name
    for name, each in GUARANTEES.items()
    if not (each.aspect or each.comparison or each.errors_only)
)
# The guarantee that compares two responses, by the field in which requests differ.
PAIR_GUARANTEES = {field: name for name, field in COMPARED_FIELDS.items()}


class Result(StrEnum):
    """How a question ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    REFUSED_BADLY = "refused-badly"


@dataclass(frozen=True, slots=True)
class AspectValue:
    """
    One aspect of an answer.

    Answers that share a `word` are alike, whatever was `shown`: two and ten pictures
    are both `as asked`. `note` says more.
    """

    category: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class DocumentedAspect:
    """
    What a document says of an aspect: nothing, where the statement is empty.

    It is `firm` where a deed can break it.
    """

    statement: str = ""
    is_binding: bool = False


@dataclass(frozen=True)
class ObservedAnswer:
    """
    What came of a question. `shown` is the whole in brief; `seconds` is how long it
    took; `answer` is kept where another is to be compared with it.
    """

    result: Result
    status: int | None
    summary: str
    seconds: float
    aspects: Mapping[str, AspectValue]
    answer: Answer | None = field(default=None, compare=False, repr=False)

    @cached_property
    def usage(self) -> Mapping[str, Any]:
        found = self.answer and usage_of(self.answer.interaction)
        return found or {}

    @property
    def picture(self) -> bytes | None:
        """The first picture, where the answer was kept."""
        found = self.answer.pictures if self.answer else []
        return found[0].data if found else None


def observe(
    translation: Translation, interaction: Interaction, key: str, *, keep: bool
) -> ObservedAnswer:
    """What came of a question; the answer itself is dropped without `keep`."""
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
    return ObservedAnswer(
        result,
        interaction.status,
        redact(describe_outcome(interaction), key),
        interaction.seconds,
        {name: _redact(key, each) for name, each in aspects.items()},
        answer if keep else None,
    )


def _redact(key: str, value: AspectValue) -> AspectValue:
    texts = (value.category, value.text, value.note)
    return AspectValue(*(redact(each, key) for each in texts))


def _classify(operation: Operation, interaction: Interaction) -> Result:
    if interaction.problem or interaction.status is None:
        return Result.REFUSED_BADLY
    if interaction.is_success:
        data = (interaction.object or {}).get("data")
        whole = interaction.is_stream or isinstance(data, list)
        return Result.ACCEPTED if whole else Result.REFUSED_BADLY
    if (
        not 400 <= interaction.status < 500
        or interaction.content_type not in JSON_TYPES
    ):
        return Result.REFUSED_BADLY
    declared = operation.response_for(interaction.status)
    body = declared.bodies.get("application/json") if declared else None
    wrong = body is not None and body.judge.is_invalid(interaction.object)
    return (
        Result.REFUSED_BADLY
        if wrong or not error_object(interaction)
        else Result.REFUSED
    )


def _success_aspects(
    translation: Translation, answer: Answer
) -> Iterator[tuple[str, AspectValue]]:
    found, asked = answer.interaction, dict(translation.intent.fields)
    yield "body", _aspect_value("a stream" if found.is_stream else "one answer")
    yield "pictures", _image_count(found, answer.request.get("n", 1))
    pictures = answer.pictures
    if pictures:
        size = _join_distinct(each.size for each in pictures)
        wanted = asked.get("size")
        yield "size", _match_requested(size, wanted if size_of(wanted) else None)
        format_ = _join_distinct(str(each.format) for each in pictures)
        yield "format", _match_requested(format_, asked.get("output_format"))
        words = ("opaque" if each.opaque else "transparent" for each in pictures)
        yield "transparency", _aspect_value(_join_distinct(words))
    if len(pictures) > 1:
        distinct = len({each.data for each in pictures}) == len(pictures)
        yield (
            "several pictures",
            _aspect_value("all different" if distinct else "some alike"),
        )
    if found.is_stream:
        types = [event_type(each.data) for each in found.events]
        partials = sum(each.endswith(".partial_image") for each in types)
        yield "event types", _aspect_value(", ".join(dict.fromkeys(types)) or "none")
        yield "partial pictures", _aspect_value(str(partials))
    else:
        yield (
            "delivery",
            _aspect_value(_join_distinct(_delivery(each) for each in found.items)),
        )
        yield "members", _aspect_value(", ".join(sorted(found.object or {})))
        revised = any(each.get("revised_prompt") for each in found.items)
        yield "revised_prompt", _aspect_value(PRESENT if revised else ABSENT)
    yield "usage", _aspect_value(PRESENT if usage_of(found) else ABSENT)
    quality = next((each["quality"] for each in _bodies(found) if "quality" in each), 0)
    if isinstance(quality, str):
        yield "quality said", _match_requested(quality, asked.get("quality"))
    for name in BOOLEAN_GUARANTEES:
        yield name, _kept_or_broken(breaches(name, answer))
    yield SCHEMA, _kept_or_broken(_violations(translation.operation, found))


def _kept_or_broken(violations: Iterator[str]) -> AspectValue:
    wrong = next(violations, None)
    return AspectValue(BROKEN, BROKEN, wrong) if wrong else _aspect_value(KEPT)


def _violations(operation: Operation, interaction: Interaction) -> Iterator[str]:
    """What the document surely forbids in a success."""
    bodies = operation.success.bodies
    if interaction.is_stream:
        known = bodies[EVENT_STREAM].events if EVENT_STREAM in bodies else {}
        pairs = [
            (known.get(event_type(each.data)), each.data) for each in interaction.events
        ]
    else:
        pairs = [(bodies.get("application/json"), interaction.object)]
    for body, value in pairs:
        if body is not None and body.judge.is_invalid(value):
            yield str(body.judge.judge(value).documented_violations[0])


def _aspect_value(category: str) -> AspectValue:
    return AspectValue(category, category)


def _match_requested(actual: str, requested: Any) -> AspectValue:
    if requested is None or requested == "auto":
        return _aspect_value(actual)
    return AspectValue("as asked" if actual == requested else "not as asked", actual)


def _join_distinct(words: Iterator[str]) -> str:
    return " and ".join(dict.fromkeys(words)) or "nothing"


def _image_count(interaction: Interaction, requested: Any) -> AspectValue:
    count = len(interaction.pictures)
    if not isinstance(requested, int) or count == requested:
        return AspectValue("as asked", str(count))
    return AspectValue("too few" if count < requested else "too many", str(count))


def _delivery(item: Mapping[str, Any]) -> str:
    url = item.get("url")
    is_data = isinstance(url, str) and url.startswith("data:")
    words = ["b64_json"] * bool(item.get("b64_json"))
    words += ["data URI" if is_data else "url"] * bool(url)
    return " with ".join(words) or "nothing"


def _bodies(interaction: Interaction) -> list[Mapping[str, Any]]:
    if not interaction.is_stream:
        return [interaction.object or {}]
    return [each.data for each in interaction.events if isinstance(each.data, dict)]


def usage_of(interaction: Interaction) -> Mapping[str, Any]:
    usages = (each.get("usage") for each in _bodies(interaction))
    return next((each for each in usages if isinstance(each, dict)), {})


def _error_aspects(
    translation: Translation, answer: Answer
) -> Iterator[tuple[str, AspectValue]]:
    found = answer.interaction
    error = error_object(found) or {}
    message = error_text(found)
    yield "status", AspectValue(str(found.status), str(found.status), message)
    given = sorted(name for name, value in error.items() if value is not None)
    yield "error members", _aspect_value(", ".join(given))
    for name in ("type", "code"):
        yield f"error {name}", _aspect_value(format_value(error.get(name)))
    yield "blamed member", _blamed_field(translation, error.get("param"))
    if found.status == 429:
        yield (
            "retry-after-on-429",
            _kept_or_broken(breaches("retry-after-on-429", answer)),
        )
    yield "keeps-secrets", _kept_or_broken(breaches("keeps-secrets", answer))


def _blamed_field(translation: Translation, param: Any) -> AspectValue:
    """Whom an error blames: nobody is as good as the member in question."""
    if not isinstance(param, str) or not param:
        return AspectValue("nothing else", "nothing")
    blamed = param.replace("[", ".").partition(".")[0]
    documented = {
        _top_level_name(each.param)
        for each in translation.verdict.documented_violations
    }
    right = {*translation.wire_names.values(), *translation.intent.absent, *documented}
    return AspectValue("nothing else" if blamed in right else "another member", param)


def _top_level_name(param: str | None) -> str:
    return (param or "").replace("[", ".").partition(".")[0]


def documented_aspect(
    translation: Translation, name: str, result: Result
) -> DocumentedAspect:
    """What the document says of an aspect of the answer to a question."""
    documented = translation.basis is Basis.DOCUMENTED
    if name == OUTCOME:
        if translation.state is State.UNSPECIFIED:
            return DocumentedAspect()
        if translation.state is State.VALID:
            return DocumentedAspect(Result.ACCEPTED, documented)
        return DocumentedAspect(Result.REFUSED, is_binding=True)
    if result is Result.REFUSED:
        return _documented_error(translation, name)
    if translation.state is not State.VALID or not documented:
        return DocumentedAspect()
    if name == SCHEMA:
        return DocumentedAspect(
            f"the schema of {translation.provider.title}'s document", is_binding=True
        )
    body = translation.operation.success.bodies.get("application/json")
    if name == "members" and body is not None:
        return DocumentedAspect(", ".join(sorted(body.properties)))
    if name in {"usage", "revised_prompt"}:
        return _documented_field(translation, name)
    names, member = GUARANTEES_BY_ASPECT.get(name, ((name,), ""))
    return _documented_guarantee(translation, names, member)


def documented_responsiveness(translation: Translation) -> DocumentedAspect:
    """What the document says of whether answers respond to what was changed."""
    name = PAIR_GUARANTEES.get(translation.intent.feature)
    if name is None or translation.state is not State.VALID:
        return DocumentedAspect()
    return _documented_guarantee(translation, (name,), "")


def _documented_guarantee(
    translation: Translation, names: tuple[str, ...], member: str
) -> DocumentedAspect:
    for each in translation.operation.success.guarantees:
        documented = each.evidence.basis is Basis.DOCUMENTED
        if (
            each.name in names
            and documented
            and each.applies_to(translation.canonical_payload)
        ):
            return _guarantee_statement(translation, each.name, member)
    return DocumentedAspect()


def _guarantee_statement(
    translation: Translation, name: str, member: str
) -> DocumentedAspect:
    if name == "delivery-as-documented":
        entry = translation.provider.dialect.delivery_for(translation.canonical_payload)
        basis = entry.get("basis", Basis.DOCUMENTED)
        return DocumentedAspect(
            f"{name}: {entry['give']}", is_binding=basis == Basis.DOCUMENTED
        )
    if not member:
        return DocumentedAspect(name, is_binding=True)
    defaults = {"n": 1, "stream": False}
    wanted = translation.canonical_payload.get(member, defaults.get(member))
    if wanted is None or (member == "size" and size_of(wanted) is None):
        return DocumentedAspect()
    return DocumentedAspect(f"{name}: {format_value(wanted)}", is_binding=True)


def _documented_field(translation: Translation, name: str) -> DocumentedAspect:
    """Whether a member of the answer is listed, and whether it may be missing."""
    bodies = translation.operation.success.bodies
    if translation.canonical_payload.get("stream") is True and EVENT_STREAM in bodies:
        events = bodies[EVENT_STREAM].events
        body = next(
            (each for t, each in events.items() if t.endswith(".completed")), None
        )
    else:
        body = bodies.get("application/json")
    schema = body.schema if body else True
    if name == "revised_prompt" and isinstance(schema, dict):
        schema = schema.get("properties", {}).get("data", {}).get("items", True)
    if body is None or not isinstance(schema, dict):
        return DocumentedAspect()
    listed = schema.get("properties", {}).get(name)
    if listed is None:
        return DocumentedAspect(f"{name} is not listed")
    required = name in schema.get("required", []) and _is_documented(
        body, schema, listed
    )
    word = "required" if required else "listed"
    return DocumentedAspect(f"{name} is {word}", is_binding=required)


def _is_documented(body: Body, schema: Mapping[str, Any], listed: Any) -> bool:
    evidence = body.evidence.within(schema)
    if isinstance(listed, dict):
        evidence = evidence.within(listed)
    return evidence.basis is Basis.DOCUMENTED


def _documented_error(translation: Translation, name: str) -> DocumentedAspect:
    operation, intent = translation.operation, translation.intent
    if name in {"keeps-secrets", "retry-after-on-429"}:
        return _documented_guarantee(translation, (name,), "")
    errors = {each.evidence.error for each in translation.verdict.documented_violations}
    if intent.raw is None and translation.state is State.INVALID and not errors:
        errors = {"unauthenticated"}
    if len(errors) != 1 or intent.raw is not None:
        return DocumentedAspect()
    example = operation.errors[errors.pop()]
    if name == "blamed member":
        firm = example.evidence.basis is Basis.DOCUMENTED
        return DocumentedAspect("blames the right member", firm)
    if name == "status":
        declared = operation.responses[str(example.status)]
        firm = declared.evidence.basis is Basis.DOCUMENTED
        return DocumentedAspect(f"status {example.status}", firm)
    error = example.body.get("error") if isinstance(example.body, dict) else None
    member = name.removeprefix("error ")
    if isinstance(error, dict) and member in {"type", "code"}:
        return DocumentedAspect(f"{name} {format_value(error.get(member))}")
    return DocumentedAspect()


def relevant_token_count(outcome: ObservedAnswer, feature: str) -> int | None:
    """Tokens that tell whether a member was heeded; None where none are counted."""
    usage = outcome.usage
    details = usage.get("input_tokens_details")
    details = details if isinstance(details, dict) else {}
    found = {
        "prompt": details.get("text_tokens"),
        "image": details.get("image_tokens"),
        "quality": usage.get("output_tokens"),
    }.get(feature)
    return found if isinstance(found, int) else None


def pair_violations(
    feature: str, outcome: ObservedAnswer, reference: ObservedAnswer
) -> list[str]:
    """What is wrong with an answer beside another that differs in a member alone."""
    name = PAIR_GUARANTEES.get(feature)
    if name is None or outcome.answer is None or reference.answer is None:
        return []
    memory = AnswerHistory()
    for each in (reference.answer, outcome.answer):
        seen = list(breaches(name, replace(each, history=memory)))
    return seen
