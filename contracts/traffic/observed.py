"""
What the document says of an exchange that somebody else had: a question that was not
planned, and an answer to it.
"""

import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from contracts.judging.checks import Subject, examine
from contracts.judging.findings import finding
from contracts.judging.guarantees import Answer, Memory
from contracts.judging.interaction import Interaction
from contracts.media.image.samples import Sample
from contracts.planning.case import AUTHORISED, JSON, Case, Fault
from contracts.planning.probes import standing
from contracts.planning.request_model import PlanError, desks_of
from contracts.report.model import Finding
from mockserver.errors import Rejected
from mockserver.pipeline.authentication import authenticate
from mockserver.pipeline.body_parsing import Received, payload_from
from mockserver.recordings.cassettes import HIDDEN
from mockserver.recordings.recorder import Headers
from specs import (
    Basis,
    Body,
    Claim,
    Evidence,
    Operation,
    Provider,
    State,
    Upload,
    Verdict,
    claims,
    cost,
    effective,
    request_name,
)

MAX_KEPT = 64 * 1024 * 1024
MAX_HEADER = 1000  # characters of a value, of which no more is looked at
MOST_OBSERVED = 100  # of one exchange
MAX_COMPARED = 10_000  # questions, and prompts
CIRCUMSTANCES = {401, 402, 403, 429}  # refusals for what no request says
_UPLOAD = set(Upload.__dataclass_fields__)


class Unreadable(ValueError):
    """A body whose content coding cannot be undone here."""


def plain(data: bytes, coding: str) -> bytes:
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
            text = inflated.decompress(data, MAX_KEPT)
        except zlib.error:
            continue
        if inflated.unconsumed_tail:
            raise Unreadable(f"unpacked it has more than {MAX_KEPT} bytes")
        if inflated.eof:
            return text
    raise Unreadable(f"it is not whole {coding}")


@dataclass(frozen=True, kw_only=True)
class Passed:
    """
    An exchange as it passed.

    `path` is below the base URL. A body is None where it was not kept: too large, or
    never whole. `status` is None without an answer; `problem` says what the other side
    did to break it off, `because` what else kept an answer away. `arrivals` are how
    many bytes of the answer came together, and how many seconds after those before.
    """

    method: str
    path: str
    asked_with: Headers
    request: bytes | None
    status: int | None = None
    headers: Headers = ()
    body: bytes | None = None
    arrivals: Sequence[tuple[float, int]] = ()
    problem: str | None = None
    because: str | None = None
    began: float = field(default_factory=time.time)
    seconds: float = 0.0

    def header(self, name: str) -> str:
        """The value of a header of the request; empty without one."""
        return _header(self.asked_with, name)

    @cached_property
    def key(self) -> str:
        return self.header("authorization").strip().partition(" ")[2].strip()


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


@dataclass(frozen=True)
class Sent(Sample):
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


def _sent(value: Any, files: Mapping[str, bytes]) -> Any:
    """A payload with the files themselves in place of their facts."""
    if isinstance(value, list):
        return [_sent(each, files) for each in value]
    if not isinstance(value, dict) or set(value) != _UPLOAD:
        return value
    upload = Upload(**value)
    return Sent(
        width=upload.width or 0,
        height=upload.height or 0,
        format=upload.format,
        alpha=upload.alpha,
        upload=upload,
        content=files.get(upload.sha256, b""),
    )


@dataclass(frozen=True)
class Asked:
    """
    A request as the document sees it.

    `because` says why there is no payload, or why nothing is said of it; `faults` are
    all that is wrong with it by the document, each of which may be answered.
    """

    received: Received | None = None
    verdict: Verdict | None = None
    faults: tuple[Fault, ...] = ()
    because: str | None = None
    origin: str = "traffic"

    @property
    def state(self) -> State | None:
        """None where the request was not seen whole."""
        if self.faults:
            return State.INVALID
        return self.verdict.state if self.verdict else None


@dataclass(frozen=True)
class Judged:
    """An exchange with what the document says of it, and what was not as promised."""

    passed: Passed
    operation: Operation
    asked: Asked
    interaction: Interaction | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    cost: Mapping[str, Any]

    @property
    def pictures(self) -> int:
        success = self.interaction is not None and self.interaction.is_success
        return len(self.interaction.pictures) if self.interaction and success else 0


class Witness:
    """
    Judges one exchange after the other, by one provider's document.

    It compares an answer with those before it, where only that shows a fault. Blocks:
    pictures are decoded.
    """

    def __init__(self, provider: Provider, upstream: str) -> None:
        self.provider = provider
        self.upstream = upstream.rstrip("/")
        self._claims: dict[str, Claim] = {each.id: each for each in claims(provider)}
        self._memory = Memory()

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation that the document has at a path below the base URL."""
        for each in self.provider.operations.values():
            if (each.method, each.path) == (method, path):
                return each
        return None

    def evidence(self, claim: str, operation: Operation) -> Evidence:
        """Where a claim was read."""
        found = self._claims.get(claim)
        return found.evidence if found else operation.evidence

    def sentence(self, claim: str) -> str:
        found = self._claims.get(claim)
        return found.sentence if found else ""

    def addresses(self, passed: Passed) -> list[str]:
        """The addresses of pictures in a success: they are only read, not followed."""
        if passed.body is None or passed.status is None:
            return []
        try:
            body = plain(passed.body, _header(passed.headers, "content-encoding"))
        except Unreadable:
            return []
        seen = Case("", "", "traffic", State.VALID)
        found = Interaction(seen, passed.status, _lower(passed.headers), body, 0.0)
        if not found.is_success or found.is_stream:
            return []
        urls = [item.get("url") for item in found.items]
        return [each for each in urls if isinstance(each, str) and _is_web(each)]

    def judge(
        self,
        passed: Passed,
        operation: Operation,
        fetched: Mapping[str, bytes | str] | None = None,
    ) -> Judged:
        """
        What the document says of an exchange.

        `fetched` holds what was found at the addresses in the answer: a picture, or
        what is wrong there.
        """
        asked = self._asked(passed, operation)
        notes = [asked.because] if asked.because and asked.state is None else []
        try:
            interaction = self._interaction(passed, operation, asked, fetched or {})
        except Unreadable as error:
            interaction = None
            notes.append(f"the answer is not judged: {error}")
        if passed.body is None and passed.problem is None:
            why = passed.because or "it was not kept whole"
            notes.append(f"the answer is not judged: {why}")
        findings: list[Finding] = []
        if interaction is not None and asked.state is not None:
            findings = self._findings(interaction, passed, operation, asked)
        price = self._cost(interaction, operation, asked)
        return Judged(
            passed, operation, asked, interaction, tuple(findings), tuple(notes), price
        )

    def _asked(self, passed: Passed, operation: Operation) -> Asked:
        if passed.request is None:
            return Asked(because="the request is not judged: it was not kept whole")
        faults: list[Fault] = []
        if operation.authenticated is not None:
            try:
                authenticate(passed.header("authorization"), operation)
            except Rejected:
                faults.append(Fault(f"{operation.id}/auth", "unauthenticated"))
        try:
            data = plain(passed.request, passed.header("content-encoding"))
            received = payload_from(data, passed.header("content-type"), operation)
        except Unreadable as error:
            return Asked(because=f"the request is not judged: {error}")
        except Rejected as rejected:
            return self._unreadable(rejected, faults, data, passed, operation)
        verdict = received.body.judge.judge(received.payload)
        name = request_name(operation, received.body)
        documented = verdict.documented if verdict.state is State.INVALID else ()
        alone = len(verdict.violations) == 1 and not faults
        for each in documented:
            # Which of several faults is blamed, or which member of a rule, is open.
            blamed = (
                (str(each.path[0]),) if each.path and not each.evidence.rule else ()
            )
            params = blamed if alone else ()
            faults.append(Fault(f"{name}/{each.claim}", each.evidence.error, params))
        return Asked(received, verdict, tuple(faults))

    def _unreadable(
        self,
        rejected: Rejected,
        faults: list[Fault],
        data: bytes,
        passed: Passed,
        operation: Operation,
    ) -> Asked:
        """A body that is no JSON object is wrong; what else we cannot read is open."""
        kind = passed.header("content-type").partition(";")[0].strip().lower()
        body = operation.bodies.get(kind)
        if body is not None and kind == JSON and not _is_object(data):
            fault = Fault(request_name(operation, body), "invalid_request")
            faults.append(fault)
        verdict = None if faults else Verdict(State.UNSPECIFIED)
        return Asked(None, verdict, tuple(faults), rejected.message, "malformed")

    def _interaction(
        self,
        passed: Passed,
        operation: Operation,
        asked: Asked,
        fetched: Mapping[str, bytes | str],
    ) -> Interaction | None:
        if passed.body is None and passed.problem is None:
            return None
        body = passed.body or b""
        if passed.problem is None:
            body = plain(body, _header(passed.headers, "content-encoding"))
        case = self._case(passed, operation, asked, body)
        return Interaction(
            case,
            passed.status,
            _lower(passed.headers),
            body,
            passed.seconds,
            passed.problem,
            fetched,
        )

    def _case(
        self, passed: Passed, operation: Operation, asked: Asked, body: bytes
    ) -> Case:
        received, status = asked.received, passed.status
        expectation = asked.state or State.UNSPECIFIED
        fault = _answered(asked.faults, operation, status)
        if fault is None and status in CIRCUMSTANCES:
            # A key, a quota or a limit: the request may be as valid as it likes.
            expectation = State.UNSPECIFIED
            fault = _circumstance(operation, status)
        payload: dict[str, Any] = {}
        names: tuple[str, ...] = ()
        basis = Basis.DOCUMENTED
        if received is not None:
            files = received.files
            payload = {
                name: _sent(each, files) for name, each in received.payload.items()
            }
            names = (request_name(operation, received.body),)
            if expectation is State.VALID:
                basis = self._standing(operation, received.body, payload)
        return Case(
            # No number: the same fault, seen again, is the same finding.
            id=f"traffic/{fault.claim if fault else f'{operation.id}/{expectation}'}",
            operation=operation.id,
            origin=asked.origin,
            expectation=expectation,
            media_type=received.body.media_type if received else None,
            payload=payload,
            claims=(fault.claim,) if fault else names,
            basis=basis,
            fault=fault,
            auth=_auth(passed, operation),
            raw=None if received else passed.request,
            content_type=None if received else passed.header("content-type"),
        )

    def _standing(
        self, operation: Operation, body: Body, payload: Mapping[str, Any]
    ) -> Basis:
        """Who says that the values in a request are welcome."""
        desk = desks_of(self.provider)[operation.id, body.media_type]
        try:
            base = desk.base
        except PlanError:
            base = {}
        changed = [
            name
            for name, value in payload.items()
            if value != base.get(name) and not isinstance(base.get(name), Sample)
        ]
        return standing(desk, changed, payload)

    def _findings(
        self,
        interaction: Interaction,
        passed: Passed,
        operation: Operation,
        asked: Asked,
    ) -> list[Finding]:
        subject = Subject(
            Answer(
                interaction=interaction,
                dialect=self.provider.dialect,
                asked=self._meant(interaction.case, operation),
                media_type=interaction.case.media_type or "",
                key=passed.key,
                now=passed.began + passed.seconds,
                memory=self._memory,
            ),
            interaction.case,
            operation,
            self._claims,
        )
        url = self.upstream + passed.path
        found: dict[str, Finding] = {}
        for each in islice(examine(subject), MOST_OBSERVED):
            one = finding(each, subject, self.provider, url, passed.key)
            found.setdefault(one.fingerprint, one)
        self._forget()
        return list(found.values())

    def _forget(self) -> None:
        """Keep memory bounded: a proxy may run for weeks, a run does not."""
        memory = self._memory
        if max(len(memory.by_question), len(memory.by_prompt)) > MAX_COMPARED:
            self._memory = Memory()

    def _meant(self, case: Case, operation: Operation) -> dict[str, Any]:
        body = operation.bodies.get(case.media_type or "")
        if body is None:
            return {}
        return effective(self.provider.dialect, operation, body, case.payload)

    def _cost(
        self, interaction: Interaction | None, operation: Operation, asked: Asked
    ) -> dict[str, Any]:
        """What a success cost, by the documented prices."""
        dialect = self.provider.dialect
        currency = dialect.prices.get("currency")
        if (
            interaction is not None
            and interaction.status
            and not interaction.is_success
        ):
            return {"amount": 0.0, "currency": currency}
        if interaction is None or asked.received is None:
            return {"amount": None, "currency": currency}
        bodies = [interaction.object or {}]
        if interaction.is_stream:
            bodies = [each.data for each in interaction.events]
        usages = [each.get("usage") for each in bodies if isinstance(each, dict)]
        price = cost(
            dialect,
            operation.id,
            self._meant(interaction.case, operation),
            count=max(1, len(interaction.pictures)),
            usage=next((each for each in usages if isinstance(each, dict)), None),
        )
        return asdict(price)


def _auth(passed: Passed, operation: Operation) -> str | None:
    """How a request was authorised, in a case's words; never the key itself."""
    header = passed.header("authorization")
    if operation.authenticated is None or not header:
        return AUTHORISED if header else None
    return AUTHORISED if passed.key else HIDDEN


def _lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value[:MAX_HEADER] for name, value in headers}


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return False


def _is_object(data: bytes) -> bool:
    """Whether others may read a body as a JSON object, though we do not."""
    try:
        return isinstance(json.loads(data), dict)
    except RecursionError:
        return True
    except ValueError:
        return False


def _answered(
    faults: Sequence[Fault], operation: Operation, status: int | None
) -> Fault | None:
    """The fault that was answered, as far as the status tells; else the first."""
    for each in faults:
        example = operation.errors.get(each.error)
        if example is not None and example.status == status:
            return each
    return next(iter(faults), None)


def _circumstance(operation: Operation, status: int | None) -> Fault | None:
    """The documented error of a status, where the document has one."""
    for name, example in operation.errors.items():
        if example.status == status:
            return Fault(f"{operation.id}/errors/{name}", name)
    return None
