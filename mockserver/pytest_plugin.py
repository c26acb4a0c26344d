"""
The pytest plugin: mocks as fixtures, their journal with a failure, the bill at the end.

Whoever has this installed loads it with every run of pytest, used or not: all but
pytest itself is imported by the first test that asks for a mock.
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
"""Of a test: the base URLs that it was given, and the servers behind them."""
COSTS_KEY = pytest.StashKey[list[dict[str, Any]]]()
"""Of a run: what each server's exchanges would have cost."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup(PLUGIN_NAME, "image mocks")
    group.addoption(
        "--image-dialect",
        metavar="PROVIDER",
        help="The provider that image_mock is where no marker names one.",
    )
    group.addoption(
        "--image-specs",
        metavar="DIR",
        help="A folder of further providers' folders (also: SPECS_PATH).",
    )
    parser.addini("image_dialect", "As --image-dialect, which prevails.", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(provider, **options): the provider that image_mock and "
        "mock_provider are in this test; mock_provider takes options of "
        "mockserver.running as well",
    )
    config.stash[COSTS_KEY] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if ALL_DIALECTS_FIXTURE in metafunc.fixturenames:
        import specs

        try:
            names = specs.names(*_specs_folder(metafunc.config))
        except specs.SpecError as error:
            raise pytest.UsageError(str(error)) from None
        metafunc.parametrize(ALL_DIALECTS_FIXTURE, names, indirect=True)


@pytest.fixture(scope="session")
def _image_server(pytestconfig: pytest.Config) -> "Iterator[Running]":
    """All providers on one port, started by the first test that needs them."""
    with _running_mock(pytestconfig) as mock:
        yield mock


@pytest.fixture
def image_mock(request: pytest.FixtureRequest, _image_server: "Running") -> "Running":
    """
    The mock of this test's provider, with a clean slate.

    `@pytest.mark.dialect("PROVIDER")` names it, else --image-dialect or image_dialect.
    """
    name, options = _provider_and_options(request)
    if options:
        pytest.fail(
            f"{MARKER}(…, {next(iter(options))}=…): options need a server of the "
            "test's own, which is mock_provider; image_mock is shared",
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
    A mock of this test's provider on a server of its own, as the test wants it.

    `@pytest.mark.dialect("PROVIDER", strict=True, requests_per_minute=2)`.
    """
    name, options = _provider_and_options(request)
    with _running_mock(pytestconfig, name, **options) as mock:
        _record_mock(request, mock.base_url, mock)
        yield mock


@pytest.fixture
def all_dialects(image_mock: "Running") -> "Running":
    """The mock of each provider in turn: the test runs once for every one of them."""
    return image_mock


@pytest.fixture
def openai_env(
    request: pytest.FixtureRequest,
    image_mock: "Running",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The two variables of the environment that lead clients to image_mock."""
    folder = _specs_folder(request.config)
    key = _load_provider(str(image_mock.provider), *folder).dialect.key
    reference = _load_provider(str(request.fixturename).removesuffix("_env"))
    monkeypatch.setenv(reference.dialect.clients["base_url"], image_mock.base_url)
    monkeypatch.setenv(reference.dialect.clients["key"], key.get("form", "test-key"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what the mock has seen of it."""
    report = yield
    if report.failed and call.when != "teardown":
        for base_url, server in item.stash.get(MOCKS_KEY, []):
            report.sections.append(
                ("image mock journal", _journal_section(base_url, server))
            )
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let xdist's controller know, if this is one of its workers."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[PLUGIN_NAME] = session.config.stash[COSTS_KEY]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker of xdist has let us know; one that crashed says nothing."""
    said = getattr(node, "workeroutput", {})
    node.config.stash[COSTS_KEY] += said.get(PLUGIN_NAME, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    bills = config.stash[COSTS_KEY]
    if bills:
        from mockserver.state.statistics import cost_summary, total_costs

        total = total_costs(bills)
        if total["requests"]:
            terminalreporter.write_line(f"image mock: {cost_summary({'total': total})}")


@contextmanager
def _running_mock(
    config: pytest.Config, *providers: str, **options: Any
) -> "Iterator[Running]":
    import mockserver
    import specs
    from mockserver.state.memory import StateError

    folder = next(iter(_specs_folder(config)), None)
    with ExitStack() as stack:
        try:
            starting = mockserver.running(*providers, specs_path=folder, **options)
            mock = stack.enter_context(starting)
        except (TypeError, ValueError, specs.SpecError, StateError) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield mock
        config.stash[COSTS_KEY].append(mock.spent())


def _specs_folder(config: pytest.Config) -> list[str]:
    """The folder of further providers, if there is any."""
    named = [config.getoption("--image-specs"), *map(os.environ.get, SPECS_VARIABLES)]
    return [each for each in named if each][:1]


@cache
def _load_provider(name: str, *folder: str) -> "Provider":
    import specs

    return specs.load(name, *folder)


def _provider_and_options(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The provider that a test is about, and the options of its marker."""
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

        known = ", ".join(specs.names(*_specs_folder(request.config)))
        pytest.fail(
            f"which provider? Name one: @pytest.mark.{MARKER}(PROVIDER), "
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

    came = server.journal()
    return transcript(came) if came else f"No request came. The mock is at {base_url}"
