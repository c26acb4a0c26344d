"""Small reports, right and wrong, for those who look at what is made of them."""

from dataclasses import replace

from contracts.report.model import (
    ClaimRecord,
    Finding,
    FindingKind,
    Outcome,
    Report,
    RunMetadata,
    TargetRecord,
)

HOSTILE = "</script><b onclick=x>bold</b> | `tick` ```` {{ 7*7 }} [link](javascript:x)"
CONTROLS = "\x00\x1b[31mred\x07\ud800\uffff\u202etxt.exe"


def claim(id_="createImage/request/n/maximum", **changes):
    record = ClaimRecord(
        id=id_,
        operation="createImage",
        subject="request",
        sentence="n must be at most 10",
        source="S1#n",
        source_title="One: images",
        source_url="https://one.example/docs",
        source_date="2026-05",
        basis="documented",
        pointer="/components/schemas/N",
        mock="kept",
    )
    return replace(record, **changes)


def finding(**changes):
    made = Finding(
        kind=FindingKind.ACCEPTS_INVALID,
        check="invalid_request_is_refused",
        claim="createImage/request/n/maximum",
        basis="documented",
        source="One: images",
        source_url="https://one.example/docs",
        message="n = 11 was accepted",
        expected="status 400",
        case="createImage/n/above",
        fingerprint="f" * 16,
        request={
            "curl": "curl -d '{\"n\": 11}' https://one.example",
            "python": "requests.post()",
            "summary": "n = 11",
        },
        answer={"status": 200, "content_type": "application/json", "excerpt": "{}"},
    )
    return replace(made, **changes)


def outcome(provider="one", findings=(), **changes):
    made = Outcome(
        provider=provider,
        case="createImage/n/above",
        operation="createImage",
        origin="probe",
        expectation="invalid",
        claims=("createImage/request/n/maximum",),
        status=200,
        seconds=0.25,
        cost=0.5,
        findings=tuple(findings),
    )
    return replace(made, **changes)


def target(provider="one", **changes):
    made = TargetRecord(
        provider=provider,
        title=provider.capitalize(),
        base_url=f"http://127.0.0.1:1/{provider}/v1",
        is_mock=True,
        document="2026",
        planned=2,
        currency="USD",
        claims=(
            claim(asked=1),
            claim("createImage/request/n/minimum", sentence="n >= 1"),
        ),
    )
    return replace(made, **changes)


def report(*outcomes, targets=None, stopped=None):
    targets = targets or (target("one"), target("two", currency="EUR"))
    run = RunMetadata("9.8.7", "2026-11-21T13:05:00+00:00", 42, targets)
    return Report(run, outcomes, stopped)


CONFORMING = report(outcome("one"), outcome("two"))
DIFFERENCE = finding(
    kind=FindingKind.WRONG_ERROR,
    basis="assumed",
    message=HOSTILE + CONTROLS,
    expected=HOSTILE,
    source_url="javascript:alert(1)",
    fingerprint="d" * 16,
    request={
        "curl": "curl " + HOSTILE + CONTROLS,
        "python": HOSTILE,
        "summary": HOSTILE,
    },
    answer={"status": None, "content_type": HOSTILE, "excerpt": HOSTILE + CONTROLS},
)
BROKEN = report(outcome("one", [finding(), DIFFERENCE]), outcome("two"))
STOPPED = report(outcome("one"), stopped="budget")
UNASKED = report()
ALL = {
    "conforming": CONFORMING,
    "broken": BROKEN,
    "stopped": STOPPED,
    "unasked": UNASKED,
}
