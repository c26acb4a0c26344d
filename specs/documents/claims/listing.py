"""List the claims of a document with id, sentence, source and place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from specs.documents.claims.models import MODELS, model_claims
from specs.documents.claims.tasks import TASK, task_claims
from specs.documents.found_once import found_once
from specs.documents.media_types import EVENT_STREAM
from specs.documents.model import Body, Operation, Provider, Response
from specs.validation.evidence import Basis, Evidence
from specs.validation.explanation import restates_keyword


class ClaimSubject(StrEnum):
    """The subject of a claim."""

    REQUEST = "request"
    DEFAULT = "default"
    RESPONSE = "answer"
    GUARANTEE = "guarantee"
    ERROR = "error"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True)
class Claim:
    """
    One statement of a document.

    `id` reads like a path: `createImage/request/n/maximum`. `pointer` is the JSON
    pointer, in the provider's `openapi.yaml`, of the mapping that states it.
    """

    id: str
    operation: str
    subject: ClaimSubject
    sentence: str
    evidence: Evidence
    pointer: str

    @property
    def is_documented(self) -> bool:
        return self.evidence.basis is Basis.DOCUMENTED


def request_name(operation: Operation, body: Body) -> str:
    """The prefix of claim ids of a body, with the media type if there are two."""
    if len(operation.bodies) == 1:
        return f"{operation.id}/request"
    kind = "form" if body.media_type.startswith("multipart/") else "json"
    return f"{operation.id}/request-{kind}"


@found_once
def claims(provider: Provider) -> tuple[Claim, ...]:
    """All claims of a provider's document, in document order; found once."""
    return tuple(
        claim
        for operation in provider.all_operations.values()
        for claim in _operation_claims(provider, operation)
    )


def _operation_claims(provider: Provider, operation: Operation) -> Iterator[Claim]:
    def claim(
        id_: str, subject: ClaimSubject, sentence: str, evidence: Evidence, pointer: str
    ) -> Claim:
        return Claim(
            f"{operation.id}/{id_}", operation.id, subject, sentence, evidence, pointer
        )

    place = operation.pointer
    keys = " or ".join(each.noun for each in operation.key_schemes)
    yield claim(
        "path",
        ClaimSubject.TRANSPORT,
        f"{operation.method} {operation.path} responds",
        operation.evidence,
        place,
    )
    if operation.authentication:
        yield claim(
            "auth",
            ClaimSubject.TRANSPORT,
            f"a request needs {keys}",
            operation.authentication,
            place,
        )
    for body in operation.bodies.values():
        name = request_name(operation, body).partition("/")[2]
        yield claim(
            name,
            ClaimSubject.TRANSPORT,
            f"a request body is {body.media_type}",
            body.evidence,
            body.pointer,
        )
        for part in _constraints(provider, body):
            is_default = part.keyword == "default"
            subject = ClaimSubject.DEFAULT if is_default else ClaimSubject.REQUEST
            yield claim(
                f"{name}/{part.name}",
                subject,
                part.sentence,
                part.evidence,
                part.pointer,
            )
    for place_name, parameters in operation.parameters.items():
        for part in _constraints(provider, parameters):
            yield claim(
                f"{place_name}/{part.name}",
                ClaimSubject.DEFAULT
                if part.keyword == "default"
                else ClaimSubject.REQUEST,
                part.sentence,
                part.evidence,
                part.pointer,
            )
    for name, sentence, evidence, pointer in task_claims(provider, operation):
        yield claim(
            f"{TASK}/{name}", ClaimSubject.GUARANTEE, sentence, evidence, pointer
        )
    for name, sentence, evidence, pointer in model_claims(operation):
        yield claim(
            f"{MODELS}/{name}", ClaimSubject.GUARANTEE, sentence, evidence, pointer
        )
    for response in operation.responses.values():
        yield from _response_claims(provider, operation, response)
    for error in operation.errors.values():
        yield claim(
            f"errors/{error.name}",
            ClaimSubject.ERROR,
            f"the error {error.name} comes with status {error.status}",
            error.evidence,
            error.pointer,
        )


def _response_claims(
    provider: Provider, operation: Operation, response: Response
) -> Iterator[Claim]:
    begin = f"{operation.id}/{response.status}"
    for media_type, body in response.bodies.items():
        if media_type == EVENT_STREAM:
            parts = [
                (f"events/{name}", part)
                for name, event in body.events.items()
                for part in _constraints(provider, event)
            ]
        else:
            parts = [("", part) for part in _constraints(provider, body)]
        for above, part in parts:
            yield Claim(
                "/".join(filter(None, (begin, above, part.name))),
                operation.id,
                ClaimSubject.RESPONSE,
                part.sentence,
                part.evidence,
                part.pointer,
            )
    for name in response.headers:
        yield Claim(
            f"{begin}/headers/{name}",
            operation.id,
            ClaimSubject.RESPONSE,
            f"the response has the header {name}",
            response.evidence.within(response.headers[name]),
            response.pointer,
        )
    for guarantee in response.guarantees:
        yield Claim(
            f"{begin}/guarantees/{guarantee.name}",
            operation.id,
            ClaimSubject.GUARANTEE,
            _guarantee_sentence(guarantee.name),
            guarantee.evidence,
            guarantee.pointer,
        )


def _guarantee_sentence(guarantee: str) -> str:
    from specs.validation.vocabulary import GUARANTEES

    return GUARANTEES[guarantee]


@dataclass(frozen=True, slots=True)
class Constraint:
    name: str
    keyword: str
    sentence: str
    evidence: Evidence
    pointer: str


_SENTENCE_TEMPLATES = {
    "type": "must be {value}",
    "enum": "must be one of {value}",
    "const": "must be {value}",
    "minimum": "must be at least {value}",
    "maximum": "must be at most {value}",
    "multipleOf": "must be a multiple of {value}",
    "exclusiveMinimum": "must be greater than {value}",
    "exclusiveMaximum": "must be less than {value}",
    "minLength": "has at least {value} characters",
    "maxLength": "has at most {value} characters",
    "minItems": "has at least {value} entries",
    "maxItems": "has at most {value} entries",
    "pattern": "matches {value}",
    "default": "is {value} when left out",
}
_CHOICES = {
    "anyOf": "has one of the documented forms",
    "not": "does not have a form that is ruled out",
}
_ASPECT_KEYWORDS = ("x-image-size", "x-upload")


def _constraints(provider: Provider, body: Body) -> Iterator[Constraint]:
    is_form = body.media_type.startswith("multipart/")
    yield from _walk(provider, body.schema, (), body.evidence, is_form=is_form)


def _walk(
    provider: Provider,
    node: Any,
    segments: tuple[str, ...],
    evidence: Evidence,
    *,
    is_form: bool,
    outer: Any = None,
    pointer: str = "",
) -> Iterator[Constraint]:
    """
    Yield the constraints of a schema node and of the nodes below it.

    `outer` is the schema whose `allOf` contains the node; `pointer` is the JSON pointer
    of the mapping that contains it.
    """
    if node is False:
        text = f"{_field_name(segments)} must be absent"
        name = "/".join((*segments, "absent"))
        yield Constraint(name, "not", text, evidence, pointer)
        return
    if not isinstance(node, dict):
        return
    evidence = evidence.within(node)
    if "x-rule" in node:
        segments = (node["x-rule"],)
    pointer = provider.pointer_of(node)

    def part(keyword: str, sentence: str, *more: str) -> Constraint:
        basis = (node["x-basis"],) if restates_keyword(outer, node, keyword) else ()
        name = "/".join((*segments, *basis, *(more or (keyword,))))
        return Constraint(name, keyword, sentence, evidence, pointer)

    for keyword, value in node.items():
        if keyword in _SENTENCE_TEMPLATES and not (
            is_form and _is_trivial_in_form(keyword, node)
        ):
            subject = _field_name(segments)
            text = _SENTENCE_TEMPLATES[keyword].format(value=_format_value(value))
            yield part(keyword, f"{subject} {text}")
        elif keyword == "not" and isinstance(value, dict) and "enum" in value:
            text = f"must not be one of {_format_value(value['enum'])}"
            yield part(keyword, f"{_field_name(segments)} {text}")
        elif keyword in _CHOICES:
            yield part(keyword, f"{_field_name(segments)} {_CHOICES[keyword]}")
        elif keyword in _ASPECT_KEYWORDS:
            for aspect, limit in value.items():
                text = f"{_field_name(segments)} keeps {aspect} {_format_value(limit)}"
                yield part(keyword, text, keyword, aspect)
        elif keyword == "x-same-dimensions":
            text = f"{value[1]} has the dimensions of {value[0]}"
            yield part(keyword, text, keyword, value[1])
        elif keyword == "required":
            for name in value:
                yield part(keyword, f"{name} is required", name, "required")
        elif keyword == "additionalProperties" and value is False:
            yield part(keyword, f"{_field_name(segments)} has no other fields")
        elif keyword == "properties":
            for name, member in value.items():
                yield from _walk(
                    provider,
                    member,
                    (*segments, name),
                    evidence,
                    is_form=is_form,
                    pointer=pointer,
                )
        elif keyword == "items":
            last = f"{segments[-1]}[]" if segments else "[]"
            below_words = (*segments[:-1], last)
            yield from _walk(provider, value, below_words, evidence, is_form=is_form)
        elif keyword in {"then", "else"}:
            yield from _walk(provider, value, segments, evidence, is_form=is_form)
        elif keyword == "allOf":
            for subschema in value:
                yield from _walk(
                    provider, subschema, segments, evidence, is_form=is_form, outer=node
                )


def _is_trivial_in_form(keyword: str, node: Mapping[str, Any]) -> bool:
    """A form is an object, every text in it a string, and nothing can be null."""
    types = node.get("type")
    kept = {"string", "null", "object"}
    return (
        keyword == "type"
        and node.get("format") != "binary"
        and set(types if isinstance(types, list) else [types]) <= kept
    )


def _field_name(segments: tuple[str, ...]) -> str:
    return segments[-1] if segments else "the body"


def _format_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join("null" if each is None else str(each) for each in value)
    return str(value)
