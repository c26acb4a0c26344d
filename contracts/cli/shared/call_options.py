"""The options of a call, which all commands that test a server share."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import click

from contracts.execution.sending.call_arguments import (
    call_options,
    check_operations,
    parse_headers,
    parse_models,
)
from contracts.execution.targets import BadTarget
from contracts.planning.call_options import CallOptions
from mockserver.cli.common import UsageError, grouped_option, with_options
from specs import Provider

GROUP = "Server under test"
SERVER_OPTIONS = ("header", "auth", "model")  # that make no sense with a mock


def _parse_operations(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[str, ...]:
    names = (each.strip() for each in (value or "").split(","))
    return tuple(dict.fromkeys(filter(None, names)))


_option = partial(grouped_option, GROUP)
_OPTIONS = (
    _option(
        "--header",
        multiple=True,
        metavar="NAME=ENVVAR",
        help="Send this header, with the value of an environment variable. The value "
        "is not shown in reports. Can be repeated.",
    ),
    _option(
        "--auth",
        metavar="WAY",
        help="How the API key is sent: bearer, header:NAME, query:NAME or none. The "
        "default is that of the provider's document.",
    ),
    _option(
        "--model",
        multiple=True,
        metavar="[MODEL=]NAME",
        help="The server's name of the provider's default model, or of MODEL. Only "
        "cases of the models named so are sent. Can be repeated.",
    ),
    _option(
        "--operations",
        callback=_parse_operations,
        metavar="ID,…",
        help="Test only these operations, such as createImage,createImageEdit.",
    ),
)


server_call_options = with_options(_OPTIONS)
"""Decorates a command with `--header`, `--auth`, `--model` and `--operations`."""


def read_call_options(
    provider: Provider, *, header: Sequence[str], auth: str | None, model: Sequence[str]
) -> CallOptions:
    """The options for a provider; no variable is read. Raises `BadTarget`."""
    return call_options(
        provider,
        headers=parse_headers(header),
        auth=auth,
        models=parse_models(model),
    )


def given_options(parameters: Mapping[str, Any]) -> list[str]:
    """The options of a call to a server that were given, such as `--auth`."""
    return [f"--{name}" for name in SERVER_OPTIONS if parameters[name]]


def validate_operations(names: Sequence[str], providers: Iterable[Provider]) -> None:
    """Raise `UsageError` for the id of an operation that no provider has."""
    try:
        check_operations(names, providers)
    except BadTarget as error:
        raise UsageError(f"--operations: {error}") from None
