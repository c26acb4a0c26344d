"""Journal entries of a proxy: those of a mock, with findings."""

from collections.abc import Sequence
from typing import Any

from contracts.report.model import Finding
from contracts.traffic.exchange import ObservedExchange
from contracts.traffic.judge import JudgedExchange, TrafficJudge
from mockserver.recordings.redaction import REDACTED
from mockserver.state.journal import summarize

MAX_FINDINGS = 20  # of one exchange


def journal_entry(
    judge: TrafficJudge,
    exchange: ObservedExchange,
    judged: JudgedExchange | None,
    notes: Sequence[str],
    recorded: str | None,
) -> dict[str, Any]:
    """
    The journal entry of an exchange: the entry of a mock, with the findings.

    `recorded` is the name of the recording, `notes` are remarks about the judging.
    """
    request = judged.request if judged else None
    received = request.received if request else None
    names = {key.lower(): value for key, value in exchange.headers}
    findings = judged.findings if judged else ()
    return {
        "provider": judge.provider.id,
        "namespace": "",
        "at": exchange.started_at,
        "request_id": names.get("x-request-id", ""),
        "operation": judged.operation.id if judged else None,
        "method": exchange.method,
        "path": exchange.path,
        "key": REDACTED if judge.key(exchange) else "",
        "client": exchange.header("user-agent")[:200],
        "media_type": received.body.media_type if received else None,
        "payload": summarize(received.payload) if received else None,
        "decision": {
            "state": request.state if request else None,
            "trigger": None,
            "error": request.expected_errors[0].error
            if request and request.expected_errors
            else None,
            "because": request.reason if request else None,
            "violations": _violations(judge, judged) if judged else [],
        },
        "status": exchange.status,
        "images": judged.image_count if judged else 0,
        "cost": dict(judged.cost) if judged else {},
        "seconds": round(exchange.seconds, 6),
        "outcome": "answered" if exchange.body is not None else "aborted",
        "problem": exchange.problem,
        "findings": [_finding_summary(each) for each in findings[:MAX_FINDINGS]],
        "notes": list(notes),
        "recorded": recorded,
    }


def _violations(judge: TrafficJudge, judged: JudgedExchange) -> list[dict[str, Any]]:
    """The violations of the document by a request, the named error first."""
    verdict = judged.request.verdict
    found = [
        {
            "param": each.param,
            "message": str(each),
            "claim": each.claim,
            "source": each.evidence.source,
            "basis": each.evidence.basis,
        }
        for each in (verdict.violations if verdict else ())
    ]
    known = {each["claim"] for each in found}
    for fault in judged.request.expected_errors:
        if not any(fault.claim.endswith(f"/{each}") for each in known):
            evidence = judge.evidence(fault.claim, judged.operation)
            found.insert(
                0,
                {
                    "param": None,
                    "message": judged.request.reason or judge.sentence(fault.claim),
                    "claim": fault.claim,
                    "source": evidence.source,
                    "basis": evidence.basis,
                },
            )
    return found


def _finding_summary(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "check": finding.check,
        "claim": finding.claim,
        "basis": finding.basis,
        "breaks": finding.breaks,
        "source": finding.source,
        "source_url": finding.source_url,
        "message": finding.message,
        "expected": finding.expected,
        "fingerprint": finding.fingerprint,
        "curl": finding.request["curl"],
    }
