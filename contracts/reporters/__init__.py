"""
What people and their tools look at, made from a report.

Each format is a function of the report; its module is imported when it is asked for.
The HTML page also takes differences, and SARIF the folders of further documents: see
`render` in their modules.
"""

from collections.abc import Callable

from contracts.report.model import Report


def _html(report: Report) -> str:
    from contracts.reporters.page.render import render

    return render(report)


def _markdown(report: Report) -> str:
    from contracts.reporters.run.markdown import render

    return render(report)


def _junit(report: Report) -> str:
    from contracts.reporters.run.junit import render

    return render(report)


def _sarif(report: Report) -> str:
    from contracts.reporters.run.sarif import render

    return render(report)


def _ctrf(report: Report) -> str:
    from contracts.reporters.run.ctrf import render

    return render(report)


def _badge(report: Report) -> str:
    from contracts.reporters.run.badge import render

    return render(report)


REPORTERS: dict[str, Callable[[Report], str]] = {
    "html": _html,
    "markdown": _markdown,
    "junit": _junit,
    "sarif": _sarif,
    "ctrf": _ctrf,
    "badge": _badge,
}
