"""Small commands beside `serve`: `faults`, `env` and `completion`."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import click

import specs
from mockserver.cli.common import (
    DEFAULT_PORT,
    PROVIDER,
    UsageError,
    load_providers,
    specs_option,
)

PROGRAM = "imageparity"


@click.command()
@click.argument("provider", nargs=-1, type=PROVIDER)
@specs_option
def faults(provider: tuple[str, ...], folder: str | None) -> None:
    """List what can go wrong on demand: faults, and each PROVIDER's errors."""
    from mockserver.simulation.faults import FAULTS

    providers = load_providers(provider, folder)
    entries = {each.name: (each.kind, each.description) for each in FAULTS.values()}
    width = max(map(len, entries))
    kinds = {"wire": "On the wire", "relay": "Of relays"}
    for kind, title in kinds.items():
        click.echo(f"{title}:")
        for name, (own, about) in entries.items():
            if own == kind:
                click.echo(_paragraph(f"  {name:<{width}}  ", about))
        click.echo()
    click.echo("Errors of each provider, under the names of its document:")
    for each in providers:
        for operation, names in _error_names(each).items():
            click.echo(_paragraph(f"  {each.id} {operation}  ", ", ".join(names)))
    click.echo(_TRIGGER_HELP)


_TRIGGER_HELP = """
Ask for any of them, in whichever way your client lets you:
  script  curl -X POST http://HOST:PORT/__mock__/script/PROVIDER \\
            -d '[{"error": "NAME", "times": 2}, {"fault": "NAME"}]'
  header  X-Mock-Error: NAME    X-Mock-Fault: NAME    X-Mock-Latency: MILLISECONDS
  prompt  A red cube [[mock:NAME]]
  key     any key that ends in mock-NAME
The script counts first, then header, prompt and key. All but the script take
parameters: NAME;times=2;id=TOKEN;retry-after=1;seconds=5"""


def _paragraph(lead: str, text: str) -> str:
    return click.wrap_text(
        text, width=88, initial_indent=lead, subsequent_indent=" " * len(lead)
    )


def _error_names(provider: specs.Provider) -> Mapping[str, list[str]]:
    return {each.id: sorted(each.errors) for each in provider.operations.values()}


def _sh_assignment(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish_assignment(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell_assignment(name: str, value: str) -> str:
    escaped = value.replace("'", "''")
    return f"$env:{name} = '{escaped}'"


def _dotenv_assignment(name: str, value: str) -> str:
    if shlex.quote(value) == value:  # nothing that any reader would take apart
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


SHELL_FORMATTERS: dict[str, Callable[[str, str], str]] = {
    "sh": _sh_assignment,
    "fish": _fish_assignment,
    "powershell": _powershell_assignment,
    "dotenv": _dotenv_assignment,
}


@click.command()
@click.argument("provider", type=PROVIDER)
@click.option(
    "--url",
    default=f"http://127.0.0.1:{DEFAULT_PORT}",
    show_default=True,
    help="Where the mock is served.",
)
@click.option(
    "--key",
    default="test",
    show_default=True,
    help="Any will do; one that ends in mock-NAME asks for an error.",
)
@click.option(
    "--shell",
    default="sh",
    show_default=True,
    type=click.Choice(list(SHELL_FORMATTERS)),
    help="Whose syntax.",
)
@specs_option
def env(provider: str, url: str, key: str, shell: str, folder: str | None) -> None:
    """
    Print the variables that lead clients to the mock of PROVIDER.

    For a shell: eval "$(imageparity env PROVIDER)"
    """
    (found,) = load_providers([provider], folder)
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise UsageError(
            f"--url takes an address such as http://127.0.0.1:8080, not '{url}'"
        )
    if not f"{url}{key}".isprintable():
        raise UsageError("--url and --key take printable characters")
    base_url = f"{url.rstrip('/')}/{found.id}{found.base_path}"
    names = _client_variables(found)
    click.echo(SHELL_FORMATTERS[shell](names["base_url"], base_url))
    click.echo(SHELL_FORMATTERS[shell](names["key"], key))


def _client_variables(provider: specs.Provider) -> Mapping[str, Any]:
    """What clients read: as the provider's dialect says, or the first that says it."""

    def known() -> Iterator[Mapping[str, Any]]:
        yield provider.dialect.clients
        for name in specs.names():
            yield specs.load(name).dialect.clients

    return next(each for each in known() if each)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """
    Print the script that completes imageparity's words in a SHELL.

    bash and zsh: eval "$(imageparity completion bash)"; fish: imageparity completion
    fish | source
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for '{shell}'")
    variable = f"_{PROGRAM}_COMPLETE".upper()
    root = context.find_root().command
    click.echo(found(root, {}, PROGRAM, variable).source())
