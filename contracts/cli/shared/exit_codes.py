"""The exit statuses of `run` and `show`."""

from contracts.report.failure_policy import FailurePolicy
from contracts.report.model import Report

CONFORMS, NONCONFORMING, COULD_NOT_RUN, STOPPED = 0, 1, 2, 3


def exit_status(report: Report, fail_on: FailurePolicy) -> int:
    """The status of a report: stopped first, then findings that `fail_on` matches."""
    if report.stopped:
        return COULD_NOT_RUN if report.stopped == "errors" else STOPPED
    return NONCONFORMING if any(map(fail_on.fails, report.findings)) else CONFORMS
