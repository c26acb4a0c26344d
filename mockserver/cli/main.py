"""The command line of the mock; a command is imported when it is called."""

import click

from mockserver.cli.common import CommandTable, LazyGroup

SERVE = "serve"

COMMANDS: CommandTable = {
    SERVE: (
        "mockserver.cli.serve:serve",
        "Serve mocks of providers until interrupted.",
    ),
    "faults": (
        "mockserver.cli.commands:faults",
        "List the faults and error responses that can be triggered.",
    ),
    "env": (
        "mockserver.cli.commands:env",
        "Print environment variables that point clients to a mock.",
    ),
    "health": (
        "mockserver.cli.health:health",
        "Check that a mock server responds.",
    ),
    "provenance": (
        "mockserver.cli.provenance:provenance",
        "Show the request and seed of a file of the mock.",
    ),
    "whose": ("mockserver.cli.provenance:provenance", "Alias of provenance."),
    "completion": (
        "mockserver.cli.commands:completion",
        "Print a shell completion script.",
    ),
}


@click.group(
    cls=LazyGroup,
    verbs=COMMANDS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(package_name="imageparity")
def main() -> None:
    """Mock servers of OpenAI-compatible image APIs."""
