"""Verdicts on client libraries: whether they can work with a tested server."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.judging.client_effects import Effect, effect_on
from contracts.report.model import Finding, Outcome, Report, TargetRecord
from specs import State
from specs.clients import Client, ClientOperation, clients


class Readiness(StrEnum):
    """The words of a verdict on a client and a server."""

    READY = "ready"
    LIMITED = "ready with limits"
    NOT_READY = "not ready"
    NOT_TESTED = "not tested"


USUAL_DELIVERIES = frozenset({"b64_json", "url", "data_uri"})
"""Those of which each client can read one: in the fields that it knows."""


@dataclass(frozen=True, slots=True)
class ClientVerdict:
    """
    The verdict on one client and one target.

    `findings` are the reasons for `NOT_READY`, or the limits, in the order of the
    report. `unread` are the deliveries of images that came and that the client does not
    read. `untested` are the operations that the client calls and of which no valid
    request passed or failed; the verdict is about the others.
    """

    client: Client
    target: TargetRecord
    readiness: Readiness
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()


def client_verdicts(report: Report) -> Iterator[ClientVerdict]:
    """
    Yield a verdict per client and target.

    Only findings that fail count, and only those about requests that the client sends
    or parts of a response that it reads. A client is not ready if one of them is about
    a field that it cannot do without, or if no valid request of an operation that it
    calls passes and has images in a delivery that it reads. A client that calls no
    operation of the target has no verdict.
    """
    for target in report.metadata.targets:
        part = report.for_provider(target.provider)
        for client in clients().values():
            if not client.sends.keys().isdisjoint(target.operations):
                yield _Evidence(client, target, part).verdict()


class _Evidence:
    """The outcomes of one target as far as they are about one client."""

    def __init__(self, client: Client, target: TargetRecord, report: Report) -> None:
        self._client = client
        self._target = target
        self._outcomes = [each for each in report.outcomes if _concerns(each, client)]
        failed = {
            check.fingerprint
            for outcome in self._outcomes
            for check in outcome.findings
            if check.breaks
        }
        self._causes = {
            finding.fingerprint: (finding, effect)
            for finding in report.broken
            if failed.intersection(finding.failed_checks)
            and (effect := effect_on(client, finding)) is not Effect.NONE
        }
        self._spoiling = {
            check: name
            for name, (finding, effect) in self._causes.items()
            if effect is not Effect.LIMITS_READING
            for check in finding.failed_checks
        }

    def verdict(self) -> ClientVerdict:
        blocking = {
            name
            for name, (_, effect) in self._causes.items()
            if effect is Effect.BLOCKS
        }
        unread: set[str] = set()
        untested = []
        is_ready = not blocking
        operations = self._operations()
        for operation in operations:
            valid = self._valid_outcomes(operation)
            failures = set[str]().union(*map(self._failures, valid))
            passed = [e for e in valid if e.images and not self._failures(e)]
            read = [each for each in passed if not self._unread(each)]
            unread.update(*map(self._unread, passed))
            if not read and (passed or failures):
                blocking |= failures
                is_ready = False
            elif not read:
                untested.append(operation)
        if not is_ready:
            readiness, names = Readiness.NOT_READY, blocking
        elif len(untested) == len(operations):
            readiness, names = Readiness.NOT_TESTED, set()
        else:
            names = set(self._causes)
            has_limits = names or unread
            readiness = Readiness.LIMITED if has_limits else Readiness.READY
        return ClientVerdict(
            self._client,
            self._target,
            readiness,
            tuple(each for name, (each, _) in self._causes.items() if name in names),
            tuple(sorted(unread)),
            tuple(untested),
        )

    def _operations(self) -> list[str]:
        """The operations of the document that the client calls."""
        sends = self._client.sends
        return [each for each in self._target.operations if each in sends]

    def _failures(self, outcome: Outcome) -> set[str]:
        """The findings because of which a case does not pass for the client."""
        return {
            self._spoiling[check.fingerprint]
            for check in outcome.findings
            if check.breaks and check.fingerprint in self._spoiling
        }

    def _unread(self, outcome: Outcome) -> set[str]:
        """The deliveries of a response if the client reads none of them."""
        came = set(outcome.deliveries)
        read = self._client.pictures or USUAL_DELIVERIES
        return set() if read & came else came

    def _valid_outcomes(self, operation: str) -> Sequence[Outcome]:
        """The valid requests with all fields that the client adds to them."""
        valid = [
            each
            for each in self._outcomes
            if each.operation == operation and each.expectation == State.VALID
        ]
        known = {name for each in valid for name in each.fields}
        sends = self._client.sends[operation]
        return [each for each in valid if _is_sent(each, sends, known)]


def _is_sent(outcome: Outcome, sends: ClientOperation, known: set[str]) -> bool:
    """
    True if a client sends such a request, as far as the report shows it.

    `known` are the fields that the requests of the operation have in the report; others
    that the client adds cannot be judged.
    """
    request = {**outcome.fields, **({"model": outcome.model} if outcome.model else {})}
    missing = sends.prepare_payload(request).keys() - request.keys()
    return sends.can_send(request) and not missing & known


def _concerns(outcome: Outcome, client: Client) -> bool:
    """True for a tested case whose operation and body a client may send."""
    if outcome.not_tested is not None or outcome.operation not in client.sends:
        return False
    if client.pictures_only and outcome.fields.get("stream") == "true":
        return False  # it reads images, not events
    body = next((kind for kind in _BODIES if f"/{kind}/" in outcome.case), None)
    media_type = client.sends[outcome.operation].media_type
    return body is None or media_type.startswith(_BODIES[body])


# How the ids of cases of an operation with two request bodies name them.
_BODIES = {"request-form": "multipart/", "request-json": "application/json"}
