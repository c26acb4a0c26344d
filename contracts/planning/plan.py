"""
All planned cases of a provider, in their order, before any is sent.

Cases that must be rejected come first, since most providers charge nothing for them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from contracts.media.files import Sample
from contracts.planning.case import Case, Origin
from contracts.planning.classification import (
    Mutation,
    basis_of,
    claims_tested_by,
    classify_probe,
)
from contracts.planning.enumeration.pairwise import pairwise_cases
from contracts.planning.enumeration.probes import probes
from contracts.planning.enumeration.protocol import (
    auth_cases,
    endpoint_cases,
    failed_image_cases,
    malformed_body_cases,
    query_cases,
    triggered_error_cases,
)
from contracts.planning.models import model_cases
from contracts.planning.request_model import (
    RequestModel,
    request_models,
    testable_models,
)
from contracts.planning.tasks.plan import (
    conversation_cases,
    followed,
    task_operation_cases,
)
from contracts.report.model import NO_SAMPLE
from specs import Provider, State

OTHER_PROMPT = "A blue sphere on black sand"
MAX_PARTIAL_IMAGES = 3


def plan(provider: Provider, *, seed: int = 0, is_mock: bool = False) -> list[Case]:
    """
    All planned cases of a provider, cheapest first.

    The same document and seed give the same cases in the same order. `is_mock` adds
    the error responses that only our mock gives on demand. A request body of which no
    valid request can be made has one case, which is not sent.

    Raises `PlanError` if no request body has a valid request.
    """
    models = testable_models(provider)
    rejected: list[Case] = []
    accepted: list[Case] = []
    for request_model, probe_cases in _probes_by_body(provider):
        relations = list(_relation_cases(request_model))
        rejected += _in_state(probe_cases, State.INVALID)
        rejected += malformed_body_cases(request_model)
        rejected += [each for each in relations if each.expected_error]
        accepted += _basic_cases(request_model)
        accepted += _in_state(probe_cases, State.VALID)
        accepted += _in_state(probe_cases, State.UNSPECIFIED)
        accepted += [each for each in relations if not each.expected_error]
        accepted += _stream_cases(request_model)
        accepted += pairwise_cases(request_model, seed)
    for operation_id in provider.operations:
        own = (each for (id_, _), each in models.items() if id_ == operation_id)
        for first in islice(own, 1):
            rejected += auth_cases(first)
            rejected += endpoint_cases(first)
            if first.operation.task is None:
                rejected += query_cases(first)
            if is_mock:
                rejected += triggered_error_cases(first)
                accepted += failed_image_cases(first)
    for request_model in models.values():
        accepted += conversation_cases(request_model, is_mock=is_mock)
    rejected += task_operation_cases(provider, is_mock=is_mock)
    rejected += model_cases(provider, is_mock=is_mock)
    accepted = list(followed(provider, accepted))
    untested = map(_untested_case, request_models(provider).values())
    return _with_unique_ids([*rejected, *accepted, *filter(None, untested)])


def repeatable_cases(provider: Provider, cases: Iterable[Case]) -> list[Case]:
    """
    The cases that may be sent more than once, or that must be rejected.

    A server rejects the second request with the same id of a client.
    """
    models = request_models(provider)
    return [
        each
        for each in cases
        if each.expected_error
        or (model := models.get((each.operation, each.media_type or ""))) is None
        or model.unique_fields.isdisjoint(each.payload)
    ]


def _untested_case(request_model: RequestModel) -> Case | None:
    """The case of a request body without a valid request; None if it has one."""
    if not request_model.problem:
        return None
    return Case(
        id=f"{request_model.name}/no-valid-sample",
        operation=request_model.operation.id,
        origin=Origin.PROBE,
        expectation=State.UNSPECIFIED,
        media_type=request_model.body.media_type,
        untested=f"{NO_SAMPLE} ({request_model.operation.id})",
    )


@lru_cache(maxsize=16)
def _probes_by_body(
    provider: Provider,
) -> tuple[tuple[RequestModel, tuple[Case, ...]], ...]:
    """Each request body with its probes; cached, since the search takes longest."""
    return tuple(
        (request_model, tuple(probes(request_model)))
        for request_model in testable_models(provider).values()
    )


def _in_state(cases: Iterable[Case], state: State) -> list[Case]:
    return [each for each in cases if each.expectation is state]


def _basic_cases(request_model: RequestModel) -> Iterator[Case]:
    """The minimal request, variants of it, and the documented examples."""
    yield _case(
        request_model,
        "plain",
        request_model.minimal_request,
        claims=_claims_of_minimal_request(request_model),
    )
    other = request_model.with_value(
        request_model.minimal_request, "prompt", OTHER_PROMPT
    )
    if other is not None:
        yield _case(request_model, "other-prompt", other)
    yield from _default_model_case(request_model)
    for name, example in request_model.body.examples.items():
        if request_model.state(example) is State.VALID:
            yield _case(
                request_model, f"examples/{name}", example, origin=Origin.EXAMPLE
            )


def _claims_of_minimal_request(request_model: RequestModel) -> tuple[str, ...]:
    """Endpoint, key, body, and the defaults of all fields that are not sent."""
    operation = request_model.operation.id
    defaults = [
        claim
        for claim in request_model.claims
        if claim.startswith(f"{request_model.name}/")
        and claim.endswith("/default")
        and claim.split("/")[2] not in request_model.minimal_request
    ]
    return (f"{operation}/path", f"{operation}/auth", request_model.name, *defaults)


def _default_model_case(request_model: RequestModel) -> Iterator[Case]:
    """The minimal request without a model, if the document has a default model."""
    model = request_model.wire_name("model") or "model"
    claim = f"{request_model.name}/{model}/default"
    payload = {
        name: value
        for name, value in request_model.minimal_request.items()
        if name != model
    }
    if claim in request_model.claims:
        state = request_model.state(payload)
        if state is not State.INVALID:
            yield _case(
                request_model,
                f"{model}/default/missing",
                payload,
                claims=(claim,),
                expectation=state,
            )


def _relation_cases(request_model: RequestModel) -> Iterator[Case]:
    """Requests that differ in one field only, to compare their responses."""
    for mutation in _compression_mutations(request_model):
        case, _ = classify_probe(request_model, "", mutation)
        if case is not None and case.expectation is not State.UNSPECIFIED:
            is_valid = case.expectation is State.VALID
            added = mutation.payload.keys() - request_model.minimal_request.keys()
            basis = basis_of(request_model, sorted(added), mutation.payload)
            yield replace(case, basis=basis) if is_valid else case
    for name in request_model.body.properties:
        if request_model.canonical_name(name) == "mask":
            mask = request_model.valid_values(name)[0]
            payload = {**request_model.minimal_request, name: mask}
            yield from _valid_case(request_model, f"{name}/given", payload, name)
            for transparent in _with_alpha_image(request_model, payload):
                yield from _valid_case(
                    request_model, f"{name}/given-to-alpha", transparent, name
                )


def _with_alpha_image(
    request_model: RequestModel, payload: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    for name, value in payload.items():
        if request_model.canonical_name(name) == "image" and isinstance(value, Sample):
            yield {**payload, name: replace(value, alpha=True)}


def _compression_mutations(request_model: RequestModel) -> Iterator[Mutation]:
    """Each format with compression, at both limits of the level and beyond them."""
    level_field = request_model.wire_name("output_compression")
    format_field = request_model.wire_name("output_format")
    if level_field is None or format_field is None:
        return
    for image_format in ("jpeg", "webp"):
        for level in (100, 0, 101, -1):
            yield Mutation(
                f"{level_field}/{image_format}-at-{level}",
                {
                    **request_model.minimal_request,
                    format_field: image_format,
                    level_field: level,
                },
                (level_field,),
            )


def _stream_cases(request_model: RequestModel) -> Iterator[Case]:
    """A stream with each number of partial images, and one of two images."""
    fields = request_model.body.properties
    if not request_model.operation.supports_streaming or "stream" not in fields:
        return
    changes: dict[str, dict[str, Any]] = {"stream": {}}
    if "partial_images" in fields:
        for count in range(MAX_PARTIAL_IMAGES + 1):
            changes[f"stream-with-{count}-partials"] = {"partial_images": count}
    changes["stream-of-two"] = {"n": 2}
    for label, change in changes.items():
        payload = {**request_model.minimal_request, "stream": True, **change}
        state = request_model.state(payload)
        if state is not State.INVALID:
            # The claims of the other field come before those of `stream`.
            mutation = Mutation(label, payload, (*change, "stream"))
            yield _case(
                request_model,
                f"streams/{label}",
                payload,
                origin=Origin.STREAM,
                expectation=state,
                claims=claims_tested_by(request_model, mutation),
            )


def _valid_case(
    request_model: RequestModel, label: str, payload: dict[str, Any], name: str
) -> Iterator[Case]:
    """The case of a payload in which one field was changed; none if it is invalid."""
    if request_model.state(payload) is State.VALID:
        mutation = Mutation(label, payload, (name,))
        claims = claims_tested_by(request_model, mutation)
        case = _case(request_model, label, payload, claims=claims)
        yield replace(case, basis=basis_of(request_model, (name,), payload))


def _case(
    request_model: RequestModel,
    label: str,
    payload: Mapping[str, Any],
    *,
    origin: Origin = Origin.PROBE,
    expectation: State = State.VALID,
    claims: tuple[str, ...] = (),
) -> Case:
    return Case(
        id=f"{request_model.name}/{label}",
        operation=request_model.operation.id,
        origin=origin,
        expectation=expectation,
        media_type=request_model.body.media_type,
        payload=payload,
        claims=claims,
    )


def _with_unique_ids(cases: Iterable[Case]) -> list[Case]:
    """The cases, with `#2`, `#3`, … after ids that occurred before."""
    counts: dict[str, int] = {}
    unique: list[Case] = []
    for case in cases:
        number = counts[case.id] = counts.get(case.id, 0) + 1
        unique.append(replace(case, id=f"{case.id}#{number}") if number > 1 else case)
    return unique
