"""Options that several commands share, and targets from the command line."""

from collections.abc import Sequence

import click

import specs
from contracts.execution.client import Target
from contracts.execution.targets import (
    NamedTarget,
    is_target_argument,
    parse_targets,
    target_of,
)
from contracts.reporters import REPORTERS
from mockserver.cli.common import UsageError, load_providers

FORMATS = tuple(REPORTERS)

path_option = click.Path(dir_okay=False)
history_option = click.option(
    "--history",
    multiple=True,
    type=path_option,
    metavar="REPORT",
    help="An older report, for the page to tell what is new and what is fixed.",
)


def _parse_targets(
    arguments: Sequence[str],
    against: str | None,
    folder: str | None,
    *,
    key_env: str | None,
    live: bool,
    budget: float | None,
    is_replay: bool,
    may_repeat: bool,
) -> list[NamedTarget]:
    """The servers to be asked; none for the mocks. Raises `Usage` and `BadTarget`."""

    def target(provider: specs.Provider, url: str) -> Target:
        if is_replay:
            return Target(url, "")
        return target_of(provider, url, key_env=key_env, live=live, budget=budget)

    def load(name: str) -> specs.Provider:
        return load_providers([name], folder)[0]

    if any(is_target_argument(each) for each in arguments):
        if against is not None:
            raise UsageError("--against and PROVIDER=URL say the same: use one of them")
        found = parse_targets(arguments, load, target)
        twice = len({each.provider.id for each in found}) < len(found)
        if twice and not may_repeat:
            raise UsageError(
                "two servers of one PROVIDER: ask them one after the other, or both "
                "the --same-questions"
            )
        return found
    if is_replay and against is None:
        return [
            NamedTarget(each.id, each, Target(each.dialect.base_url, ""))
            for each in load_providers(arguments, folder)
        ]
    if against is None:
        if live or budget or key_env:
            raise UsageError(
                "--live, --budget and --key-env go with --against BASE_URL"
            )
        return []
    providers = load_providers(arguments, folder)
    if len(providers) != 1:
        raise UsageError(
            "--against tests one PROVIDER: name it, or give PROVIDER=URL each"
        )
    return [NamedTarget(providers[0].id, providers[0], target(providers[0], against))]


CONFORMS, NONCONFORMING, COULD_NOT_RUN = 0, 1, 2

STOPPED = 3
