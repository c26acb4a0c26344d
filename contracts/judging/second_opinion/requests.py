"""
A second opinion: stock schemathesis over the same document.

It draws requests and judges answers; what it draws is classified by our judge and sent
by our sender, so that one ledger counts, paces and records everything. It sends nothing
itself: a check that would is given what it wants to know, or is left out.

This runs inside the process because its generators and checks can be had as functions:
a local server between its command line and the target would give the same requests and
the same verdicts, but could plan none of them before the first is sent.
"""

import json
import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property, lru_cache
from importlib import import_module
from typing import Any

from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.merge import ExternalFailure
from contracts.media.image.samples import Sample
from contracts.planning.case import (
    FORM,
    JSON,
    Case,
    ExpectedError,
    Origin,
    body_of,
    form_text,
)
from contracts.planning.fuzz import collect_examples
from contracts.planning.generated import classify_generated, is_small
from contracts.planning.probes import MAX_PER_CLAIM
from contracts.planning.request_model import RequestModel, request_models
from contracts.planning.values import LONG_TEXT_LENGTH
from specs import (
    EVENT_STREAM,
    Basis,
    Body,
    Operation,
    Provider,
    Response,
    State,
)
from specs.validation.engine import compile_validator
from specs.validation.transforms import documented_only, to_validator_schema

DEFAULT_MAX_EXAMPLES = 12
SAMPLE_IMAGES = {
    "picture-png": Sample(),
    "picture-other": Sample(variant=1),
    "picture-webp": Sample(format="webp"),
    "picture-alpha": Sample(alpha=True),
}
JUDGED_ORIGINS = {Origin.AUTH, Origin.STREAM, Origin.EXAMPLE}
UNREACHABLE_URL = "http://nowhere.invalid"  # should it ever send something after all
AUTH_CHECK = "ignored_auth"  # takes a key that it is not told of for a bad one

log = logging.getLogger(__name__)


@lru_cache(maxsize=16)
def second_opinion(provider: Provider, seed: int = 0) -> "SecondOpinion":
    """The second opinion on a provider: its requests are drawn once for a seed."""
    return SecondOpinion(provider, seed=seed)


class SecondOpinion:
    """What schemathesis asks about one provider's document, and says of the answers."""

    def __init__(
        self, provider: Provider, *, seed: int = 0, examples: int = DEFAULT_MAX_EXAMPLES
    ):
        self._provider = provider
        self._seed = seed
        self._examples = examples

    @property
    def cases(self) -> list[Case]:
        """Its requests as cases, the same for the same seed; what is open is left."""
        return [case for case, _ in self._generated_cases.values()]

    def failures_for(self, interaction: Interaction) -> list[ExternalFailure]:
        """
        What it has against an answer: to a request of its own, or to one of `HEARD`.

        A request made smaller is no longer its own: only the answer is judged.
        """
        case = interaction.case
        ours, theirs = self._generated_cases.get(case.id, (None, None))
        is_own = ours is not None and ours.payload == case.payload
        if interaction.status is None or not (ours or case.origin in JUDGED_ORIGINS):
            return []
        if not is_own:
            operation = self._provider.operations[case.operation]
            theirs = self._schema_with_rules[operation.path][operation.method].Case()
        return list(self._failures(theirs, interaction, _checks_for(case)))

    def _failures(
        self, external_case: Any, interaction: Interaction, checks: Iterable[Any]
    ) -> Iterator[ExternalFailure]:
        response = self._to_schemathesis_response(interaction)
        if not _run_checks(external_case, response, checks):
            return
        # One by one, since a failure does not say for certain which check it is of.
        for check in checks:
            for failure in _run_checks(external_case, response, [check]):
                message = " ".join(failure.message.split())[:300]
                yield ExternalFailure(check.__name__, failure.title, message)

    def _to_schemathesis_response(self, interaction: Interaction) -> Any:
        """An exchange in the words of schemathesis; without the key."""
        from schemathesis import Response as Stock

        case = interaction.case
        operation = self._provider.operations[case.operation]
        body, content_type = body_of(case)
        headers = {"Content-Type": content_type} if content_type else {}
        if case.auth is not None:
            headers["Authorization"] = case.auth
        # Its type stubs are no dependency of ours.
        request = import_module("requests").Request(
            case.method or operation.method,
            UNREACHABLE_URL + operation.path,
            headers=headers,
            data=body,
        )
        return Stock(
            status_code=interaction.status or 0,
            headers={name: [value] for name, value in interaction.headers.items()},
            content=interaction.body,
            request=request.prepare(),
            elapsed=interaction.seconds,
            verify=True,
        )

    @cached_property
    def _schema_with_rules(self) -> Any:
        return self._load_schema(plain_document(self._provider))

    @cached_property
    def _schema_without_rules(self) -> Any:
        return self._load_schema(plain_document(self._provider, with_rules=False))

    def _load_schema(self, document: dict[str, Any]) -> Any:
        import schemathesis

        settings = {
            "seed": self._seed,
            "generation": {"with-security-parameters": False, "allow-x00": False},
        }
        return schemathesis.openapi.from_dict(
            document, config=schemathesis.Config.from_dict(settings)
        )

    @cached_property
    def _generated_cases(self) -> dict[str, tuple[Case, Any]]:
        """Each case with what schemathesis knows of it, by id."""
        found: dict[str, tuple[Case, Any]] = {}
        names: Counter[str] = Counter()
        about: Counter[tuple[str, str]] = Counter()
        for operation in self._provider.operations.values():
            seen: set[str] = set()
            for label, theirs in self._generate_requests(operation):
                case = self._to_case(operation, label, theirs)
                if case is None or repr(case) in seen:
                    continue
                seen.add(repr(case))
                if case.expected_error is not None:
                    key = (label, case.expected_error.claim)
                    about[key] += 1
                    if about[key] > MAX_PER_CLAIM:
                        continue
                names[case.id] += 1
                named = replace(case, id=f"{case.id}-{names[case.id]}")
                found[named.id] = (named, theirs)
        return found

    def _generate_requests(self, operation: Operation) -> Iterator[tuple[str, Any]]:
        """
        Requests at the edges of the document first, then such as chance gives.

        The rules are left out of the edges: schemathesis breaks a rule apart from the
        members that are required beside it, so that other faults would hide its own.
        """
        from schemathesis import GenerationMode

        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        theirs = self._schema_without_rules[operation.path][operation.method]
        for each in self._schema_without_rules.iter_coverage_cases(
            theirs,
            generation_modes=modes,
            generation_config=self._schema_without_rules.config.generation_for(
                operation=theirs, phase="coverage"
            ),
        ):
            yield _scenario_name(each), each
        theirs = self._schema_with_rules[operation.path][operation.method]
        for mode in modes:
            strategy = theirs.as_strategy(generation_mode=mode)
            for each in collect_examples(strategy, self._seed, self._examples):
                yield str(mode.value), each

    def _to_case(
        self, operation: Operation, label: str, external_case: Any
    ) -> Case | None:
        """What is sent for a request of theirs, as our judge reads it."""
        from schemathesis.core import NOT_SET

        media_type = external_case.media_type or next(iter(operation.bodies))
        desk = request_models(self._provider)[operation.id, media_type]
        name = f"{desk.name}/{Origin.SCHEMATHESIS}/{label}"
        if external_case.method != operation.method:
            name = f"{desk.name}/{Origin.SCHEMATHESIS}/method-{external_case.method.lower()}"
            return _unspecified_case(desk, name, method=external_case.method)
        if "Content-Type" in external_case.headers:
            raw, _ = body_of(_unspecified_case(desk, name))
            return _unspecified_case(desk, name, raw=raw, content_type="text/plain")
        if external_case.body is NOT_SET:
            return _malformed_case(desk, name, b"") if media_type == JSON else None
        body = _to_json(external_case.body)
        if isinstance(body, dict):
            payload = _parse_as_form(desk, body) if media_type == FORM else body
            if payload is None or not all(map(is_small, payload.values())):
                return None
            case = classify_generated(desk, Origin.SCHEMATHESIS, label, payload)
            is_odd = not all(map(_is_printable_text, payload.values()))
            return None if case and case.expected_error is None and is_odd else case
        if media_type == FORM or body is None:
            return None
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _malformed_case(desk, name, raw)


def plain_document(provider: Provider, *, with_rules: bool = True) -> dict[str, Any]:
    """
    The document as its provider states it, in words that schemathesis knows.

    Assumptions are left out, and unlisted members with them; a file is the name of one
    of our `PICTURES`, of which those stand to choose that its schema takes; `model` is
    one that a plain request may name.
    """
    paths: dict[str, Any] = {}
    for operation in provider.operations.values():
        paths.setdefault(operation.path, {})[operation.method.lower()] = {
            "operationId": operation.id,
            "security": [{"bearer": []}] if operation.authentication else [],
            "requestBody": {
                "required": True,
                "content": {
                    media_type: {
                        "schema": _request_schema(provider, operation, body, with_rules)
                    }
                    for media_type, body in operation.bodies.items()
                },
            },
            "responses": {
                status: _response_object(each)
                for status, each in operation.responses.items()
            },
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": provider.title, "version": provider.version},
        "servers": [{"url": UNREACHABLE_URL}],
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}
        },
        "paths": paths,
    }


def _request_schema(
    provider: Provider, operation: Operation, body: Body, with_rules: bool
) -> dict[str, Any]:
    desk = request_models(provider)[operation.id, body.media_type]
    schema = documented_only(_files_as_names(_simplify_schema(body.schema)))
    parts = [each for each in schema.get("allOf", []) if each is not True]
    if not with_rules:
        parts = [each for each in parts if "x-rule" not in each]
    listed = {
        name: member
        for name, member in schema.get("properties", {}).items()
        if member is not True
    }
    models = [each["model"] for _, each in desk.by_model if "model" in each]
    if models and "model" in listed:
        listed["model"] = {"type": "string", "enum": list(dict.fromkeys(models))}
    for name, value in desk.minimal_request.items():
        if isinstance(value, str) and name != "model":
            listed[name] = {**listed[name], "minLength": 1, "examples": [value]}
    closed = {"properties": listed, "additionalProperties": False}
    return {**schema, **closed, "allOf": parts or [{}]}


def _response_object(response: Response) -> dict[str, Any]:
    return {
        "description": response.status,
        "headers": {
            name: each
            for name, each in response.headers.items()
            if each.get("x-basis", Basis.DOCUMENTED) == Basis.DOCUMENTED
        },
        "content": {
            media_type: {
                "schema": _response_schema(media_type, documented_only(body.schema))
            }
            for media_type, body in response.bodies.items()
        },
    }


def _response_schema(media_type: str, schema: Any) -> dict[str, Any]:
    """
    The schema of a body, in what schemathesis makes of it.

    It takes that of a stream for the event around the data.
    """
    found = schema if isinstance(schema, dict) else {}
    if media_type != EVENT_STREAM:
        return found
    data = {"contentMediaType": JSON, "contentSchema": found}
    return {"type": "object", "properties": {"data": {"type": "string", **data}}}


def _simplify_schema(schema: Any) -> Any:
    """A schema that draws null only where null is listed, and no text of megabytes."""
    if isinstance(schema, list):
        return [_simplify_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _simplify_schema(each)
        for key, each in schema.items()
        if key != "x-null" and not (key == "maxLength" and each >= LONG_TEXT_LENGTH)
    }


def _files_as_names(schema: Any) -> Any:
    """A schema with each file as the name of one of our pictures."""
    if isinstance(schema, list):
        return [_files_as_names(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _files_as_names(each) for key, each in schema.items()}
    if schema.get("format") == "binary":
        del result["format"]
        takes = compile_validator(to_validator_schema(schema))
        names = [
            name for name, each in SAMPLE_IMAGES.items() if takes.is_valid(each.facts)
        ]
        # Says nothing of lists, which the same member may take as well.
        result["pattern"] = f"^({'|'.join(names)})$"
    return result


def _parse_as_form(
    request_model: RequestModel, body: Mapping[str, Any]
) -> dict[str, Any] | None:
    """
    A body as its form will be read; None when no form can say it.

    All but a file is text on the wire, and a list of texts is no list there.
    """
    payload: dict[str, Any] = {}
    for name, value in body.items():
        is_file = request_model.canonical_name(name) in {"image", "mask"}
        several = value if isinstance(value, list) else [value]
        if is_file and several and all(str(each) in SAMPLE_IMAGES for each in several):
            files = [SAMPLE_IMAGES[str(each)] for each in several]
            payload[name] = files if isinstance(value, list) else files[0]
        elif isinstance(value, list | bytes) or not _is_part_name(name):
            return None
        else:
            payload[name] = _parse_form_text(
                form_text(value), request_model.schemas(name)
            )
    return payload


def _parse_form_text(text: str, schemas: Iterable[Any]) -> Any:
    """A form's text as the type that its member asks for, where it can be read so."""
    types = [str(each.get("type")) for each in schemas if isinstance(each, dict)]
    kinds = {"integer": int, "boolean": bool}
    for kind, wanted in kinds.items():
        if any(kind in each for each in types):
            try:
                value = json.loads(text)
            except ValueError:
                continue
            if type(value) is wanted:
                return value
    return text


def _is_printable_text(value: Any) -> bool:
    """Whether a value is no text, or one of which no server may think ill."""
    if not isinstance(value, str):
        return True
    return not any(unicodedata.category(each) == "Cc" for each in value) and bool(
        value.strip()
    )


def _is_part_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _to_json(body: Any) -> Any:
    """A body in plain types (schemathesis has its own text); None if it has none."""
    if isinstance(data := getattr(body, "data", body), bytes):
        return data
    try:
        return json.loads(json.dumps(body, allow_nan=False), parse_float=_parse_number)
    except (TypeError, ValueError):
        return None


def _parse_number(text: str) -> int | float:
    """A number; 3.0 is an integer to JSON Schema, but not to every JSON reader."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _unspecified_case(request_model: RequestModel, name: str, **changes: Any) -> Case:
    """A plain request of a shape that the document does not speak of."""
    return Case(
        id=name,
        operation=request_model.operation.id,
        origin=Origin.TRANSPORT,
        generator=Origin.SCHEMATHESIS,
        expectation=State.UNSPECIFIED,
        media_type=request_model.body.media_type,
        payload=request_model.minimal_request,
        **changes,
    )


def _malformed_case(request_model: RequestModel, name: str, raw: bytes) -> Case:
    """A body that cannot be read as what it claims to be."""
    return Case(
        id=name,
        operation=request_model.operation.id,
        origin=Origin.MALFORMED,
        generator=Origin.SCHEMATHESIS,
        expectation=State.INVALID,
        media_type=request_model.body.media_type,
        claims=(request_model.name,),
        expected_error=ExpectedError(request_model.name, "invalid_request"),
        raw=raw,
    )


def _scenario_name(external_case: Any) -> str:
    scenario = external_case.meta.phase.data.scenario
    return str(scenario.value).replace("_", "-") if scenario else "coverage"


def _run_checks(external_case: Any, response: Any, checks: Iterable[Any]) -> list[Any]:
    """The failures of some checks, in an order of their own."""
    from schemathesis.errors import FailureGroup

    try:
        external_case.validate_response(response, checks=list(checks))
    except FailureGroup as group:
        return sorted(group.exceptions)
    except Exception:  # its own fault, and not the target's
        log.warning("schemathesis could not judge an answer", exc_info=True)
    return []


def _checks_for(case: Case) -> list[Any]:
    """
    The checks to run: of a bad key the one that is about keys, else all the others.

    To an answer of 5xx for a wrong label one of them would ask again with a right one;
    our own checks report it as it is.
    """
    checks = _all_checks()
    if case.origin == Origin.AUTH:
        return [checks[AUTH_CHECK]]
    unwanted = {AUTH_CHECK, "object_level_authorization"}
    if case.content_type is not None:
        unwanted.add("not_a_server_error")
    return [each for name, each in checks.items() if name not in unwanted]


@cache
def _all_checks() -> dict[str, Any]:
    """The checks that schemathesis has, by name."""
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    return {name: CHECKS.get_one(name) for name in sorted(CHECKS.get_all_names())}
