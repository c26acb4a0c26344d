"""Targets of a run: base URL, API key, and the conditions for paid requests."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from contracts.errors import HarnessError
from contracts.execution.sending.target import Target
from contracts.planning.call_options import CallOptions
from mockserver.hosts import is_loopback
from specs import KeyPlace, Provider

LIVE_RATE = 60.0  # requests per minute, to servers on other machines
_TARGET_PATTERN = re.compile(
    r"(?:(?P<label>[^:=/]+):)?(?P<provider>[^:=/]+)=(?P<url>.+)"
)


class BadTarget(HarnessError, ValueError):
    """A target that must not or cannot be tested; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NamedTarget:
    """A server with a label: two servers may claim to be the same provider."""

    label: str
    provider: Provider
    target: Target


def host_of(base_url: str) -> str:
    """The host of a base URL. Raises `BadTarget` if the URL is invalid."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not host:
        raise BadTarget(f"'{base_url}' is not a base URL like http://host/v1")
    return host


def target_of(
    provider: Provider,
    base_url: str,
    *,
    key: str | None = None,
    key_env: str | None = None,
    live: bool = False,
    budget: float | None = None,
    call: CallOptions | None = None,
) -> Target:
    """
    The target for a server that claims to be this provider.

    The API key is `key`, or else the value of the environment variable `key_env`, or
    else that of the variable in the dialect; none is needed if `call` sends none. A
    `call` of None is as documented. The values of headers are read from the
    environment. Raises `BadTarget` for an invalid URL, for a missing key or value, and
    for another machine without `live`, `budget` and known prices.
    """
    if not is_loopback(host_of(base_url)):
        _check_live(provider, base_url, live=live, budget=budget)
    call = CallOptions.documented(provider) if call is None else call
    call = call if key_env is None else replace(call, key_env=key_env)
    values = header_values(call)
    if call.auth.place is KeyPlace.NONE:
        return Target(base_url, "", call=call, header_values=values)
    name = call.key_variable(provider)
    found = (os.environ.get(name, "") if key is None else key).strip()
    if not found:
        raise BadTarget(
            f"{name} is not set: set it to the API key, or name another variable "
            "with --key-env (key_env=… in Python, or key=…)"
        )
    return Target(base_url, found, call=call, header_values=values)


def header_values(call: CallOptions) -> dict[str, str]:
    """The values of the further headers. Raises `BadTarget` for a missing one."""
    return {name: _header_value(name, each) for name, each in call.headers.items()}


def _header_value(name: str, variable: str) -> str:
    """The value of a header. Raises `BadTarget`, which does not show the value."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise BadTarget(f"{variable} is not set: set it to the value of {name}")
    if not value.isprintable():
        raise BadTarget(f"{variable} has characters that a header cannot have")
    return value


def _check_live(
    provider: Provider, base_url: str, *, live: bool, budget: float | None
) -> None:
    if not live or budget is None:
        raise BadTarget(
            f"{base_url} is not on this machine, so it may cost money: "
            "add --live and --budget AMOUNT (live=True, budget=… in Python); "
            "--dry-run shows the estimated cost"
        )
    if not provider.dialect.prices:
        raise BadTarget(
            f"{provider.title} has no documented prices, so no budget can be enforced; "
            "test it through a proxy on this machine instead"
        )


def is_target_argument(text: str) -> bool:
    """True if an argument is `PROVIDER=URL` or `LABEL:PROVIDER=URL`."""
    return "=" in text


def parse_targets(
    texts: Sequence[str],
    load: Callable[[str], Provider],
    target: Callable[[Provider, str], Target],
) -> list[NamedTarget]:
    """
    The targets of arguments like `PROVIDER=URL` and `LABEL:PROVIDER=URL`.

    Raises `BadTarget` for another form or a duplicate label, and what `load` and
    `target` raise.
    """
    found: list[NamedTarget] = []
    for text in texts:
        match = _TARGET_PATTERN.fullmatch(text)
        if match is None:
            raise BadTarget(
                f"a target is PROVIDER=URL or LABEL:PROVIDER=URL, not '{text}'"
            )
        provider = load(match["provider"])
        label = match["label"] or match["provider"]
        if label in {each.label for each in found}:
            raise BadTarget(
                f"'{label}' is the label of two targets: give them different ones with "
                f"LABEL:{match['provider']}=URL"
            )
        found.append(NamedTarget(label, provider, target(provider, match["url"])))
    return found
