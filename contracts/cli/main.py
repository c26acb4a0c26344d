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
    "compare": (
        "contracts.cli.compare:command",
        "Show where the documentation of providers differs.",
    ),
    "drop-in": (
        "contracts.cli.migration:drop_in",
        "Show what breaks when code moves from one provider to another.",
    ),
    "common": (
        "contracts.cli.migration:common",
        "Show the requests that are valid at every provider.",
    ),
    "explain": (
        "contracts.cli.migration:explain",
        "Explain a rule of the drop-in command.",
    ),
    "claims": (
        "contracts.cli.claims:claims",
        "List documented claims with source and test coverage.",
    ),
    "gate": (
        "contracts.cli.gate:gate",
        "Compare a report with a baseline; fail on new findings.",
    ),
    "show": (
        "contracts.cli.show:show",
        "Convert a report to text, HTML, Markdown, JUnit or SARIF.",
    ),
    "schema": (
        "contracts.cli.schema:command",
        "Print the JSON Schema of a file format.",
    ),
    "init": (
        "contracts.cli.init:init",
        "Write a provider definition to start from.",
    ),
    "lint": ("contracts.cli.lint:lint", "Validate provider definitions."),
    "proxy": (
        "contracts.cli.proxy:proxy",
        "Forward traffic and check it against the documentation.",
    ),
    "sandwich": (
        "contracts.cli.gateway:sandwich",
        "Test a gateway end to end between two mock servers.",
    ),
    "gateway": ("contracts.cli.gateway:sandwich", "Same as sandwich."),
    **{name: each for name, each in mock.COMMANDS.items() if name != "serve"},
}

EXTRAS = dict.fromkeys(
    ("run", "compare", "drop-in", "gate", "show", "sandwich", "gateway"), "harness"
)
"""By name of a command: the extra that it needs."""


@click.group(
    cls=LazyGroup,
    verbs=COMMANDS,
    extras=EXTRAS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": ENV_PREFIX,
    },
)
@click.version_option(package_name="imageparity")
def main() -> None:
    """
    Mock servers, conformance tests and comparison reports for OpenAI-compatible
    image APIs.
    """
