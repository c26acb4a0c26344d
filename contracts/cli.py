"""Every verb, in one place; what a verb needs is imported when it is used."""

from importlib import import_module

import click

from mockserver.cli import OneLine

VERBS = {
    "serve": "mockserver.cli:serve",
    "run": "contracts.commands:run",
    "compare": "contracts.commands:compare",
    "claims": "contracts.commands:claims",
    "show": "contracts.commands:show",
}


class Lazy(OneLine):
    """A group that imports a command only when it is called or explained."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imageparity")
def main() -> None:
    """
    Offline upstreams, a conformance harness and a difference report for
    OpenAI-compatible image APIs.
    """
