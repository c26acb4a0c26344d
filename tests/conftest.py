"""Fixtures for all tests, and the rule that CI skips nothing."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from support.properties import IN_CI, examples
from support.providers import IMAGE_PROVIDERS
from support.redis_servers import redis_server

import mockserver
import specs
from mockserver.heap import keep_heap_small

MAX_CASES = 4  # of a slow test

settings.register_profile("ci", max_examples=examples(100))
settings.register_profile("by hand", max_examples=examples(100))
settings.load_profile("ci" if IN_CI else "by hand")


def pytest_configure() -> None:
    # After uploads of 50 MB, a process of the tests grew to some gigabytes.
    keep_heap_small()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    A test that takes `provider` runs for each provider with responses with images.

    With the marker `every_provider` it runs for each provider that ships, with the
    marker `providers(NAME, ...)` for these alone: a test that takes long.
    """
    if "provider" in metafunc.fixturenames:
        every = metafunc.definition.get_closest_marker("every_provider")
        these = metafunc.definition.get_closest_marker("providers")
        names = specs.names() if every else these.args if these else IMAGE_PROVIDERS
        # By module: ordered by provider, a server of a module would start for each.
        metafunc.parametrize("provider", names, indirect=True, scope="module")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """
    Keep some cases of each slow test that has many: the first of equal parts.

    All cases run with ALL_CASES=1, and those of a test with the marker `all_cases` or
    `every_provider` always.
    """
    if os.environ.get("ALL_CASES"):
        return
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        has_all = item.get_closest_marker("all_cases")
        if item.get_closest_marker("slow") and not has_all:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    dropped = {
        item
        for group in cases.values()
        if len(group) > MAX_CASES
        for at, item in enumerate(group)
        if at * MAX_CASES % len(group) >= MAX_CASES
        if not item.get_closest_marker("every_provider")
    }
    if dropped:
        config.hook.pytest_deselected(items=[*dropped])
        items[:] = [each for each in items if each not in dropped]


def makes_images(name: str) -> bool:
    return "createImage" in specs.load(name).operations


@pytest.fixture(scope="session")
def provider(request: pytest.FixtureRequest) -> specs.Provider:
    return specs.load(request.param)


@pytest.fixture(scope="session")
def mock() -> Iterator[mockserver.Running]:
    """All mocks on one server."""
    with mockserver.running(tasks="polls=3") as running:
        yield running


@pytest.fixture(scope="module")
def running() -> Iterator[mockserver.Running]:
    """All mocks on a server that only the tests of one module use."""
    with mockserver.running(tasks="polls=3") as running:
        yield running


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server that only the tests of one module use."""
    with redis_server(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url


@pytest.fixture
def own(running: mockserver.Running) -> mockserver.Running:
    """The server of the module without journal, scripts and advanced clock."""
    running.reset()
    return running


@pytest.fixture(autouse=True)
def own_examples(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> None:
    """Give each test an empty database of remembered examples."""
    folder = tmp_path_factory.getbasetemp() / f"examples-{id(request.node)}"
    monkeypatch.setenv("IMAGEPARITY_RUN_EXAMPLES", str(folder))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Fail a skipped test in CI: `.ci/run` installs whatever a test needs."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
