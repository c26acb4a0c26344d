"""Cases with a fault outside the payload: key, method, path, body, error on demand."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from contracts.planning.case import (
    KEY,
    OTHER_WRONG_KEY,
    WRONG_KEY,
    WRONG_KEY_ERROR,
    Case,
    ExpectedError,
    Origin,
)
from contracts.planning.paths import QUERY, required_query, sample_path
from contracts.planning.request_model import RequestModel
from specs import FORM, KeyPlace, State

# Labels and Authorization headers; None is no header.
_INVALID_AUTHORIZATIONS: tuple[tuple[str, str | None], ...] = (
    ("missing", None),
    ("empty", ""),
    ("scheme-only", "Bearer"),
    ("wrong-scheme", "Basic aW1hZ2VwYXJpdHk6"),
    ("key-without-scheme", "imageparity-key"),
)
_OTHER_SCHEMES = ("Basic", "Token")
# Labels, bodies and Content-Type headers; None is the media type of the body.
_MALFORMED_FORMS: tuple[tuple[str, bytes, str | None], ...] = (
    ("empty-body", b"", f"{FORM}; boundary=none"),
    ("no-boundary", b"--x\r\n", FORM),
    (
        "cut-short",
        b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA',
        f"{FORM}; boundary=x",
    ),
)
_MALFORMED_JSON: tuple[tuple[str, bytes, str | None], ...] = (
    ("empty-body", b"", None),
    ("cut-short", b'{"prompt": "A red', None),
    ("no-json", b"prompt=A+red+cube", None),
    ("list", b"[]", None),
    ("text", b'"A red cube"', None),
    ("not-utf8", b'{"prompt": "\xff\xfe"}', None),
)
_OTHER_TYPES = {"list", "text"}  # valid JSON, but not an object


def auth_cases(request_model: RequestModel) -> Iterator[Case]:
    """
    The minimal request with a missing or wrong key, if the operation needs a key.

    The documented error states that a wrong key is rejected. No document states that
    the right key with another scheme is rejected. A key in a header of its own or in
    the query has no scheme.
    """
    operation = request_model.operation
    if not operation.authentication:
        return
    claim, error = f"{operation.id}/auth", f"{operation.id}/errors/unauthenticated"
    common: dict[str, Any] = {
        "operation": operation.id,
        "origin": Origin.AUTH,
        "media_type": request_model.body.media_type,
        "payload": request_model.minimal_request,
    }
    has_scheme = operation.key_schemes[0].place is KeyPlace.BEARER
    for label, header in _INVALID_AUTHORIZATIONS:
        if header and not has_scheme:
            continue
        yield Case(
            id=f"{claim}/{label}",
            expectation=State.INVALID,
            claims=(claim, error),
            expected_error=ExpectedError(claim, "unauthenticated"),
            auth=header,
            **common,
        )
    is_own_error = WRONG_KEY_ERROR in operation.errors
    name = WRONG_KEY_ERROR if is_own_error else "unauthenticated"
    wrong = f"{operation.id}/errors/{name}"
    yield Case(
        id=f"{claim}/wrong-key",
        expectation=State.INVALID,
        claims=(wrong,),
        expected_error=ExpectedError(wrong, name),
        auth=f"Bearer {OTHER_WRONG_KEY if is_own_error else WRONG_KEY}",
        **common,
    )
    for scheme in _OTHER_SCHEMES if has_scheme else ():
        yield Case(
            id=f"{claim}/scheme-{scheme.lower()}",
            expectation=State.UNSPECIFIED,
            claims=(claim,),
            auth=f"{scheme} {KEY}",
            **common,
        )


def endpoint_cases(request_model: RequestModel) -> Iterator[Case]:
    """The minimal request with another method, and to an unknown path."""
    operation = request_model.operation
    known = sample_path(operation)
    start, _, query = known.partition("?")
    for label, method, path in (
        ("wrong-method", "PUT", known),
        (
            "unknown-path",
            operation.method,
            f"{start}/imageparity" + (f"?{query}" if query else ""),
        ),
    ):
        yield _minimal_case(
            request_model,
            f"path/{label}",
            Origin.TRANSPORT,
            State.UNSPECIFIED,
            method=method,
            path=path,
        )


def query_cases(request_model: RequestModel) -> Iterator[Case]:
    """The minimal request without each query parameter that is required."""
    operation = request_model.operation
    query = required_query(operation)
    for name in query:
        rest = urlencode({key: each for key, each in query.items() if key != name})
        path = sample_path(operation).partition("?")[0]
        label = f"{QUERY}/{name}/required"
        claim = f"{operation.id}/{label}"
        violations = operation.parameters[QUERY].judge.judge({}).documented_violations
        if claim not in request_model.claims or not violations:
            continue
        yield _minimal_case(
            request_model,
            f"{label}/missing",
            Origin.TRANSPORT,
            State.INVALID,
            claims=(claim,),
            expected_error=ExpectedError(claim, violations[0].evidence.error, (name,)),
            path=f"{path}?{rest}" if rest else path,
        )


def malformed_body_cases(request_model: RequestModel) -> Iterator[Case]:
    """Bodies that are not an object of their media type."""
    common: dict[str, Any] = {
        "operation": request_model.operation.id,
        "origin": Origin.MALFORMED,
        "media_type": request_model.body.media_type,
        "payload": {},
    }
    type_claim = f"{request_model.name}/type"
    bodies = _MALFORMED_FORMS if request_model.is_form else _MALFORMED_JSON
    for label, raw, content_type in bodies:
        has_claim = label in _OTHER_TYPES and type_claim in request_model.claims
        claim = type_claim if has_claim else request_model.name
        yield Case(
            id=f"{request_model.name}/malformed/{label}",
            expectation=State.INVALID,
            claims=(claim,),
            expected_error=ExpectedError(claim, "invalid_request"),
            raw=raw,
            content_type=content_type,
            **common,
        )
    if not request_model.is_form:
        yield Case(
            id=f"{request_model.name}/malformed/labelled-text-plain",
            expectation=State.UNSPECIFIED,
            raw=json.dumps(request_model.minimal_request).encode(),
            content_type="text/plain",
            **common,
        )


def triggered_error_cases(request_model: RequestModel) -> Iterator[Case]:
    """Each error of an operation, requested by the header that only our mock knows."""
    operation = request_model.operation
    for name in operation.errors:
        label = f"errors/{name}"
        claim = f"{operation.id}/{label}"
        yield _minimal_case(
            request_model,
            f"{label}/on-demand",
            Origin.ERROR,
            State.INVALID,
            claims=(claim,),
            expected_error=ExpectedError(claim, name),
            headers={"X-Mock-Error": name},
        )


def failed_image_cases(request_model: RequestModel) -> Iterator[Case]:
    """A success with an image that failed, if the document describes one."""
    operation = request_model.operation
    if operation.layout.failed_fields:
        yield _minimal_case(
            request_model,
            f"{operation.success.status}/failed-image/on-demand",
            Origin.ERROR,
            State.VALID,
            claims=(request_model.name,),
            headers={"X-Mock-Fault": "failed-image"},
        )


def _minimal_case(
    request_model: RequestModel,
    label: str,
    origin: Origin,
    expectation: State,
    **more: Any,
) -> Case:
    """The case of a minimal request; `label` is its id without the operation."""
    return Case(
        id=f"{request_model.operation.id}/{label}",
        operation=request_model.operation.id,
        origin=origin,
        expectation=expectation,
        media_type=request_model.body.media_type,
        payload=request_model.minimal_request,
        **more,
    )
