"""A server that is maltreated, and has to be none the worse for it."""

import logging
from collections.abc import Iterator

import pytest
from support.http import ask, generation, url_of

import mockserver
import specs
from mockserver.server import connections


@pytest.fixture(scope="module")
def server(mock: mockserver.Running) -> mockserver.Running:
    """Modules that want other limits have a server of their own."""
    return mock


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes on sending after a refusal is not listened to for long."""
    monkeypatch.setattr(connections, "LINGER_TIMEOUT", 0.1)


@pytest.fixture(scope="session")
def lone() -> specs.Provider:
    """Any, with edits by form and by JSON."""
    return specs.load("llmapi")


@pytest.fixture(autouse=True)
def unhurt(
    server: mockserver.Running, lone: specs.Provider, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """After whatever was done to it, it answers, shows its journal and said nothing."""
    with caplog.at_level(logging.WARNING):
        yield
    url = url_of(server, lone)
    assert ask(url, body=generation(lone), X_Mock_Namespace="unhurt").status == 200
    assert server.journal(namespace="unhurt")[-1]["status"] == 200
    said = [(each.getMessage(), each.exc_info) for each in caplog.records]
    assert said == []
