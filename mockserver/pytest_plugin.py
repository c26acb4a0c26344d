"""
The pytest plugin: mocks as fixtures, their journal in failures, costs in the summary.

pytest loads it in every run, used or not. So everything but pytest is imported by the
first test that uses a mock.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.embedded.handle import Running
    from specs import Provider

PLUGIN_NAME = "imageparity"
MARKER = "dialect"
ALL_DIALECTS_FIXTURE = "all_dialects"
SPECS_VARIABLES = ("IMAGEPARITY_SPECS", "SPECS_PATH")

MOCKS_KEY = pytest.StashKey[list[tuple[str, "Running"]]]()
"""In a test: the base URLs it received, with their servers."""
COSTS_KEY = pytest.StashKey[list[dict[str, Any]]]()
"""In a run: the total costs of each server."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup(PLUGIN_NAME, "image mocks")
    group.addoption(
        "--image-dialect",
        metavar="PROVIDER",
        help="Provider of image_mock in tests without a marker.",
    )
    group.addoption(
        "--image-specs",
        metavar="DIR",
        help="Folder with further provider definitions (also: SPECS_PATH).",
    )
    parser.addini(
        "image_dialect",
        "Provider of image_mock; --image-dialect takes precedence.",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(provider, **options): the provider of image_mock and mock_provider "
        "in this test; mock_provider also takes the options of mockserver.running",
    )
    config.stash[COSTS_KEY] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if ALL_DIALECTS_FIXTURE in metafunc.fixturenames:
        import specs

        try:
            folder = _specs_folder(metafunc.config)
            names = [
                each.id
                for each in specs.load_all((), *folder)
                if any(one.task is None for one in each.operations.values())
            ]
        except specs.SpecError as error:
            raise pytest.UsageError(str(error)) from None
        metafunc.parametrize(ALL_DIALECTS_FIXTURE, names, indirect=True)


@pytest.fixture(scope="session")
def _image_server(pytestconfig: pytest.Config) -> "Iterator[Running]":
    """Serve all providers on one port, from the first test that needs them."""
    with _running_mock(pytestconfig) as mock:
        yield mock


@pytest.fixture
def image_mock(request: pytest.FixtureRequest, _image_server: "Running") -> "Running":
    """
    The mock of this test's provider, reset before the test.

    The provider is named by `@pytest.mark.dialect("PROVIDER")`, --image-dialect or
    image_dialect, in this order.
    """
    name, options = _provider_and_options(request)
    if options:
        pytest.fail(
            f"{MARKER}(…, {next(iter(options))}=…): image_mock is shared by all tests; "
            "use the fixture mock_provider for options",
            pytrace=False,
        )
    try:
        mock = _image_server.bound_to(name)
    except ValueError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    _image_server.reset()
    _record_mock(request, mock.base_url, _image_server)
    return mock


@pytest.fixture
def image_mock_url(image_mock: "Running") -> str:
    """The base URL of image_mock."""
    return image_mock.base_url


@pytest.fixture
def mock_provider(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> "Iterator[Running]":
    """
    A mock of this test's provider on a separate server, with options of the marker.

    For example `@pytest.mark.dialect("PROVIDER", strict=True, requests_per_minute=2)`.
    """
    name, options = _provider_and_options(request)
    with _running_mock(pytestconfig, name, **options) as mock:
        _record_mock(request, mock.base_url, mock)
        yield mock


@pytest.fixture
def all_dialects(image_mock: "Running") -> "Running":
    """The mock of each provider of images in turn: the test runs once for each."""
    return image_mock


@pytest.fixture
def openai_env(
    request: pytest.FixtureRequest,
    image_mock: "Running",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Environment variables with the base URL and key of image_mock for clients."""
    folder = _specs_folder(request.config)
    key = _load_provider(str(image_mock.provider), *folder).dialect.key
    reference = _load_provider(str(request.fixturename).removesuffix("_env"))
    variables = reference.dialect.clients
    if variables is None:
        pytest.fail(f"{reference.title} documents no variables of clients")
    monkeypatch.setenv(variables.base_url, image_mock.base_url)
    monkeypatch.setenv(variables.key, key.form if key else "test-key")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journal of the mock to the report of a failed test."""
    report = yield
    if report.failed and call.when != "teardown":
        for base_url, server in item.stash.get(MOCKS_KEY, []):
            report.sections.append(
                ("image mock journal", _journal_section(base_url, server))
            )
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the costs to xdist's controller if this is a worker."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[PLUGIN_NAME] = session.config.stash[COSTS_KEY]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect the costs of an xdist worker; one that crashed has no output."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[COSTS_KEY] += output.get(PLUGIN_NAME, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    costs = config.stash[COSTS_KEY]
    if costs:
        from mockserver.state.statistics import cost_summary, total_costs

        total = total_costs(costs)
        if total["requests"]:
            terminalreporter.write_line(f"image mock: {cost_summary({'total': total})}")


@contextmanager
def _running_mock(
    config: pytest.Config, *providers: str, **options: Any
) -> "Iterator[Running]":
    import mockserver
    import specs

    folder = next(iter(_specs_folder(config)), None)
    with ExitStack() as stack:
        try:
            manager = mockserver.running(*providers, specs_path=folder, **options)
            mock = stack.enter_context(manager)
        except (
            TypeError,
            ValueError,
            specs.SpecError,
            mockserver.StateError,
        ) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield mock
        config.stash[COSTS_KEY].append(mock.spent())


def _specs_folder(config: pytest.Config) -> list[str]:
    """Return a list with the folder of further providers; empty if there is none."""
    folders = [config.getoption("--image-specs"), *map(os.environ.get, SPECS_VARIABLES)]
    return [each for each in folders if each][:1]


@cache
def _load_provider(name: str, *folder: str) -> "Provider":
    import specs

    return specs.load(name, *folder)


def _provider_and_options(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Return the provider of a test, and the options of its marker."""
    marker = request.node.get_closest_marker(MARKER)
    args, options = (marker.args, marker.kwargs) if marker else ((), {})
    callspec = getattr(request.node, "callspec", None)
    named = [
        callspec.params.get(ALL_DIALECTS_FIXTURE) if callspec else None,
        *args,
        request.config.getoption("--image-dialect"),
        request.config.getini("image_dialect"),
    ]
    name = next((each for each in named if each), None)
    if name is None or len(args) > 1:
        import specs

        problem = "no provider" if name is None else "several providers"
        known = ", ".join(specs.names(*_specs_folder(request.config)))
        pytest.fail(
            f"{problem}: set one with @pytest.mark.{MARKER}(PROVIDER), "
            f"--image-dialect or image_dialect; known: {known}",
            pytrace=False,
        )
    return str(name), dict(options)


def _record_mock(
    request: pytest.FixtureRequest, base_url: str, server: "Running"
) -> None:
    request.node.stash.setdefault(MOCKS_KEY, []).append((base_url, server))


def _journal_section(base_url: str, server: "Running") -> str:
    from mockserver.state.transcript import transcript

    entries = server.journal()
    return transcript(entries) if entries else f"No requests. Base URL: {base_url}"
