"""A server for hostile requests, with a check that it is unharmed."""

import logging
from collections.abc import Iterator

import pytest
from support.http import ask, generation, url_of

import mockserver
import specs
from mockserver.server import connections


@pytest.fixture(scope="module")
def server(mock: mockserver.Running) -> mockserver.Running:
    """A server; modules with other limits override it."""
    return mock


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time in which the rest of a rejected body is read."""
    monkeypatch.setattr(connections, "LINGER_TIMEOUT", 0.1)


@pytest.fixture(scope="session")
def lone() -> specs.Provider:
    """A provider that takes edits as a form and as JSON."""
    return specs.load("llmapi")


@pytest.fixture(autouse=True)
def unhurt(
    server: mockserver.Running, lone: specs.Provider, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """After each test the server responds, has a journal and logged no error."""
    with caplog.at_level(logging.WARNING):
        yield
    url = url_of(server, lone)
    assert ask(url, body=generation(lone), X_Mock_Namespace="unhurt").status == 200
    assert server.journal(namespace="unhurt")[-1]["status"] == 200
    said = [(each.getMessage(), each.exc_info) for each in caplog.records]
    assert said == []
