"""Which server is asked, with which key, and whether that may cost money."""

import ipaddress
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from contracts.errors import HarnessError
from contracts.execution.client import Target
from specs import Provider

LIVE_RATE = 60.0  # questions a minute, beyond this machine
_TARGET_PATTERN = re.compile(
    r"(?:(?P<label>[^:=/]+):)?(?P<provider>[^:=/]+)=(?P<url>.+)"
)


class BadTarget(HarnessError, ValueError):
    """A target that must not or cannot be tested; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NamedTarget:
    """A server under a name of its own: two may claim to be the same provider."""

    label: str
    provider: Provider
    target: Target


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(base_url: str) -> str:
    """The host that a base URL leads to. Raises `BadTarget` for what is none."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not host:
        raise BadTarget(f"a base URL is such as http://…/v1, not '{base_url}'")
    return host


def target_of(
    provider: Provider,
    base_url: str,
    *,
    key: str | None = None,
    key_env: str | None = None,
    live: bool = False,
    budget: float | None = None,
) -> Target:
    """
    A server that claims to be this provider.

    Its key is `key`, else what the variable `key_env` holds, else the dialect's own.
    Raises `BadTarget` for an address that is none, one beyond this machine without
    `live` and a `budget` that can be kept, and a missing key.
    """
    if not is_loopback(host_of(base_url)):
        _check_live(provider, base_url, live=live, budget=budget)
    name = key_env or provider.dialect.key_env
    found = (os.environ.get(name, "") if key is None else key).strip()
    if not found:
        raise BadTarget(
            f"{name} is not set: export the key in it, or name another variable "
            "with --key-env (key_env=… in Python, or key=…)"
        )
    return Target(base_url, found)


def _check_live(
    provider: Provider, base_url: str, *, live: bool, budget: float | None
) -> None:
    if not live or budget is None:
        raise BadTarget(
            f"{base_url} is not on this machine, so it may cost money: "
            "add --live and --budget AMOUNT (live=True, budget=… in Python); "
            "--dry-run shows the bill"
        )
    if not provider.dialect.prices:
        raise BadTarget(
            f"no price of {provider.title} is documented, so a budget cannot be kept; "
            "run it through a server of your own on this machine instead"
        )


def is_target_argument(text: str) -> bool:
    """Whether an argument is `PROVIDER=URL` or `LABEL:PROVIDER=URL`."""
    return "=" in text


def parse_targets(
    texts: Sequence[str],
    load: Callable[[str], Provider],
    target: Callable[[Provider, str], Target],
) -> list[NamedTarget]:
    """
    The targets of arguments like `PROVIDER=URL` and `LABEL:PROVIDER=URL`.

    Raises `BadTarget` for another form or a label given twice, and whatever `load`
    and `target` raise.
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
                f"'{label}' names two targets: tell them apart with "
                f"LABEL:{match['provider']}=URL"
            )
        found.append(NamedTarget(label, provider, target(provider, match["url"])))
    return found
