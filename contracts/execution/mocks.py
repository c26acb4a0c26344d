"""Start mocks for a run: in a subprocess, or in a thread of this one."""

from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from typing import TYPE_CHECKING

from contracts.execution.client import (
    Target,
)
from specs import (
    Provider,
)

if TYPE_CHECKING:
    pass

MOCK_KEY = "imageparity-key"


@contextmanager
def mocks_in_subprocess(
    providers: Sequence[Provider], folder: str | None
) -> Iterator[dict[str, Target]]:
    """As `mocks`, by the documents of a folder, in a process of their own."""
    from mockserver.embedded.subprocess import running_in_subprocess

    if not providers:
        yield {}
        return
    with running_in_subprocess([each.id for each in providers], folder) as urls:
        yield _targets(urls)


@contextmanager
def mocks(providers: Sequence[Provider]) -> Iterator[dict[str, Target]]:
    """Each provider's own mock, embedded, until the block ends; none for none."""
    import mockserver

    if not providers:
        yield {}
        return
    with mockserver.running(*providers) as running:
        yield _targets(running.base_urls)


def _targets(urls: Mapping[str, str]) -> dict[str, Target]:
    return {name: Target(url, MOCK_KEY, is_mock=True) for name, url in urls.items()}
