"""`compare PROVIDER=URL …`: compare servers, as `run --same-questions` does."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import click
from click.core import ParameterSource

from contracts.cli.shared.call_options import (
    GROUP,
    given_options,
    server_call_options,
)
from contracts.execution.targets import is_target_argument
from mockserver.cli.common import UsageError, grouped_option, with_options

_DOCUMENT_OPTIONS = {
    "reports": "--report",
    "agreed": "--all",
    "with_sources": "--sources",
    "no_pager": "--no-pager",
    "html": "--html",
    "csv": "--csv",
    "compat": "--compat",
}
"""The options, by parameter, that only the comparison of documents has."""
_SERVER_OPTIONS = (
    *("key_env", "live", "budget", "rate"),
    *("task_interval", "task_timeout"),
)


_option = partial(grouped_option, GROUP)


_OPTIONS = (
    _option(
        "--key-env",
        metavar="VAR",
        help="Environment variable that holds the API key of the servers. The default "
        "is the variable in each provider's dialect.yaml.",
    ),
    server_call_options,
    _option(
        "--live",
        is_flag=True,
        allow_from_autoenv=False,
        help="Allow servers that are not on this machine. Requires --budget.",
    ),
    _option(
        "--budget",
        type=click.FloatRange(0, min_open=True),
        allow_from_autoenv=False,
        metavar="AMOUNT",
        help="The highest cost per server, in its provider's currency.",
    ),
    _option(
        "--rate",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help="Send at most N requests per minute to each server.",
    ),
    _option(
        "--task-interval",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Time between two reads of a task, as in run.",
    ),
    _option(
        "--task-timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Time for a task to end, as in run.",
    ),
)


compare_server_options = with_options(_OPTIONS)


def are_servers(providers: Sequence[str], options: Mapping[str, Any]) -> bool:
    """
    True if the arguments name servers, False if they name documents.

    Raises `UsageError` for a mixture, and for options of the other kind.
    """
    named = [each for each in providers if is_target_argument(each)]
    if not named:
        others = [f"--{name.replace('_', '-')}" for name in _SERVER_OPTIONS]
        values = (options[name] for name in _SERVER_OPTIONS)
        given = [name for name, value in zip(others, values, strict=True) if value]
        given += given_options(options)
        given += ["--operations"] if options["operations"] else []
        if given:
            raise UsageError(f"{' and '.join(given)}: name servers with PROVIDER=URL")
        return False
    if len(named) < len(providers):
        documents = ", ".join(each for each in providers if each not in named)
        raise UsageError(f"{documents}: give the URL of each server, as PROVIDER=URL")
    return True


def compare_servers(
    providers: Sequence[str],
    only: Sequence[str],
    json: str | None,
    folder: str | None,
    options: Mapping[str, Any],
) -> None:
    """
    Send the same requests to servers, and exit with the status of `run`.

    `json` is the file for the result. Raises `UsageError` for options of documents.
    """
    from contracts.cli.run.command import run

    context = click.get_current_context()
    for name, option in _DOCUMENT_OPTIONS.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"{option} does not go with servers; use --json FILE")
    if json == "-":
        raise UsageError("--json - does not go with servers; use --json FILE")
    words = [*providers, "--same-questions"]
    words += _words("--only", only)
    words += _words("--report", [json] if json else [])
    words += _words("--specs", [folder] if folder else [])
    for name, value in options.items():
        words += _words(f"--{name.replace('_', '-')}", value)
    with run.make_context(context.info_name, words, parent=context.parent) as child:
        run.invoke(child)


def _words(option: str, value: Any) -> Iterator[str]:
    """The words of a command line that set an option to a value, or to several."""
    if option == "--operations" and value:
        value = ",".join(value)
    if value is True:
        yield option
    elif isinstance(value, list | tuple):
        yield from (f"{option}={each}" for each in value)
    elif value not in (None, False):
        yield f"{option}={value}"
