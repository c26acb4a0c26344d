"""The commands `faults`, `env` and `completion`."""

import shlex
from collections.abc import Callable, Iterator, Mapping
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
    """List the faults and the error responses of PROVIDERs that can be triggered."""
    from mockserver.simulation.faults import FAULTS

    providers = load_providers(provider, folder)
    width = max(map(len, FAULTS))
    kinds = {"wire": "Transport faults", "relay": "Relay faults"}
    for kind, title in kinds.items():
        click.echo(f"{title}:")
        for fault in FAULTS.values():
            if fault.kind == kind:
                lead = f"  {fault.name:<{width}}  "
                click.echo(_paragraph(lead, fault.description))
        click.echo()
    click.echo("Error responses by provider and operation:")
    for served in providers:
        for operation, names in _error_names(served).items():
            click.echo(_paragraph(f"  {served.id} {operation}  ", ", ".join(names)))
    click.echo(_TRIGGER_HELP)


_TRIGGER_HELP = """
Trigger a fault or an error response in one of these ways:
  script  curl -X POST http://HOST:PORT/__mock__/script/PROVIDER \\
            -d '[{"error": "NAME", "times": 2}, {"fault": "NAME"}]'
  header  X-Mock-Error: NAME    X-Mock-Fault: NAME    X-Mock-Latency: MILLISECONDS
          X-Mock-Error: 503 for the error with a status, documented or not
  prompt  A red cube [[mock:NAME]]
  key     an API key that ends in mock-NAME
The script takes precedence over the header, the header over the prompt, and the prompt
over the key. All but the script accept parameters:
NAME;times=2;id=TOKEN;retry-after=1;seconds=5;status=504

Headers also apply to the download of an image by its URL, and so do script items with
"operation": "image"."""


def _paragraph(lead: str, text: str) -> str:
    return click.wrap_text(
        text, width=88, initial_indent=lead, subsequent_indent=" " * len(lead)
    )


def _error_names(provider: specs.Provider) -> Mapping[str, list[str]]:
    return {each.id: sorted(each.errors) for each in provider.all_operations.values()}


def _sh_assignment(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish_assignment(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell_assignment(name: str, value: str) -> str:
    escaped = value.replace("'", "''")
    return f"$env:{name} = '{escaped}'"


def _dotenv_assignment(name: str, value: str) -> str:
    if shlex.quote(value) == value:  # Docker's --env-file keeps quotes literally
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
    help="URL of the mock server.",
)
@click.option(
    "--key",
    default="test",
    show_default=True,
    help="API key; the mock accepts any. One that ends in mock-NAME triggers an error.",
)
@click.option(
    "--shell",
    default="sh",
    show_default=True,
    type=click.Choice(list(SHELL_FORMATTERS)),
    help="Syntax of the output.",
)
@specs_option
def env(provider: str, url: str, key: str, shell: str, folder: str | None) -> None:
    """
    Print the environment variables that point clients to the mock of PROVIDER.

    In a shell: eval "$(imageparity env PROVIDER)"
    """
    (loaded,) = load_providers([provider], folder)
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise UsageError(
            f"--url must be a URL such as http://127.0.0.1:8080, not '{url}'"
        )
    if not f"{url}{key}".isprintable():
        raise UsageError("--url and --key must be printable characters")
    base_url = f"{url.rstrip('/')}/{loaded.id}{loaded.base_path}"
    names = _client_variables(loaded)
    click.echo(SHELL_FORMATTERS[shell](names.base_url, base_url))
    click.echo(SHELL_FORMATTERS[shell](names.key, key))


def _client_variables(provider: specs.Provider) -> specs.ClientVariables:
    """
    Return the names of the variables that clients read.

    They are those of the provider's dialect, or of the first one that has any.
    """

    def documented() -> Iterator[specs.ClientVariables | None]:
        yield provider.dialect.clients
        for name in specs.names():
            yield specs.load(name).dialect.clients

    return next(each for each in documented() if each)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """
    Print the completion script of imageparity for SHELL.

    For bash and zsh: eval "$(imageparity completion bash)". For fish: imageparity
    completion fish | source
    """
    from click.shell_completion import get_completion_class

    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise UsageError(f"no completion for '{shell}'")
    variable = f"_{PROGRAM}_COMPLETE".upper()
    root = context.find_root().command
    click.echo(completion_class(root, {}, PROGRAM, variable).source())
