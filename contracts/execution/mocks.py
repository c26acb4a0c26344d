"""Start mocks for a run, in a subprocess or in a thread of this process."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from contracts.execution.sending.target import Target
from contracts.planning.call_options import CallOptions
from specs import Provider

MOCK_KEY = "imageparity-key"
MOCK_TASKS = "polls=3"  # so that a read sees each state, without waiting


@contextmanager
def mocks_in_subprocess(
    providers: Sequence[Provider], folder: str | None
) -> Iterator[dict[str, Target]]:
    """As `mocks`, in a subprocess; `folder` has further documents, None for none."""
    from mockserver.embedded.subprocess import running_in_subprocess

    if not providers:
        yield {}
        return
    names = [each.id for each in providers]
    with running_in_subprocess(names, folder, MOCK_TASKS) as urls:
        yield _targets(providers, urls)


@contextmanager
def mocks(providers: Sequence[Provider]) -> Iterator[dict[str, Target]]:
    """Run the mocks of these providers in a thread; yield the targets by provider."""
    import mockserver

    if not providers:
        yield {}
        return
    with mockserver.running(*providers, tasks=MOCK_TASKS) as running:
        yield _targets(providers, running.base_urls)


def _targets(
    providers: Sequence[Provider], urls: Mapping[str, str]
) -> dict[str, Target]:
    return {
        each.id: Target(
            urls[each.id],
            MOCK_KEY,
            is_mock=True,
            call=CallOptions.documented(each),
        )
        for each in providers
    }
