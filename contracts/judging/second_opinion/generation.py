"""
Test cases that stock schemathesis generates from the same document.

Our judge classifies each generated request, and our client sends it, so that limits,
pacing and recordings hold for all requests. schemathesis itself sends nothing.

schemathesis runs inside this process, so that all cases are known before the first is
sent. A proxy between its command line and the target could not plan them.
"""

import json
import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from contracts.judging.second_opinion.document import (
    SAMPLE_IMAGES,
    plain_document,
    testable_operations,
)
from contracts.planning.case import Case, ExpectedError, Origin, body_of, form_text
from contracts.planning.classification import classify_generated
from contracts.planning.enumeration.probes import MAX_PER_CLAIM
from contracts.planning.generation.fuzz import collect_examples
from contracts.planning.paths import sample_path
from contracts.planning.request_model import RequestModel, request_models
from specs import FORM, JSON, Operation, Provider, State

MAX_RANDOM_EXAMPLES = 12  # of an operation and mode
MAX_NUMBER = 10**18

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GeneratedCase:
    """
    A case, and the request of schemathesis from which it was converted.

    * `has_rules`: the document of schemathesis had the rules between fields.
    * `arguments`: those of `APIOperation.Case` of schemathesis.
    * `metadata`: how the request was generated, as of `CaseMetadata.to_dict`.
    """

    case: Case
    has_rules: bool
    arguments: dict[str, Any]
    metadata: dict[str, Any]

    @classmethod
    def of(cls, case: Case, external_case: Any, *, has_rules: bool) -> Self:
        from schemathesis.core import NOT_SET

        arguments = {
            "method": external_case.method,
            "headers": dict(external_case.headers),
            "media_type": external_case.media_type,
        }
        if external_case.body is not NOT_SET:
            arguments["body"] = external_case.body
        return cls(case, has_rules, arguments, external_case.meta.to_dict())

    def external_case(self, operation: Any) -> Any:
        """The case of schemathesis, for the operation of the same document."""
        from schemathesis.generation.meta import CaseMetadata

        metadata = CaseMetadata.from_dict(self.metadata)
        return operation.Case(**self.arguments, _meta=metadata)


class Documents:
    """
    The documents of a provider, as schemathesis reads them.

    They remember what was generated: only new ones give the same cases for a seed.
    """

    def __init__(self, provider: Provider, seed: int) -> None:
        self._provider = provider
        self._seed = seed

    def operation(self, operation: Operation, *, with_rules: bool) -> Any:
        """An operation, with or without the rules between fields."""
        document = self._with_rules if with_rules else self._without_rules
        return document[sample_path(operation)][operation.method]

    def has_rules(self, external_case: Any) -> bool:
        """True if a case was generated with the rules between fields."""
        return external_case.operation.schema is self._with_rules

    @cached_property
    def _with_rules(self) -> Any:
        return self._load(plain_document(self._provider))

    @cached_property
    def _without_rules(self) -> Any:
        return self._load(plain_document(self._provider, with_rules=False))

    def _load(self, document: dict[str, Any]) -> Any:
        import schemathesis

        settings = {
            "seed": self._seed,
            "generation": {"with-security-parameters": False, "allow-x00": False},
        }
        return schemathesis.openapi.from_dict(
            document, config=schemathesis.Config.from_dict(settings)
        )


def generate_cases(provider: Provider, *, seed: int = 0) -> list[GeneratedCase]:
    """The cases of a provider; the same for the same document and seed."""
    return list(_Generator(provider, seed).cases())


class _Generator:
    def __init__(self, provider: Provider, seed: int) -> None:
        self._provider = provider
        self._seed = seed
        self._documents = Documents(provider, seed)

    def cases(self) -> Iterator[GeneratedCase]:
        number_by_id: Counter[str] = Counter()
        count_by_claim: Counter[tuple[str, str]] = Counter()
        for operation in testable_operations(self._provider):
            seen: set[str] = set()
            for label, external_case in self._generate_requests(operation):
                case = self._to_case(operation, label, external_case)
                if case is None or repr(case) in seen:
                    continue
                seen.add(repr(case))
                if case.expected_error is not None:
                    key = (label, case.expected_error.claim)
                    count_by_claim[key] += 1
                    if count_by_claim[key] > MAX_PER_CLAIM:
                        continue
                number_by_id[case.id] += 1
                case = replace(case, id=f"{case.id}-{number_by_id[case.id]}")
                has_rules = self._documents.has_rules(external_case)
                yield GeneratedCase.of(case, external_case, has_rules=has_rules)

    def _generate_requests(self, operation: Operation) -> Iterator[tuple[str, Any]]:
        """
        Yield labels and cases of schemathesis: boundary cases first, then random ones.

        Boundary cases are generated without the rules between fields. With them,
        schemathesis violates a rule without the fields that the rule requires, and
        each such request would have a second fault.
        """
        from schemathesis import GenerationMode

        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        external_operation = self._documents.operation(operation, with_rules=False)
        schema = external_operation.schema
        for external_case in schema.iter_coverage_cases(
            external_operation,
            generation_modes=modes,
            generation_config=schema.config.generation_for(
                operation=external_operation, phase="coverage"
            ),
        ):
            yield _scenario_name(external_case), external_case
        for mode in modes:
            for external_case in self._random_requests(operation, mode):
                yield str(mode.value), external_case

    def _random_requests(self, operation: Operation, mode: Any) -> list[Any]:
        """
        Generate random requests, with the rules between fields if schemathesis can.

        Empty if it supports the schema in neither form.
        """
        from schemathesis import GenerationMode
        from schemathesis.core.errors import UnsupportedSchema

        # To violate a schema with rules takes seconds, and the plan violates each rule.
        attempts = [False] if mode is GenerationMode.NEGATIVE else [True, False]
        for with_rules in attempts:
            external_operation = self._documents.operation(
                operation, with_rules=with_rules
            )
            try:
                strategy = external_operation.as_strategy(generation_mode=mode)
                return collect_examples(strategy, self._seed, MAX_RANDOM_EXAMPLES)
            except UnsupportedSchema:
                log.info("schemathesis does not support a schema of %s", operation.id)
        return []

    def _to_case(
        self, operation: Operation, label: str, external_case: Any
    ) -> Case | None:
        """
        Convert a case of schemathesis, without a number in its id.

        None if the request cannot be sent, is large, or is unspecified by the document.
        """
        from schemathesis.core import NOT_SET

        media_type = external_case.media_type or next(iter(operation.bodies))
        request_model = request_models(self._provider)[operation.id, media_type]
        prefix = f"{request_model.name}/{Origin.SCHEMATHESIS}"
        name = f"{prefix}/{label}"
        if external_case.method != operation.method:
            others = self._provider.matching(self._provider.full_path(operation))
            if external_case.method in {each.method for each, _ in others}:
                return None
            name = f"{prefix}/method-{external_case.method.lower()}"
            return _unspecified_case(request_model, name, method=external_case.method)
        if "Content-Type" in external_case.headers:
            raw, _ = body_of(_unspecified_case(request_model, name))
            return _unspecified_case(
                request_model, name, raw=raw, content_type="text/plain"
            )
        if external_case.body is NOT_SET:
            is_json = media_type == JSON
            return _malformed_case(request_model, name, b"") if is_json else None
        body = _to_json(external_case.body)
        if isinstance(body, dict):
            return _classify_object(request_model, label, body)
        if media_type == FORM or body is None:
            return None
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _malformed_case(request_model, name, raw)


def _classify_object(
    request_model: RequestModel, label: str, body: dict[str, Any]
) -> Case | None:
    payload = _parse_as_form(request_model, body) if request_model.is_form else body
    is_small = request_model.samples.is_small
    if payload is None or not all(map(is_small, payload.values())):
        return None
    case = classify_generated(request_model, Origin.SCHEMATHESIS, label, payload)
    if case is None or case.expected_error is not None:
        return case
    return case if all(map(_is_ordinary, payload.values())) else None


def _is_ordinary(value: Any) -> bool:
    """
    True unless a value holds what servers may reject, even if no page says so.

    That is a text that is blank or has control characters, and a number of many digits.
    """
    if isinstance(value, list):
        return all(map(_is_ordinary, value))
    if isinstance(value, dict):
        return all(map(_is_ordinary, value.values()))
    if isinstance(value, int | float):
        return abs(value) <= MAX_NUMBER
    if not isinstance(value, str):
        return True
    has_control = any(unicodedata.category(each) == "Cc" for each in value)
    return bool(value.strip()) and not has_control


def _parse_as_form(
    request_model: RequestModel, body: Mapping[str, Any]
) -> dict[str, Any] | None:
    """
    Convert a generated object to the payload that a server reads from its form.

    A name of a sample image becomes the image, every other value the value of its form
    text. None if a form cannot hold the object: lists of texts and bytes are no parts.
    """
    payload: dict[str, Any] = {}
    for name, value in body.items():
        canonical_name = request_model.canonical_name(name)
        is_file = canonical_name in request_model.samples.file_fields
        entries = value if isinstance(value, list) else [value]
        if is_file and entries and all(str(each) in SAMPLE_IMAGES for each in entries):
            files = [SAMPLE_IMAGES[str(each)] for each in entries]
            payload[name] = files if isinstance(value, list) else files[0]
        elif isinstance(value, list | bytes) or not _is_part_name(name):
            return None
        else:
            payload[name] = _parse_form_text(
                form_text(value), request_model.schemas(name)
            )
    return payload


def _parse_form_text(text: str, schemas: Iterable[Any]) -> Any:
    """Parse a form text as the number or boolean of a schema; else it stays a text."""
    types = [str(each.get("type")) for each in schemas if isinstance(each, dict)]
    for type_name, python_types in _FORM_TYPES:
        if any(type_name in each for each in types):
            try:
                value = json.loads(text)
            except ValueError:
                continue
            if type(value) in python_types:
                return value
    return text


_FORM_TYPES = (("integer", (int,)), ("number", (int, float)), ("boolean", (bool,)))


def _is_part_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _to_json(body: Any) -> Any:
    """Convert a body of schemathesis to plain JSON values or bytes; None if invalid."""
    if isinstance(data := getattr(body, "data", body), bytes):
        return data
    try:
        return json.loads(json.dumps(body, allow_nan=False), parse_float=_parse_number)
    except (TypeError, ValueError):
        return None


def _parse_number(text: str) -> int | float:
    """Parse 3.0 as 3: an integer in JSON Schema, but not for every JSON reader."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _unspecified_case(request_model: RequestModel, name: str, **changes: Any) -> Case:
    """The minimal request, sent in a way that the document does not describe."""
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
    """A body that is not an object of its media type."""
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
