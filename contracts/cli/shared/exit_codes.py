"""The exit statuses of `run` and `show`."""

from contracts.report.failure_policy import FailurePolicy
from contracts.report.model import Report

CONFORMS, NONCONFORMING, COULD_NOT_RUN, STOPPED = 0, 1, 2, 3


def exit_status(report: Report, fail_on: FailurePolicy) -> int:
    """
    The status of a report: stopped first, then findings that `fail_on` matches.

    With `must`, a must without a result does not conform either. Raises `UsageError`
    for `must` in a report without requirements.
    """
    policy, requirements = fail_on.for_report(report), report.requirements
    if report.stopped:
        return COULD_NOT_RUN if report.stopped == "errors" else STOPPED
    if any(map(policy.fails, report.findings)):
        return NONCONFORMING
    is_kept = requirements is None or requirements.is_kept or not policy.has_musts
    return CONFORMS if is_kept else NONCONFORMING
