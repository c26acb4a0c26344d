"""Every verb, in one place; what a verb needs is imported when it is used."""

import click

from mockserver.cli import main as mock
from mockserver.cli.common import ENV_PREFIX, CommandTable, LazyGroup

COMMANDS: CommandTable = {
    "serve": mock.COMMANDS["serve"],
    "run": ("contracts.cli.run:run", "Find where deed departs from promise."),
    "compare": ("contracts.cli.compare:command", "Show where providers differ."),
    "drop-in": (
        "contracts.cli.migration:drop_in",
        "Tell what breaks for code that moves.",
    ),
    "common": (
        "contracts.cli.migration:common",
        "Tell what may be sent everywhere.",
    ),
    "explain": ("contracts.cli.migration:explain", "Explain a rule of drop-in."),
    "claims": (
        "contracts.cli.claims:claims",
        "List each claim, its source, its standing.",
    ),
    "gate": ("contracts.cli.gate:gate", "Let known findings pass, and no others."),
    "show": ("contracts.cli.show:show", "Make what people look at of a report."),
    "schema": (
        "contracts.cli.schema:command",
        "Print the JSON Schema of a file of ours.",
    ),
    "lint": ("contracts.cli.lint:lint", "Tell what is wrong in providers' folders."),
    "proxy": ("contracts.cli.proxy:proxy", "Pass traffic through, and judge it."),
    "sandwich": (
        "contracts.cli.gateway:sandwich",
        "Tell what a gateway does to traffic.",
    ),
    **{name: each for name, each in mock.COMMANDS.items() if name != "serve"},
}


@click.group(
    cls=LazyGroup,
    verbs=COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": ENV_PREFIX,
    },
)
@click.version_option(package_name="imageparity")
def main() -> None:
    """
    Offline upstreams, a conformance harness and a difference report for
    OpenAI-compatible image APIs.
    """
