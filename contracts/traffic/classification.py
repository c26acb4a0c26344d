"""Classify observed requests by the document: valid, invalid or unspecified."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.media.files import Sample
from contracts.planning.case import ExpectedError, Origin
from contracts.traffic.exchange import (
    ObservedExchange,
    Unreadable,
    decode_content,
)
from mockserver.errors import Rejected
from mockserver.pipeline.request.authentication import authenticate
from mockserver.pipeline.request.body_parsing import ParsedBody, parse_body
from specs import (
    JSON,
    Operation,
    State,
    Upload,
    Verdict,
    request_name,
)

_UPLOAD_FIELDS = set(Upload.__dataclass_fields__)


@dataclass(frozen=True)
class UploadedFile(Sample):
    """A file that a client uploaded, in the place of a sample of the harness."""

    upload: Upload = field(default_factory=lambda: Upload("", "", 0, ""))
    content: bytes = b""

    @property
    def filename(self) -> str:
        return self.upload.filename

    @property
    def content_type(self) -> str:
        return self.upload.content_type

    @property
    def data(self) -> bytes:
        return self.content

    @property
    def facts(self) -> dict[str, Any]:
        return self.upload.facts()


def with_uploaded_files(value: Any, files: Mapping[str, bytes]) -> Any:
    """The payload with the files in place of their facts."""
    if isinstance(value, list):
        return [with_uploaded_files(each, files) for each in value]
    if not isinstance(value, dict) or set(value) != _UPLOAD_FIELDS:
        return value
    upload = Upload(**value)
    return UploadedFile(
        width=upload.width or 0,
        height=upload.height or 0,
        format=upload.format,
        alpha=upload.alpha,
        upload=upload,
        content=files.get(upload.sha256, b""),
    )


@dataclass(frozen=True)
class ClassifiedRequest:
    """
    An observed request with the verdict of the document.

    `reason` says why there is no payload or no verdict. `expected_errors` are the
    errors that the document allows as a response.
    """

    received: ParsedBody | None = None
    verdict: Verdict | None = None
    expected_errors: tuple[ExpectedError, ...] = ()
    reason: str | None = None
    origin: Origin = Origin.TRAFFIC

    @property
    def state(self) -> State | None:
        """The verdict; None if the request was not kept completely."""
        if self.expected_errors:
            return State.INVALID
        return self.verdict.state if self.verdict else None


def classify_request(
    exchange: ObservedExchange, operation: Operation
) -> ClassifiedRequest:
    """Judge an observed request by the document, with the errors that it may get."""
    if exchange.request is None:
        return ClassifiedRequest(
            reason="the request is not judged: it was not kept completely"
        )
    errors: list[ExpectedError] = []
    if operation.authentication is not None:
        try:
            authenticate(exchange.key_parts, operation)
        except Rejected:
            errors.append(ExpectedError(f"{operation.id}/auth", "unauthenticated"))
    try:
        data = decode_content(exchange.request, exchange.header("content-encoding"))
        received = parse_body(data, exchange.header("content-type"), operation)
    except Unreadable as error:
        return ClassifiedRequest(reason=f"the request is not judged: {error}")
    except Rejected as rejected:
        return _classify_unreadable(rejected, errors, data, exchange, operation)
    verdict = received.body.judge.judge(received.payload)
    name = request_name(operation, received.body)
    documented = verdict.documented_violations if verdict.state is State.INVALID else ()
    alone = len(verdict.violations) == 1 and not errors
    for violation in documented:
        # Which of several errors is blamed, or which member of a rule, is open.
        blamed = (
            (str(violation.path[0]),)
            if violation.path and not violation.evidence.rule
            else ()
        )
        params = blamed if alone else ()
        errors.append(
            ExpectedError(f"{name}/{violation.claim}", violation.evidence.error, params)
        )
    return ClassifiedRequest(received, verdict, tuple(errors))


def _classify_unreadable(
    rejected: Rejected,
    expected_errors: list[ExpectedError],
    data: bytes,
    exchange: ObservedExchange,
    operation: Operation,
) -> ClassifiedRequest:
    """Classify a request that cannot be parsed: invalid if it is no JSON object."""
    kind = exchange.header("content-type").partition(";")[0].strip().lower()
    body = operation.bodies.get(kind)
    if body is not None and kind == JSON and not _is_json_object(data):
        error = ExpectedError(request_name(operation, body), "invalid_request")
        expected_errors.append(error)
    verdict = None if expected_errors else Verdict(State.UNSPECIFIED)
    return ClassifiedRequest(
        None, verdict, tuple(expected_errors), rejected.message, Origin.MALFORMED
    )


def _is_json_object(data: bytes) -> bool:
    """True if a less strict parser reads the body as a JSON object."""
    try:
        return isinstance(json.loads(data), dict)
    except RecursionError:
        return True
    except ValueError:
        return False
