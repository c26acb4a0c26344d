"""An answer as aspects that can be compared, whatever the dialect it came in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from contracts.compare.servers.intents import Spoken
from contracts.judging.findings import redacted
from contracts.judging.guarantees import CHECKS, Answer, Memory
from contracts.judging.interaction import Interaction
from contracts.judging.outcome import envelope, outcome_of, said, type_of
from contracts.planning.values import shown
from specs import EVENT_STREAM, Basis, Body, Operation, State, size_of

JSON_TYPES = ("application/json", "application/problem+json")
ABSENT, PRESENT = "absent", "present"
KEPT, BROKEN = "kept", "broken"
OUTCOME, SCHEMA = "outcome", "schema"
# What a provider may guarantee, by the aspect that shows it, and the member it is
# about.
MEASURED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "pictures": (("count-equals-n",), "n"),
    "size": (("size-as-asked",), "size"),
    "format": (("format-as-asked",), "output_format"),
    "transparency": (("alpha-as-asked", "opaque-as-asked"), "background"),
    "delivery": (("delivery-as-documented",), ""),
    "body": (("streams-when-asked",), "stream"),
}
# Guarantees that are kept or not, of which no value is measured.
YES_OR_NO = (
    "is-json",
    "decodes",
    "usage-adds-up",
    "created-is-now-in-seconds",
    "echoes-agree",
    "partials-at-most-asked",
    "one-completed-event",
    "event-name-is-type",
    "keeps-secrets",
    "request-id",
)
# Guarantees that two answers show together, by the member in which they differ.
RESPONSES = {
    "prompt": "pictures-differ",
    "image": "every-image-matters",
    "mask": "mask-matters",
    "output_compression": "compression-as-asked",
}


class Result(StrEnum):
    """How a question ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    REFUSED_BADLY = "refused-badly"


@dataclass(frozen=True, slots=True)
class Measured:
    """
    One aspect of an answer.

    Answers that share a `word` are alike, whatever was `shown`: two and ten pictures
    are both `as asked`. `note` says more.
    """

    word: str
    shown: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """
    What a document says of an aspect: nothing, where the statement is empty.

    It is `firm` where a deed can break it.
    """

    statement: str = ""
    firm: bool = False


@dataclass(frozen=True)
class Outcome:
    """
    What came of a question. `shown` is the whole in brief; `seconds` is how long it
    took; `answer` is kept where another is to be compared with it.
    """

    result: Result
    status: int | None
    shown: str
    seconds: float
    aspects: Mapping[str, Measured]
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


def outcome(spoken: Spoken, found: Interaction, key: str, *, keep: bool) -> Outcome:
    """What came of a question; the answer itself is dropped without `keep`."""
    answer = Answer(
        interaction=found,
        dialect=spoken.provider.dialect,
        asked=spoken.asked,
        media_type=spoken.body.media_type,
        key=key,
        now=found.at,
        memory=Memory(),
    )
    result = _result(spoken.operation, found)
    aspects = {OUTCOME: Measured(result, result)}
    if result is Result.ACCEPTED:
        aspects.update(_success(spoken, answer))
    elif result is Result.REFUSED:
        aspects.update(_refusal(spoken, answer))
    return Outcome(
        result,
        found.status,
        redacted(outcome_of(found), key),
        found.seconds,
        {name: _without(key, each) for name, each in aspects.items()},
        answer if keep else None,
    )


def _without(key: str, found: Measured) -> Measured:
    texts = (found.word, found.shown, found.note)
    return Measured(*(redacted(each, key) for each in texts))


def _result(operation: Operation, found: Interaction) -> Result:
    if found.problem or found.status is None:
        return Result.REFUSED_BADLY
    if found.is_success:
        data = (found.object or {}).get("data")
        whole = found.is_stream or isinstance(data, list)
        return Result.ACCEPTED if whole else Result.REFUSED_BADLY
    if not 400 <= found.status < 500 or found.content_type not in JSON_TYPES:
        return Result.REFUSED_BADLY
    declared = operation.response_for(found.status)
    body = declared.bodies.get("application/json") if declared else None
    wrong = body is not None and body.judge.is_invalid(found.object)
    return Result.REFUSED_BADLY if wrong or not envelope(found) else Result.REFUSED


def _success(spoken: Spoken, answer: Answer) -> Iterator[tuple[str, Measured]]:
    found, asked = answer.interaction, dict(spoken.intent.asked)
    yield "body", _same("a stream" if found.is_stream else "one answer")
    yield "pictures", _count(found, answer.asked.get("n", 1))
    pictures = answer.pictures
    if pictures:
        size = _each(each.size for each in pictures)
        wanted = asked.get("size")
        yield "size", _as_asked(size, wanted if size_of(wanted) else None)
        format_ = _each(str(each.format) for each in pictures)
        yield "format", _as_asked(format_, asked.get("output_format"))
        words = ("opaque" if each.opaque else "transparent" for each in pictures)
        yield "transparency", _same(_each(words))
    if len(pictures) > 1:
        distinct = len({each.data for each in pictures}) == len(pictures)
        yield "several pictures", _same("all different" if distinct else "some alike")
    if found.is_stream:
        types = [type_of(each.data) for each in found.events]
        partials = sum(each.endswith(".partial_image") for each in types)
        yield "event types", _same(", ".join(dict.fromkeys(types)) or "none")
        yield "partial pictures", _same(str(partials))
    else:
        yield "delivery", _same(_each(_delivery(each) for each in found.items))
        yield "members", _same(", ".join(sorted(found.object or {})))
        revised = any(each.get("revised_prompt") for each in found.items)
        yield "revised_prompt", _same(PRESENT if revised else ABSENT)
    yield "usage", _same(PRESENT if usage_of(found) else ABSENT)
    quality = next((each["quality"] for each in _bodies(found) if "quality" in each), 0)
    if isinstance(quality, str):
        yield "quality said", _as_asked(quality, asked.get("quality"))
    for name in YES_OR_NO:
        yield name, _kept(CHECKS[name](answer))
    yield SCHEMA, _kept(_violations(spoken.operation, found))


def _kept(wrongs: Iterator[str]) -> Measured:
    wrong = next(wrongs, None)
    return Measured(BROKEN, BROKEN, wrong) if wrong else _same(KEPT)


def _violations(operation: Operation, found: Interaction) -> Iterator[str]:
    """What the document surely forbids in a success."""
    bodies = operation.success.bodies
    if found.is_stream:
        known = bodies[EVENT_STREAM].events if EVENT_STREAM in bodies else {}
        pairs = [(known.get(type_of(each.data)), each.data) for each in found.events]
    else:
        pairs = [(bodies.get("application/json"), found.object)]
    for body, value in pairs:
        if body is not None and body.judge.is_invalid(value):
            yield str(body.judge.judge(value).documented[0])


def _same(word: str) -> Measured:
    return Measured(word, word)


def _as_asked(came: str, wanted: Any) -> Measured:
    if wanted is None or wanted == "auto":
        return _same(came)
    return Measured("as asked" if came == wanted else "not as asked", came)


def _each(words: Iterator[str]) -> str:
    return " and ".join(dict.fromkeys(words)) or "nothing"


def _count(found: Interaction, wanted: Any) -> Measured:
    count = len(found.pictures)
    if not isinstance(wanted, int) or count == wanted:
        return Measured("as asked", str(count))
    return Measured("too few" if count < wanted else "too many", str(count))


def _delivery(item: Mapping[str, Any]) -> str:
    url = item.get("url")
    is_data = isinstance(url, str) and url.startswith("data:")
    words = ["b64_json"] * bool(item.get("b64_json"))
    words += ["data URI" if is_data else "url"] * bool(url)
    return " with ".join(words) or "nothing"


def _bodies(found: Interaction) -> list[Mapping[str, Any]]:
    if not found.is_stream:
        return [found.object or {}]
    return [each.data for each in found.events if isinstance(each.data, dict)]


def usage_of(found: Interaction) -> Mapping[str, Any]:
    usages = (each.get("usage") for each in _bodies(found))
    return next((each for each in usages if isinstance(each, dict)), {})


def _refusal(spoken: Spoken, answer: Answer) -> Iterator[tuple[str, Measured]]:
    found = answer.interaction
    error = envelope(found) or {}
    message = said(found)
    yield "status", Measured(str(found.status), str(found.status), message)
    given = sorted(name for name, value in error.items() if value is not None)
    yield "error members", _same(", ".join(given))
    for name in ("type", "code"):
        yield f"error {name}", _same(shown(error.get(name)))
    yield "blamed member", _blame(spoken, error.get("param"))
    if found.status == 429:
        yield "retry-after-on-429", _kept(CHECKS["retry-after-on-429"](answer))
    yield "keeps-secrets", _kept(CHECKS["keeps-secrets"](answer))


def _blame(spoken: Spoken, param: Any) -> Measured:
    """Whom an error blames: nobody is as good as the member in question."""
    if not isinstance(param, str) or not param:
        return Measured("nothing else", "nothing")
    blamed = param.replace("[", ".").partition(".")[0]
    documented = {_first(each.param) for each in spoken.verdict.documented}
    right = {*spoken.names.values(), *spoken.intent.absent, *documented}
    return Measured("nothing else" if blamed in right else "another member", param)


def _first(param: str | None) -> str:
    return (param or "").replace("[", ".").partition(".")[0]


def promise(spoken: Spoken, name: str, result: Result) -> Promise:
    """What the document says of an aspect of the answer to a question."""
    documented = spoken.basis is Basis.DOCUMENTED
    if name == OUTCOME:
        if spoken.state is State.UNSPECIFIED:
            return Promise()
        if spoken.state is State.VALID:
            return Promise(Result.ACCEPTED, documented)
        return Promise(Result.REFUSED, firm=True)
    if result is Result.REFUSED:
        return _of_refusal(spoken, name)
    if spoken.state is not State.VALID or not documented:
        return Promise()
    if name == SCHEMA:
        return Promise(f"the schema of {spoken.provider.title}'s document", firm=True)
    body = spoken.operation.success.bodies.get("application/json")
    if name == "members" and body is not None:
        return Promise(", ".join(sorted(body.properties)))
    if name in {"usage", "revised_prompt"}:
        return _of_member(spoken, name)
    names, member = MEASURED.get(name, ((name,), ""))
    return _of_guarantee(spoken, names, member)


def of_response(spoken: Spoken) -> Promise:
    """What the document says of whether answers respond to what was changed."""
    name = RESPONSES.get(spoken.intent.about)
    if name is None or spoken.state is not State.VALID:
        return Promise()
    return _of_guarantee(spoken, (name,), "")


def _of_guarantee(spoken: Spoken, names: tuple[str, ...], member: str) -> Promise:
    for each in spoken.operation.success.guarantees:
        documented = each.evidence.basis is Basis.DOCUMENTED
        if each.name in names and documented and each.applies_to(spoken.asked):
            return _stated(spoken, each.name, member)
    return Promise()


def _stated(spoken: Spoken, name: str, member: str) -> Promise:
    if name == "delivery-as-documented":
        entry = spoken.provider.dialect.gives(spoken.asked)
        basis = entry.get("basis", Basis.DOCUMENTED)
        return Promise(f"{name}: {entry['give']}", firm=basis == Basis.DOCUMENTED)
    if not member:
        return Promise(name, firm=True)
    defaults = {"n": 1, "stream": False}
    wanted = spoken.asked.get(member, defaults.get(member))
    if wanted is None or (member == "size" and size_of(wanted) is None):
        return Promise()
    return Promise(f"{name}: {shown(wanted)}", firm=True)


def _of_member(spoken: Spoken, name: str) -> Promise:
    """Whether a member of the answer is listed, and whether it may be missing."""
    bodies = spoken.operation.success.bodies
    if spoken.asked.get("stream") is True and EVENT_STREAM in bodies:
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
        return Promise()
    listed = schema.get("properties", {}).get(name)
    if listed is None:
        return Promise(f"{name} is not listed")
    required = name in schema.get("required", []) and _is_documented(
        body, schema, listed
    )
    word = "required" if required else "listed"
    return Promise(f"{name} is {word}", firm=required)


def _is_documented(body: Body, schema: Mapping[str, Any], listed: Any) -> bool:
    evidence = body.evidence.within(schema)
    if isinstance(listed, dict):
        evidence = evidence.within(listed)
    return evidence.basis is Basis.DOCUMENTED


def _of_refusal(spoken: Spoken, name: str) -> Promise:
    operation, intent = spoken.operation, spoken.intent
    if name in {"keeps-secrets", "retry-after-on-429"}:
        return _of_guarantee(spoken, (name,), "")
    errors = {each.evidence.error for each in spoken.verdict.documented}
    if intent.raw is None and spoken.state is State.INVALID and not errors:
        errors = {"unauthenticated"}
    if len(errors) != 1 or intent.raw is not None:
        return Promise()
    example = operation.errors[errors.pop()]
    if name == "blamed member":
        firm = example.evidence.basis is Basis.DOCUMENTED
        return Promise("blames the right member", firm)
    if name == "status":
        declared = operation.responses[str(example.status)]
        firm = declared.evidence.basis is Basis.DOCUMENTED
        return Promise(f"status {example.status}", firm)
    error = example.body.get("error") if isinstance(example.body, dict) else None
    member = name.removeprefix("error ")
    if isinstance(error, dict) and member in {"type", "code"}:
        return Promise(f"{name} {shown(error.get(member))}")
    return Promise()


def evidence_of(outcome: Outcome, about: str) -> int | None:
    """Tokens that tell whether a member was heeded; None where none are counted."""
    usage = outcome.usage
    details = usage.get("input_tokens_details")
    details = details if isinstance(details, dict) else {}
    found = {
        "prompt": details.get("text_tokens"),
        "image": details.get("image_tokens"),
        "quality": usage.get("output_tokens"),
    }.get(about)
    return found if isinstance(found, int) else None


def wrongs(about: str, outcome: Outcome, reference: Outcome) -> list[str]:
    """What is wrong with an answer beside another that differs in a member alone."""
    name = RESPONSES.get(about)
    if name is None or outcome.answer is None or reference.answer is None:
        return []
    memory = Memory()
    for each in (reference.answer, outcome.answer):
        seen = list(CHECKS[name](replace(each, memory=memory)))
    return seen
