"""The mock of all providers with tasks; a task takes 20 s of a clock that stands."""

from collections.abc import Iterator

import pytest
from support.tasks import NOON, PROVIDERS

import mockserver


@pytest.fixture(scope="module")
def server() -> Iterator[mockserver.Running]:
    with mockserver.running(*PROVIDERS, tasks="seconds=20", frozen=NOON) as running:
        yield running


@pytest.fixture
def timed(server: mockserver.Running) -> mockserver.Running:
    """The server without tasks, and with its clock at noon."""
    server.reset()
    return server
