"""
What the document says of an exchange that somebody else had: a question that was not
planned, and an answer to it.
"""

import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from contracts.errors import HarnessError
from contracts.judging.checks import examine
from contracts.judging.examiner import Examiner, cost_of
from contracts.judging.findings import build_finding
from contracts.judging.interaction import Interaction
from contracts.media.image.samples import Sample
from contracts.planning.case import JSON, TARGET_KEY, Case, ExpectedError, Origin
from contracts.planning.classification import basis_of
from contracts.planning.request_model import PlanError, request_models
from contracts.report.model import Finding
from mockserver.errors import Rejected
from mockserver.pipeline.authentication import authenticate
from mockserver.pipeline.body_parsing import ParsedBody, parse_body
from mockserver.recordings.redaction import REDACTED, Headers
from specs import (
    Basis,
    Body,
    Evidence,
    Operation,
    Provider,
    State,
    Upload,
    Verdict,
    request_name,
)

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_HEADER_LENGTH = 1000  # characters of a value, of which no more is looked at
MAX_OBSERVATIONS = 100  # of one exchange
MAX_HISTORY = 10_000  # questions, and prompts
NON_REQUEST_STATUSES = {401, 402, 403, 429}  # refusals for what no request says
_UPLOAD_FIELDS = set(Upload.__dataclass_fields__)


class Unreadable(HarnessError, ValueError):
    """A body whose content coding cannot be undone here."""


def decode_content(data: bytes, coding: str) -> bytes:
    """A body without its content coding. Raises `Unreadable`."""
    coding = coding.strip().lower()
    if coding in {"", "identity"} or not data:
        return data
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise Unreadable(f"its content coding is '{coding[:40]}'")
    # 47: gzip or zlib, told by the header; -15: what some call deflate.
    for bits in (47, -15) if coding == "deflate" else (47,):
        inflated = zlib.decompressobj(bits)
        try:
            text = inflated.decompress(data, MAX_BODY_BYTES)
        except zlib.error:
            continue
        if inflated.unconsumed_tail:
            raise Unreadable(f"unpacked it has more than {MAX_BODY_BYTES} bytes")
        if inflated.eof:
            return text
    raise Unreadable(f"it is not whole {coding}")


@dataclass(frozen=True, kw_only=True)
class ObservedExchange:
    """
    An exchange as it passed.

    `path` is below the base URL. A body is None where it was not kept: too large, or
    never whole. `status` is None without an answer; `problem` says what the other side
    did to break it off, `because` what else kept an answer away. `arrivals` are how
    many bytes of the answer came together, and how many seconds after those before.
    """

    method: str
    path: str
    request_headers: Headers
    request: bytes | None
    status: int | None = None
    headers: Headers = ()
    body: bytes | None = None
    arrivals: Sequence[tuple[float, int]] = ()
    problem: str | None = None
    reason: str | None = None
    started_at: float = field(default_factory=time.time)
    seconds: float = 0.0

    def header(self, name: str) -> str:
        """The value of a header of the request; empty without one."""
        return _header_value(self.request_headers, name)

    @cached_property
    def key(self) -> str:
        return self.header("authorization").strip().partition(" ")[2].strip()


def _header_value(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


@dataclass(frozen=True)
class UploadedFile(Sample):
    """A file that a client sent, where the harness has its own."""

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


def _with_uploaded_files(value: Any, files: Mapping[str, bytes]) -> Any:
    """A payload with the files themselves in place of their facts."""
    if isinstance(value, list):
        return [_with_uploaded_files(each, files) for each in value]
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
    A request as the document sees it.

    `because` says why there is no payload, or why nothing is said of it; `faults` are
    all that is wrong with it by the document, each of which may be answered.
    """

    received: ParsedBody | None = None
    verdict: Verdict | None = None
    expected_errors: tuple[ExpectedError, ...] = ()
    reason: str | None = None
    origin: Origin = Origin.TRAFFIC

    @property
    def state(self) -> State | None:
        """None where the request was not seen whole."""
        if self.expected_errors:
            return State.INVALID
        return self.verdict.state if self.verdict else None


@dataclass(frozen=True)
class JudgedExchange:
    """An exchange with what the document says of it, and what was not as promised."""

    exchange: ObservedExchange
    operation: Operation
    request: ClassifiedRequest
    interaction: Interaction | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    cost: Mapping[str, Any]

    @property
    def image_count(self) -> int:
        success = self.interaction is not None and self.interaction.is_success
        return len(self.interaction.pictures) if self.interaction and success else 0


class TrafficJudge:
    """
    Judges one exchange after the other, by one provider's document.

    It compares an answer with those before it, where only that shows a fault. Blocks:
    pictures are decoded.
    """

    def __init__(self, provider: Provider, upstream: str) -> None:
        self.provider = provider
        self.upstream = upstream.rstrip("/")
        self._examiner = Examiner(provider)

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation that the document has at a path below the base URL."""
        for each in self.provider.operations.values():
            if (each.method, each.path) == (method, path):
                return each
        return None

    def evidence(self, claim: str, operation: Operation) -> Evidence:
        """Where a claim was read."""
        found = self._examiner.claims.get(claim)
        return found.evidence if found else operation.evidence

    def sentence(self, claim: str) -> str:
        found = self._examiner.claims.get(claim)
        return found.sentence if found else ""

    def image_urls(self, exchange: ObservedExchange) -> list[str]:
        """The addresses of pictures in a success: they are only read, not followed."""
        if exchange.body is None or exchange.status is None:
            return []
        try:
            body = decode_content(
                exchange.body, _header_value(exchange.headers, "content-encoding")
            )
        except Unreadable:
            return []
        seen = Case("", "", Origin.TRAFFIC, State.VALID)
        found = Interaction(
            seen, exchange.status, _lowercase_names(exchange.headers), body, 0.0
        )
        if not found.is_success or found.is_stream:
            return []
        urls = [item.get("url") for item in found.items]
        return [each for each in urls if isinstance(each, str) and _is_http_url(each)]

    def judge(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        fetched_images: Mapping[str, bytes | str] | None = None,
    ) -> JudgedExchange:
        """
        What the document says of an exchange.

        `fetched` holds what was found at the addresses in the answer: a picture, or
        what is wrong there.
        """
        asked = self._classify_request(exchange, operation)
        notes = [asked.reason] if asked.reason and asked.state is None else []
        try:
            interaction = self._interaction(
                exchange, operation, asked, fetched_images or {}
            )
        except Unreadable as error:
            interaction = None
            notes.append(f"the answer is not judged: {error}")
        if exchange.body is None and exchange.problem is None:
            why = exchange.reason or "it was not kept whole"
            notes.append(f"the answer is not judged: {why}")
        findings: list[Finding] = []
        if interaction is not None and asked.state is not None:
            findings = self._findings(interaction, exchange, operation, asked)
        price = self._cost(interaction, operation, asked)
        return JudgedExchange(
            exchange,
            operation,
            asked,
            interaction,
            tuple(findings),
            tuple(notes),
            price,
        )

    def _classify_request(
        self, exchange: ObservedExchange, operation: Operation
    ) -> ClassifiedRequest:
        if exchange.request is None:
            return ClassifiedRequest(
                reason="the request is not judged: it was not kept whole"
            )
        faults: list[ExpectedError] = []
        if operation.authentication is not None:
            try:
                authenticate(exchange.header("authorization"), operation)
            except Rejected:
                faults.append(ExpectedError(f"{operation.id}/auth", "unauthenticated"))
        try:
            data = decode_content(exchange.request, exchange.header("content-encoding"))
            received = parse_body(data, exchange.header("content-type"), operation)
        except Unreadable as error:
            return ClassifiedRequest(reason=f"the request is not judged: {error}")
        except Rejected as rejected:
            return self._classify_unreadable(
                rejected, faults, data, exchange, operation
            )
        verdict = received.body.judge.judge(received.payload)
        name = request_name(operation, received.body)
        documented = (
            verdict.documented_violations if verdict.state is State.INVALID else ()
        )
        alone = len(verdict.violations) == 1 and not faults
        for each in documented:
            # Which of several faults is blamed, or which member of a rule, is open.
            blamed = (
                (str(each.path[0]),) if each.path and not each.evidence.rule else ()
            )
            params = blamed if alone else ()
            faults.append(
                ExpectedError(f"{name}/{each.claim}", each.evidence.error, params)
            )
        return ClassifiedRequest(received, verdict, tuple(faults))

    def _classify_unreadable(
        self,
        rejected: Rejected,
        expected_errors: list[ExpectedError],
        data: bytes,
        exchange: ObservedExchange,
        operation: Operation,
    ) -> ClassifiedRequest:
        """A body that is no JSON object is wrong; what else we cannot read is open."""
        kind = exchange.header("content-type").partition(";")[0].strip().lower()
        body = operation.bodies.get(kind)
        if body is not None and kind == JSON and not _is_json_object(data):
            fault = ExpectedError(request_name(operation, body), "invalid_request")
            expected_errors.append(fault)
        verdict = None if expected_errors else Verdict(State.UNSPECIFIED)
        return ClassifiedRequest(
            None, verdict, tuple(expected_errors), rejected.message, Origin.MALFORMED
        )

    def _interaction(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        request: ClassifiedRequest,
        fetched_images: Mapping[str, bytes | str],
    ) -> Interaction | None:
        if exchange.body is None and exchange.problem is None:
            return None
        body = exchange.body or b""
        if exchange.problem is None:
            body = decode_content(
                body, _header_value(exchange.headers, "content-encoding")
            )
        case = self._case(exchange, operation, request, body)
        return Interaction(
            case,
            exchange.status,
            _lowercase_names(exchange.headers),
            body,
            exchange.seconds,
            exchange.problem,
            fetched_images,
        )

    def _case(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        request: ClassifiedRequest,
        body: bytes,
    ) -> Case:
        received, status = request.received, exchange.status
        expectation = request.state or State.UNSPECIFIED
        fault = _answered_error(request.expected_errors, operation, status)
        if fault is None and status in NON_REQUEST_STATUSES:
            # A key, a quota or a limit: the request may be as valid as it likes.
            expectation = State.UNSPECIFIED
            fault = _documented_error(operation, status)
        payload: dict[str, Any] = {}
        names: tuple[str, ...] = ()
        basis = Basis.DOCUMENTED
        if received is not None:
            files = received.files
            payload = {
                name: _with_uploaded_files(each, files)
                for name, each in received.payload.items()
            }
            names = (request_name(operation, received.body),)
            if expectation is State.VALID:
                basis = self._basis(operation, received.body, payload)
        return Case(
            # No number: the same fault, seen again, is the same finding.
            id=f"traffic/{fault.claim if fault else f'{operation.id}/{expectation}'}",
            operation=operation.id,
            origin=request.origin,
            expectation=expectation,
            media_type=received.body.media_type if received else None,
            payload=payload,
            claims=(fault.claim,) if fault else names,
            basis=basis,
            expected_error=fault,
            auth=_auth(exchange, operation),
            raw=None if received else exchange.request,
            content_type=None if received else exchange.header("content-type"),
        )

    def _basis(
        self, operation: Operation, body: Body, payload: Mapping[str, Any]
    ) -> Basis:
        """Who says that the values in a request are welcome."""
        desk = request_models(self.provider)[operation.id, body.media_type]
        try:
            base = desk.minimal_request
        except PlanError:
            base = {}
        changed = [
            name
            for name, value in payload.items()
            if value != base.get(name) and not isinstance(base.get(name), Sample)
        ]
        return basis_of(desk, changed, payload)

    def _findings(
        self,
        interaction: Interaction,
        exchange: ObservedExchange,
        operation: Operation,
        request: ClassifiedRequest,
    ) -> list[Finding]:
        now = exchange.started_at + exchange.seconds
        subject = self._examiner.context(interaction, key=exchange.key, now=now)
        url = self.upstream + exchange.path
        found: dict[str, Finding] = {}
        for each in islice(examine(subject), MAX_OBSERVATIONS):
            one = build_finding(each, subject, self.provider, url, exchange.key)
            found.setdefault(one.fingerprint, one)
        self._limit_history()
        return list(found.values())

    def _limit_history(self) -> None:
        """Keep memory bounded: a proxy may run for weeks, a run does not."""
        history = self._examiner.history
        if max(len(history.by_request_key), len(history.by_prompt)) > MAX_HISTORY:
            self._examiner = self._examiner.without_history()

    def _cost(
        self,
        interaction: Interaction | None,
        operation: Operation,
        request: ClassifiedRequest,
    ) -> dict[str, Any]:
        """What a success cost, by the documented prices."""
        currency = self.provider.dialect.prices.get("currency")
        if interaction is None:
            amount = None
        elif interaction.status and not interaction.is_success:
            amount = 0.0
        elif request.received is None:
            amount = None
        else:
            amount = cost_of(self.provider, interaction)
        return {"amount": amount, "currency": currency}


def _auth(exchange: ObservedExchange, operation: Operation) -> str | None:
    """How a request was authorised, in a case's words; never the key itself."""
    header = exchange.header("authorization")
    if operation.authentication is None or not header:
        return TARGET_KEY if header else None
    return TARGET_KEY if exchange.key else REDACTED


def _lowercase_names(headers: Headers) -> dict[str, str]:
    return {name.lower(): value[:MAX_HEADER_LENGTH] for name, value in headers}


def _is_http_url(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _is_json_object(data: bytes) -> bool:
    """Whether others may read a body as a JSON object, though we do not."""
    try:
        return isinstance(json.loads(data), dict)
    except RecursionError:
        return True
    except ValueError:
        return False


def _answered_error(
    expected_errors: Sequence[ExpectedError], operation: Operation, status: int | None
) -> ExpectedError | None:
    """The fault that was answered, as far as the status tells; else the first."""
    for each in expected_errors:
        example = operation.errors.get(each.error)
        if example is not None and example.status == status:
            return each
    return next(iter(expected_errors), None)


def _documented_error(operation: Operation, status: int | None) -> ExpectedError | None:
    """The documented error of a status, where the document has one."""
    for name, example in operation.errors.items():
        if example.status == status:
            return ExpectedError(f"{operation.id}/errors/{name}", name)
    return None
