"""The table of commands; the module of a command is imported when it is called."""

import click

from mockserver.cli import main as mock
from mockserver.cli.common import ENV_PREFIX, CommandTable, LazyGroup

COMMANDS: CommandTable = {
    "serve": mock.COMMANDS["serve"],
    "run": (
        "contracts.cli.run.command:run",
        "Test a server (or the mock) against its documentation.",
    ),
    "campaign": (
        "contracts.cli.fleet.group:campaign",
        "Test many servers on several workers, with a budget for each.",
    ),
    "compare": (
        "contracts.cli.documents.compare:command",
        "Show where the documentation of providers differs.",
    ),
    "drop-in": (
        "contracts.cli.documents.migration:drop_in",
        "Show what breaks when code moves from one provider to another.",
    ),
    "common": (
        "contracts.cli.documents.migration:common",
        "Show the requests that are valid at every provider.",
    ),
    "explain": (
        "contracts.cli.documents.migration:explain",
        "Explain a rule of the drop-in command.",
    ),
    "claims": (
        "contracts.cli.documents.claims:claims",
        "List documented claims with source and test coverage.",
    ),
    "sources": (
        "contracts.cli.documents.sources:sources",
        "List the pages behind the claims, and check them.",
    ),
    "gate": (
        "contracts.cli.reports.gate:gate",
        "Compare a report with a baseline; fail on new findings.",
    ),
    "show": (
        "contracts.cli.reports.show:show",
        "Convert a report to text, HTML, Markdown, JUnit or SARIF.",
    ),
    "merge": (
        "contracts.cli.reports.merge:merge",
        "Merge reports of several processes into one.",
    ),
    "verify": (
        "contracts.cli.reports.verify:verify",
        "Check a bundle of a run, and judge its exchanges again.",
    ),
    "schema": (
        "contracts.cli.documents.schema:command",
        "Print the JSON Schema of a file format.",
    ),
    "init": (
        "contracts.cli.documents.init:init",
        "Write a provider definition to start from.",
    ),
    "lint": ("contracts.cli.documents.lint:lint", "Validate provider definitions."),
    "proxy": (
        "contracts.cli.traffic.proxy:proxy",
        "Forward traffic and check it against the documentation.",
    ),
    "sandwich": (
        "contracts.cli.traffic.gateway:sandwich",
        "Test a gateway end to end between two mock servers.",
    ),
    "gateway": ("contracts.cli.traffic.gateway:sandwich", "Same as sandwich."),
    **{name: each for name, each in mock.COMMANDS.items() if name != "serve"},
}

EXTRAS = dict.fromkeys(
    (
        "run",
        "campaign",
        "compare",
        "drop-in",
        "gate",
        "show",
        "merge",
        "verify",
        "sandwich",
        "gateway",
    ),
    "harness",
)
"""By name of a command: the extra that it needs."""


@click.group(
    cls=LazyGroup,
    verbs=COMMANDS,
    extras=EXTRAS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": ENV_PREFIX,
    },
)
@click.version_option(package_name="imageparity")
def main() -> None:
    """
    Mock servers, conformance tests and comparison reports for OpenAI-compatible
    image APIs.
    """
