"""The documents of a provider are loaded once, with the first request for it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from support.http import ask

import specs
from mockserver.app import create_app
from mockserver.embedded.thread import serve_in_thread
from specs import ProviderEntry

PROVIDERS = ("xai", "deepinfra")


@pytest.fixture
def loaded() -> list[str]:
    return []


@pytest.fixture
def url(loaded: list[str]) -> Iterator[str]:
    """The URL of a mock of two providers that are not loaded yet."""
    with serving(loaded) as url:
        yield url


@contextmanager
def serving(loaded: list[str]) -> Iterator[str]:
    def entry(name: str) -> ProviderEntry:
        provider = specs.load(name)

        def load() -> specs.Provider:
            loaded.append(name)
            return provider

        return ProviderEntry(name, provider.base_path, provider.day, load)

    app = create_app([entry(name) for name in PROVIDERS])
    with serve_in_thread(app) as (url, _):
        yield url


def picture(url: str, name: str) -> int:
    provider = specs.load(name)
    path = provider.full_path(provider.all_operations["createImage"])
    body = {"model": provider.dialect.model, "prompt": "A pear"}
    return ask(f"{url}/{name}{path}", body=body).status


@pytest.mark.parametrize("path", ["/__mock__/health", "/__mock__/ready"])
def test_a_request_for_no_provider_loads_none(url, loaded, path):
    ask(f"{url}{path}", method="GET")

    assert loaded == []


def test_a_request_loads_its_own_provider_once(url, loaded):
    assert [picture(url, "xai") for _ in range(3)] == [200, 200, 200]
    assert loaded == ["xai"]


def test_requests_at_the_same_time_load_a_provider_once(url, loaded):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: picture(url, "xai"), range(8)))

    assert found == [200] * 8
    assert loaded == ["xai"]


@pytest.mark.parametrize(
    ("path", "status"), [("/__mock__/providers", 200), ("/nobody/v1", 404)]
)
def test_what_names_the_endpoints_of_all_providers_loads_all(url, loaded, path, status):
    assert ask(f"{url}{path}", method="GET").status == status

    assert sorted(loaded) == sorted(PROVIDERS)
    assert [picture(url, name) for name in PROVIDERS] == [200, 200]
    assert sorted(loaded) == sorted(PROVIDERS)
