"""`mockserver serve` from the command line, and what all our commands share."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    pass
from mockserver.cli.common import CommandTable, LazyGroup

SERVE = "serve"

COMMANDS: CommandTable = {
    SERVE: (
        "mockserver.cli.serve:serve",
        "Serve mocks of PROVIDERs until interrupted.",
    ),
    "faults": ("mockserver.cli.commands:faults", "List what can go wrong on demand."),
    "env": (
        "mockserver.cli.commands:env",
        "Print the variables that lead clients to a mock.",
    ),
    "whose": (
        "mockserver.cli.provenance:whose",
        "Tell which request a picture was drawn for.",
    ),
    "completion": (
        "mockserver.cli.commands:completion",
        "Print a shell's completion script.",
    ),
}


@click.group(
    cls=LazyGroup,
    verbs=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="imageparity")
def main() -> None:
    """An offline upstream for every provider of OpenAI-compatible image APIs."""
