"""Every verb, in one place; what a verb needs is imported when it is used."""

import click

from mockserver import cli as mock
from mockserver.cli import PREFIX, Lazy, Verbs

VERBS: Verbs = {
    "serve": mock.VERBS["serve"],
    "run": ("contracts.commands:run", "Find where deed departs from promise."),
    "compare": ("contracts.comparison.command:command", "Show where providers differ."),
    "drop-in": (
        "contracts.dropin.command:drop_in",
        "Tell what breaks for code that moves.",
    ),
    "common": (
        "contracts.dropin.command:common",
        "Tell what may be sent everywhere.",
    ),
    "explain": ("contracts.dropin.command:explain", "Explain a rule of drop-in."),
    "claims": (
        "contracts.commands:claims",
        "List each claim, its source, its standing.",
    ),
    "gate": ("contracts.gate:gate", "Let known findings pass, and no others."),
    "show": ("contracts.commands:show", "Make what people look at of a report."),
    "schema": ("contracts.schemas:command", "Print the JSON Schema of a file of ours."),
    "lint": ("contracts.linting:lint", "Tell what is wrong in providers' folders."),
    "proxy": ("contracts.proxy.command:proxy", "Pass traffic through, and judge it."),
    "sandwich": ("contracts.sandwich:sandwich", "Tell what a gateway does to traffic."),
    **{name: each for name, each in mock.VERBS.items() if name != "serve"},
}


@click.group(
    cls=Lazy,
    verbs=VERBS,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": PREFIX,
    },
)
@click.version_option(package_name="imageparity")
def main() -> None:
    """
    Offline upstreams, a conformance harness and a difference report for
    OpenAI-compatible image APIs.
    """
