"""Judge observed exchanges, which no test case produced, by the document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from contracts.judging.checks import examine
from contracts.judging.examiner import Examiner, cost_of
from contracts.judging.findings import build_finding
from contracts.judging.interaction import Interaction
from contracts.media.files import Sample
from contracts.media.registry import medium_of
from contracts.planning.call_options import CallOptions
from contracts.planning.case import TARGET_KEY, Case, ExpectedError, Origin
from contracts.planning.classification import basis_of
from contracts.planning.request_model import PlanError, request_models
from contracts.report.model import Finding
from contracts.traffic.classification import (
    ClassifiedRequest,
    classify_request,
    with_uploaded_files,
)
from contracts.traffic.exchange import (
    ObservedExchange,
    Unreadable,
    decode_content,
    header_value,
    lowercase_names,
)
from mockserver.pipeline.request.authentication import find_key
from mockserver.recordings.redaction import REDACTED
from specs import (
    Basis,
    Body,
    Evidence,
    Operation,
    Provider,
    State,
    request_name,
)

MAX_OBSERVATIONS = 100  # of one exchange
MAX_HISTORY = 10_000  # requests, and prompts
NON_REQUEST_STATUSES = {401, 402, 403, 429}  # errors that say nothing about the request


@dataclass(frozen=True)
class JudgedExchange:
    """An observed exchange with the classified request and the findings."""

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
        return len(self.interaction.outputs) if self.interaction and success else 0


class TrafficJudge:
    """
    Judges observed exchanges, one after the other, by the document of one provider.

    Some guarantees compare a response with earlier ones. Calls block: images are
    decoded.
    """

    def __init__(self, provider: Provider, upstream: str) -> None:
        self.provider = provider
        self.upstream = upstream.rstrip("/")
        self._examiner = Examiner(provider)

    def operation(self, method: str, path: str) -> Operation | None:
        """
        The operation at a path below the base URL; None if there is none.

        One with a server of its own is at its whole path.
        """
        for whole in (f"{self.provider.base_path}{path}", path):
            for operation, _ in self.provider.matching(whole):
                if operation.method == method and operation.creates:
                    return operation
        return None

    def key(self, exchange: ObservedExchange) -> str:
        """The API key of a request, or its credentials of another scheme; or empty."""
        key = find_key(exchange.key_parts, self.provider.key_schemes)
        return key or exchange.header("authorization").strip().partition(" ")[2].strip()

    def evidence(self, claim: str, operation: Operation) -> Evidence:
        """The evidence of a claim; that of the operation for an unknown claim."""
        found = self._examiner.claims.get(claim)
        return found.evidence if found else operation.evidence

    def sentence(self, claim: str) -> str:
        found = self._examiner.claims.get(claim)
        return found.sentence if found else ""

    def output_urls(
        self, exchange: ObservedExchange, operation: Operation
    ) -> list[str]:
        """The links to outputs in a success response; they are not fetched here."""
        if exchange.body is None or exchange.status is None:
            return []
        try:
            body = decode_content(
                exchange.body, header_value(exchange.headers, "content-encoding")
            )
        except Unreadable:
            return []
        seen = Case("", "", Origin.TRAFFIC, State.VALID)
        headers, medium = lowercase_names(exchange.headers), medium_of(operation)
        found = Interaction(
            seen,
            exchange.status,
            headers,
            body,
            seconds=0.0,
            medium=medium,
            layout=operation.layout,
        )
        if not found.is_success or found.is_stream:
            return []
        return [each for each in medium.links(found) if _is_http_url(each)]

    def judge(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        fetched: Mapping[str, bytes | str] | None = None,
    ) -> JudgedExchange:
        """
        Judge an exchange by the document.

        `fetched` holds, by link, the output or the reason why there is none.
        """
        request = classify_request(exchange, operation)
        notes = [request.reason] if request.reason and request.state is None else []
        try:
            interaction = self._interaction(exchange, operation, request, fetched or {})
        except Unreadable as error:
            interaction = None
            notes.append(f"the response is not judged: {error}")
        if exchange.body is None and exchange.problem is None:
            why = exchange.reason or "it was not kept completely"
            notes.append(f"the response is not judged: {why}")
        findings: list[Finding] = []
        if interaction is not None and request.state is not None:
            findings = self._findings(interaction, exchange, operation, request)
        price = self._cost(interaction, operation, request)
        return JudgedExchange(
            exchange,
            operation,
            request,
            interaction,
            tuple(findings),
            tuple(notes),
            price,
        )

    def _interaction(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        request: ClassifiedRequest,
        fetched: Mapping[str, bytes | str],
    ) -> Interaction | None:
        if exchange.body is None and exchange.problem is None:
            return None
        body = exchange.body or b""
        if exchange.problem is None:
            body = decode_content(
                body, header_value(exchange.headers, "content-encoding")
            )
        case = self._case(exchange, operation, request)
        return Interaction(
            case,
            exchange.status,
            lowercase_names(exchange.headers),
            body,
            exchange.seconds,
            exchange.problem,
            fetched,
            medium=medium_of(operation),
            layout=operation.layout,
        )

    def _case(
        self,
        exchange: ObservedExchange,
        operation: Operation,
        request: ClassifiedRequest,
    ) -> Case:
        received, status = request.received, exchange.status
        expectation = request.state or State.UNSPECIFIED
        fault = _answered_error(request.expected_errors, operation, status)
        if fault is None and status in NON_REQUEST_STATUSES:
            # A key, a quota or a limit: nothing is said about the request itself.
            expectation = State.UNSPECIFIED
            fault = _documented_error(operation, status)
        payload: dict[str, Any] = {}
        names: tuple[str, ...] = ()
        basis = Basis.DOCUMENTED
        if received is not None:
            files = received.files
            payload = {
                name: with_uploaded_files(each, files)
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
            auth=self._auth(exchange, operation),
            raw=None if received else exchange.request,
            content_type=None if received else exchange.header("content-type"),
        )

    def _auth(self, exchange: ObservedExchange, operation: Operation) -> str | None:
        """The authorization of a request as cases state it; never the key itself."""
        header = exchange.header("authorization")
        if self.key(exchange):
            return TARGET_KEY
        if operation.authentication is None or not header:
            return TARGET_KEY if header else None
        return REDACTED

    def _basis(
        self, operation: Operation, body: Body, payload: Mapping[str, Any]
    ) -> Basis:
        """The basis of the validity of the values in a request."""
        model = request_models(self.provider)[operation.id, body.media_type]
        try:
            base = model.minimal_request
        except PlanError:
            base = {}
        changed = [
            name
            for name, value in payload.items()
            if value != base.get(name) and not isinstance(base.get(name), Sample)
        ]
        return basis_of(model, changed, payload)

    def _findings(
        self,
        interaction: Interaction,
        exchange: ObservedExchange,
        operation: Operation,
        request: ClassifiedRequest,
    ) -> list[Finding]:
        now = exchange.started_at + exchange.seconds
        key = self.key(exchange)
        context = self._examiner.context(interaction, key=key, now=now)
        url = self.upstream + exchange.path
        call = CallOptions.documented(self.provider)
        found: dict[str, Finding] = {}
        for observation in islice(examine(context), MAX_OBSERVATIONS):
            finding = build_finding(
                observation, context, self.provider, url, (key,), call
            )
            found.setdefault(finding.fingerprint, finding)
        self._limit_history()
        return list(found.values())

    def _limit_history(self) -> None:
        """Forget old responses: a proxy may run for weeks."""
        history = self._examiner.history
        if max(len(history.by_request_key), len(history.by_prompt)) > MAX_HISTORY:
            self._examiner = self._examiner.without_history()

    def _cost(
        self,
        interaction: Interaction | None,
        operation: Operation,
        request: ClassifiedRequest,
    ) -> dict[str, Any]:
        """The cost of a response by the documented prices; 0 for an error."""
        currency = self.provider.dialect.currency
        if interaction is None:
            amount = None
        elif interaction.status and not interaction.is_success:
            amount = 0.0
        elif request.received is None:
            amount = None
        else:
            amount = cost_of(self.provider, interaction)
        return {"amount": amount, "currency": currency}


def _is_http_url(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _answered_error(
    expected_errors: Sequence[ExpectedError], operation: Operation, status: int | None
) -> ExpectedError | None:
    """The expected error with the status of the response; else the first."""
    for error in expected_errors:
        example = operation.errors.get(error.error)
        if example is not None and example.status == status:
            return error
    return next(iter(expected_errors), None)


def _documented_error(operation: Operation, status: int | None) -> ExpectedError | None:
    """The documented error of a status; None if there is none."""
    for name, example in operation.errors.items():
        if example.status == status:
            return ExpectedError(f"{operation.id}/errors/{name}", name)
    return None
