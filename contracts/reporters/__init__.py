"""
The output formats of reports, one row of `REPORTERS` per format.

A format is a module with a function `render(report)` that returns the text of a file.
The rows give the options of `run` (`--html FILE`) and the choices of `show --format`.
To add a format, write its module and add its row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from contracts.report.model import Report


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """
    A format of reports: the option `--name` of `run` and a choice of `show`.

    `file_kind` completes the help of the option, "Write this file: …". The function
    `render` of `module` takes the report and, if `takes_specs`, the folders of further
    providers and, if `takes_history`, the keyword `history`, and if `takes_documents`,
    the keyword `documents`. The module is imported at the first call.
    """

    name: str
    file_kind: str
    module: str
    takes_specs: bool = False
    takes_history: bool = False
    takes_documents: bool = False

    @property
    def option(self) -> str:
        return f"--{self.name}"

    @property
    def help(self) -> str:
        return f"Write this file: {self.file_kind}."

    def render(
        self,
        report: Report,
        folders: Sequence[str | Path] = (),
        history: Sequence[Report] = (),
        documents: Mapping[str, Path] | None = None,
    ) -> str:
        """
        The text of the file; the other parameters are optional inputs.

        `documents` are copies of providers' documents, by provider.
        """
        inputs = folders if self.takes_specs else ()
        options: dict[str, Any] = {"history": history} if self.takes_history else {}
        if self.takes_documents:
            options["documents"] = documents or {}
        text: str = import_module(self.module).render(report, *inputs, **options)
        return text


REPORTERS = {
    each.name: each
    for each in (
        ReportFormat(
            "html",
            "an HTML page that needs no network",
            "contracts.reporters.page.render",
            takes_specs=True,
            takes_history=True,
        ),
        ReportFormat(
            "markdown",
            "Markdown, for a job summary or a comment",
            "contracts.reporters.run.markdown",
        ),
        ReportFormat(
            "junit",
            "JUnit XML, one test case per claim",
            "contracts.reporters.run.junit",
        ),
        ReportFormat(
            "sarif",
            "SARIF 2.1.0, for code scanning",
            "contracts.reporters.run.sarif",
            takes_specs=True,
            takes_documents=True,
        ),
        ReportFormat(
            "ctrf",
            "the Common Test Report Format (JSON)",
            "contracts.reporters.run.ctrf",
        ),
        ReportFormat(
            "badge",
            "a badge for https://shields.io (JSON)",
            "contracts.reporters.run.badge",
        ),
    )
}
