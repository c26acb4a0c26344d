"""
Which questions to ask: found by search, sorted out by the judge, all known before any
is sent.

For each claim of a request the smallest requests that tell obedience from disobedience:
negatives with exactly one fault, and positives on the other side of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from contracts.media.image.samples import Sample
from contracts.planning.case import FORM, Case, ExpectedError, Origin
from contracts.planning.classification import (
    Mutation,
    claims_tested_by,
    classify_probe,
)
from contracts.planning.enumeration.pairwise import pairwise_cases
from contracts.planning.enumeration.probes import probes
from contracts.planning.request_model import RequestModel, request_models
from specs import Operation, Provider, State

OTHER_PROMPT = "A blue sphere on black sand"


def plan(provider: Provider, *, seed: int = 0, is_mock: bool = False) -> list[Case]:
    """
    All planned cases of a provider, cheapest first.

    The same document and seed give the same cases in the same order. With `is_mock`,
    the errors that only our mock can be asked for are among them.
    """
    refused: list[Case] = []
    answered: list[Case] = []
    for desk, found in _probes_by_body(provider):
        refused += [each for each in found if each.expectation is State.INVALID]
        refused += _malformed_body_cases(desk)
        answered += _basic_cases(desk)
        answered += [each for each in found if each.expectation is State.VALID]
        answered += [each for each in found if each.expectation is State.UNSPECIFIED]
        related = list(_relation_cases(desk))
        refused += [each for each in related if each.expected_error]
        answered += [each for each in related if not each.expected_error]
        answered += _stream_cases(desk)
        answered += pairwise_cases(desk, seed)
    for operation in provider.operations.values():
        refused += _transport_cases(operation, provider)
        if is_mock:
            refused += _triggered_error_cases(operation, provider)
    return _with_unique_ids([*refused, *answered])


@lru_cache(maxsize=16)
def _probes_by_body(
    provider: Provider,
) -> tuple[tuple[RequestModel, tuple[Case, ...]], ...]:
    """Each request body of a provider with its probes: the dear part, done once."""
    return tuple(
        (desk, tuple(probes(desk))) for desk in request_models(provider).values()
    )


def _basic_cases(request_model: RequestModel) -> Iterator[Case]:
    """The plain request, the documented examples, and one more prompt."""
    about = [
        each
        for each in request_model.claims
        if each.startswith(f"{request_model.name}/")
    ]
    defaults = tuple(
        each
        for each in about
        if each.endswith("/default")
        and each.split("/")[2] not in request_model.minimal_request
    )
    operation = request_model.operation.id
    plain = (f"{operation}/path", f"{operation}/auth", request_model.name, *defaults)
    common: dict[str, Any] = {
        "operation": operation,
        "media_type": request_model.body.media_type,
        "expectation": State.VALID,
    }
    yield Case(
        f"{request_model.name}/plain",
        origin=Origin.PROBE,
        payload=request_model.minimal_request,
        claims=plain,
        **common,
    )
    other = {**request_model.minimal_request, "prompt": OTHER_PROMPT}
    yield Case(
        f"{request_model.name}/other-prompt",
        origin=Origin.PROBE,
        payload=other,
        **common,
    )
    bare = {
        name: value
        for name, value in request_model.minimal_request.items()
        if name != "model"
    }
    modelless = f"{request_model.name}/model/default"
    if (
        modelless in request_model.claims
        and (state := request_model.state(bare)) is not State.INVALID
    ):
        case = {**common, "expectation": state, "claims": (modelless,)}
        yield Case(f"{modelless}/missing", origin=Origin.PROBE, payload=bare, **case)
    for name, example in request_model.body.examples.items():
        if request_model.state(example) is State.VALID:
            yield Case(
                f"{request_model.name}/examples/{name}",
                origin=Origin.EXAMPLE,
                payload=example,
                **common,
            )


def _relation_cases(request_model: RequestModel) -> Iterator[Case]:
    """Requests that differ from another in one member, to see whether it matters."""
    for change in _compression_mutations(request_model):
        case, _ = classify_probe(request_model, "", change)
        if case is not None and case.expectation is not State.UNSPECIFIED:
            yield case
    for member in request_model.body.properties:
        if request_model.canonical_name(member) == "mask":
            payload = {
                **request_model.minimal_request,
                member: request_model.valid_values(member)[0],
            }
            yield from _valid_case(request_model, f"{member}/given", payload, member)
            for twin in _with_alpha_image(request_model, payload):
                yield from _valid_case(
                    request_model, f"{member}/given-to-alpha", twin, member
                )


def _with_alpha_image(
    request_model: RequestModel, payload: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    for name, value in payload.items():
        if request_model.canonical_name(name) == "image" and isinstance(value, Sample):
            yield {**payload, name: replace(value, alpha=True)}


def _compression_mutations(request_model: RequestModel) -> Iterator[Mutation]:
    """The same picture at and beyond both ends of compression, in each format of it."""
    member, format_ = (
        request_model.wire_name("output_compression"),
        request_model.wire_name("output_format"),
    )
    if member is None or format_ is None:
        return
    for kind in ("jpeg", "webp"):
        for level in (100, 0, 101, -1):
            label = f"{member}/{kind}-at-{level}"
            change = {format_: kind, member: level}
            yield Mutation(
                label, {**request_model.minimal_request, **change}, (member,)
            )


def _stream_cases(request_model: RequestModel) -> Iterator[Case]:
    """A stream with each number of previews, and one of two pictures."""
    names = request_model.body.properties
    if not request_model.operation.supports_streaming or "stream" not in names:
        return
    wanted: list[tuple[str, dict[str, Any]]] = [("stream", {"stream": True})]
    if "partial_images" in names:
        wanted += [
            (f"stream-with-{count}-partials", {"stream": True, "partial_images": count})
            for count in range(4)
        ]
    wanted.append(("stream-of-two", {"stream": True, "n": 2}))
    for label, change in wanted:
        payload = {**request_model.minimal_request, **change}
        state = request_model.state(payload)
        if state is not State.INVALID:
            yield Case(
                id=f"{request_model.name}/streams/{label}",
                operation=request_model.operation.id,
                origin=Origin.STREAM,
                expectation=state,
                media_type=request_model.body.media_type,
                payload=payload,
                claims=claims_tested_by(
                    request_model, Mutation(label, payload, tuple(change)[::-1])
                ),
            )


def _valid_case(
    request_model: RequestModel, label: str, payload: Mapping[str, Any], member: str
) -> Iterator[Case]:
    if request_model.state(payload) is State.VALID:
        yield Case(
            id=f"{request_model.name}/{label}",
            operation=request_model.operation.id,
            origin=Origin.PROBE,
            expectation=State.VALID,
            media_type=request_model.body.media_type,
            payload=payload,
            claims=claims_tested_by(
                request_model, Mutation(label, dict(payload), (member,))
            ),
        )


_INVALID_AUTHORIZATIONS: tuple[tuple[str, str | None], ...] = (
    ("missing", None),
    ("empty", ""),
    ("scheme-only", "Bearer"),
    ("wrong-scheme", "Basic aW1hZ2VwYXJpdHk6"),
    ("key-without-scheme", "imageparity-key"),
)


def _transport_cases(operation: Operation, provider: Provider) -> Iterator[Case]:
    """Keys that are none, and addresses that are none."""
    body = next(iter(operation.bodies.values()))
    desk = request_models(provider)[operation.id, body.media_type]
    claim = f"{operation.id}/auth"
    common: dict[str, Any] = {
        "operation": operation.id,
        "media_type": body.media_type,
        "payload": desk.minimal_request,
    }
    if operation.authentication:
        for label, header in _INVALID_AUTHORIZATIONS:
            yield Case(
                id=f"{claim}/{label}",
                origin=Origin.AUTH,
                expectation=State.INVALID,
                claims=(claim, f"{operation.id}/errors/unauthenticated"),
                expected_error=ExpectedError(claim, "unauthenticated"),
                auth=header,
                **common,
            )
    for label, method, path in (
        ("wrong-method", "PUT", operation.path),
        ("unknown-path", operation.method, f"{operation.path}/imageparity"),
    ):
        yield Case(
            id=f"{operation.id}/path/{label}",
            origin=Origin.TRANSPORT,
            expectation=State.UNSPECIFIED,
            method=method,
            path=path,
            **common,
        )


def _malformed_body_cases(request_model: RequestModel) -> Iterator[Case]:
    """Bodies that cannot be read as what they claim to be."""
    common: dict[str, Any] = {
        "operation": request_model.operation.id,
        "origin": Origin.MALFORMED,
        "media_type": request_model.body.media_type,
        "payload": {},
    }
    no_object = f"{request_model.name}/type"
    if request_model.is_form:
        bodies: tuple[tuple[str, bytes, str | None], ...] = (
            ("empty-body", b"", f"{FORM}; boundary=none"),
            ("no-boundary", b"--x\r\n", FORM),
            (
                "cut-short",
                b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA',
                f"{FORM}; boundary=x",
            ),
        )
    else:
        bodies = (
            ("empty-body", b"", None),
            ("cut-short", b'{"prompt": "A red', None),
            ("no-json", b"prompt=A+red+cube", None),
            ("list", b"[]", None),
            ("text", b'"A red cube"', None),
            ("not-utf8", b'{"prompt": "\xff\xfe"}', None),
        )
    for label, raw, content_type in bodies:
        is_other = label in {"list", "text"} and no_object in request_model.claims
        claim = no_object if is_other else request_model.name
        yield Case(
            id=f"{request_model.name}/malformed/{label}",
            expectation=State.INVALID,
            claims=(claim,),
            expected_error=ExpectedError(claim, "invalid_request"),
            raw=raw,
            content_type=content_type,
            **common,
        )
    if request_model.is_form:
        return
    yield Case(
        id=f"{request_model.name}/malformed/labelled-text-plain",
        expectation=State.UNSPECIFIED,
        raw=json.dumps(request_model.minimal_request).encode(),
        content_type="text/plain",
        **common,
    )


def _triggered_error_cases(operation: Operation, provider: Provider) -> Iterator[Case]:
    """Every error of the catalogue, by name: only our mock can be so asked."""
    body = next(iter(operation.bodies.values()))
    desk = request_models(provider)[operation.id, body.media_type]
    for name in operation.errors:
        claim = f"{operation.id}/errors/{name}"
        yield Case(
            id=f"{claim}/on-demand",
            operation=operation.id,
            origin=Origin.ERROR,
            expectation=State.INVALID,
            media_type=body.media_type,
            payload=desk.minimal_request,
            claims=(claim,),
            expected_error=ExpectedError(claim, name),
            headers={"X-Mock-Error": name},
        )


def _with_unique_ids(cases: Iterable[Case]) -> list[Case]:
    """The cases, each with an id of its own."""
    seen: dict[str, int] = {}
    named: list[Case] = []
    for case in cases:
        seen[case.id] = seen.get(case.id, 0) + 1
        number = seen[case.id]
        named.append(replace(case, id=f"{case.id}#{number}") if number > 1 else case)
    return named
