"""Build the outcomes of cases, with and without a response."""

from collections.abc import Iterable
from dataclasses import replace

from contracts.execution.tasks.follow import OpenTask
from contracts.judging.checks import CheckContext
from contracts.judging.evidence import evidence_in
from contracts.judging.examiner import cost_of, shown_fields
from contracts.planning.case import Case
from contracts.report.model import INTERRUPTED, MODEL_REFUSED, Finding, Outcome
from specs import Provider


def tested_outcome(
    provider: Provider, context: CheckContext, findings: Iterable[Finding]
) -> Outcome:
    """The outcome of a case with its findings."""
    case, interaction = context.case, context.interaction
    found = tuple(findings)
    is_refused = interaction.is_refused and case.expected_error is None
    return Outcome(
        provider=provider.id,
        case=case.id,
        operation=case.operation,
        origin=case.origin,
        expectation=case.expectation,
        claims=case.claims,
        status=interaction.status,
        seconds=round(interaction.seconds, 4),
        cost=cost_of(provider, interaction),
        findings=found,
        not_tested=MODEL_REFUSED if is_refused and not found else None,
        fields=shown_fields(provider, case, context.answer.request),
        **evidence_in(context.answer),
    )


def untested_outcome(
    provider: Provider,
    case: Case,
    reason: str,
    status: int | None = None,
    cost: float | None = 0.0,
) -> Outcome:
    """The outcome of a case that has no result, for a reason."""
    return Outcome(
        provider=provider.id,
        case=case.id,
        operation=case.operation,
        origin=case.origin,
        expectation=case.expectation,
        claims=case.claims,
        status=status,
        seconds=0.0,
        cost=cost,
        not_tested=reason,
    )


def open_task_outcome(
    provider: Provider, task: OpenTask, earlier: Outcome | None
) -> Outcome:
    """The outcome of a case whose task goes on; `earlier` is that of an earlier run."""
    created = task.created
    if created is None:
        outcome = untested_outcome(provider, task.case, INTERRUPTED)
        cost = earlier.cost if earlier else None
    else:
        outcome = untested_outcome(provider, task.case, INTERRUPTED, created.status)
        cost = cost_of(provider, created)
    return replace(outcome, cost=cost, open_task=task.id)


def as_flaky(finding: Finding, note: str) -> Finding:
    """A finding that was not seen every time, with a note that says when."""
    return replace(finding, flaky=True, message=f"{finding.message} {note}")
