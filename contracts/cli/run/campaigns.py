"""The campaigns of a command `run`, one per provider."""

from collections.abc import Iterator, Mapping, Sequence

import specs
from contracts.cli.run.options import RunOptions
from contracts.execution.campaign import Campaign
from contracts.execution.sending.target import Target
from contracts.planning.call_options import CallOptions
from contracts.planning.generation.example_database import ExampleDatabase
from mockserver.cli.common import UsageError


def campaigns_of(
    options: RunOptions,
    providers: Sequence[specs.Provider],
    targets: Mapping[str, Target],
    examples: ExampleDatabase | None,
) -> Iterator[Campaign]:
    """A campaign per provider; a dry run has no target and sends nothing."""
    for provider in providers:
        yield Campaign(
            provider=provider,
            target=targets.get(provider.id) or _unsent_target(provider),
            seed=options.seed,
            fuzz=not options.no_fuzz,
            second_opinion=options.uses_second_opinion,
            only=options.only,
            operations=options.operations,
            is_paid=options.budget is not None,
            rate=options.rate_limit,
            cassette=options.open_cassettes(provider.id, by_label=False),
            fetch_from=frozenset(options.fetch_from),
            task_waiting=options.task_waiting,
            repeat=options.repeat,
            examples=examples,
        )


def _unsent_target(provider: specs.Provider) -> Target:
    """The target of a dry run."""
    call = CallOptions.documented(provider)
    return Target("mock", "", is_mock=True, call=call)


def check_selection(options: RunOptions, planned: int) -> None:
    """Raise `UsageError` if the options select none of the cases."""
    if options.only and not planned:
        parts = " ".join(options.only)
        raise UsageError(f"--only {parts}: no case has it; see --dry-run")
