"""The pytest plugin, in runs of pytest of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from support.http import ask, generation
from support.paths import ROOT
from support.providers import ALL_IMAGE_PROVIDERS

import mockserver.pytest_plugin
import specs

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow

EXAMPLES = sorted((ROOT / "tests/examples").glob("test_docs_*.py"))
NAMES = sorted(specs.names())
MODULE = "mockserver.pytest_plugin"
IS_REGISTERED = any(each.value == MODULE for each in entry_points(group="pytest11"))
ASKING = """
import json, os, urllib.error, urllib.request
import pytest

def draw(mock, prompt="A paper boat", **headers):
    request = urllib.request.Request(
        mock.base_url + "/images/generations",
        data=json.dumps({"model": "gpt-image-2", "prompt": prompt}).encode(),
        headers={
            "Authorization": "Bearer x", "Content-Type": "application/json", **headers
        },
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
"""


@pytest.fixture(scope="module")
def imports(mock):
    """Import all that a mock draws with: `pytester` forgets the imports of a run."""
    request = generation(specs.load("openai"))
    answer = ask(f"{mock.base_urls['openai']}/images/generations", body=request)
    assert answer.status == 200


@pytest.fixture
def run(pytester, monkeypatch, imports):
    """
    A run over a module of these tests.

    It is in the process of these tests, which has loaded the documents of all mocks, or
    with `in_process=False` in a process of its own.
    """
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("SPECS_PATH", "IMAGEPARITY_SPECS", "PYTEST_ADDOPTS", "CI"):
        monkeypatch.delenv(name, raising=False)

    def running(tests, *options, in_process=True):
        if tests:
            pytester.makepyfile(ASKING + tests)
        fixed = ["--strict-markers", "--strict-config", "-W", "error"]
        if in_process:
            return pytester.runpytest_inprocess(
                *fixed, *options, plugins=[mockserver.pytest_plugin]
            )
        return pytester.runpytest_subprocess(
            "-p", MODULE, *fixed, *options, timeout=120
        )

    return running


@pytest.fixture
def folder(tmp_path):
    """A folder that holds a provider of one's own."""
    shutil.copytree(ROOT / "specs" / "tokenhub", tmp_path / "mine")
    shutil.copy(ROOT / "specs" / "sources.yaml", tmp_path)
    return tmp_path


def test_a_mock_is_shared_by_a_run_and_clean_for_each_test(run):
    result = run("""
urls = set()

@pytest.mark.dialect("tokenhub")
@pytest.mark.parametrize("time", range(3))
def test_it(image_mock, image_mock_url, time):
    urls.add(image_mock.url)
    assert len(urls) == 1
    assert image_mock.provider == "tokenhub"
    assert image_mock.base_url == image_mock_url == image_mock.url_for("tokenhub")
    assert image_mock.count() == 0
    assert draw(image_mock) == 200
    image_mock.script([{"error": "rate_limited"}, {"error": "server_error"}])
    image_mock.freeze()
    assert draw(image_mock) == 429
    assert image_mock.count() == 2
""")

    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('script({"eror": "rate_limited"})', "unknown property 'eror'; known: "),
        ('script({"error": "rate_limted"})', "unknown error 'rate_limted'; known: "),
        ("journal(colour=1)", "unknown filter 'colour'; known: "),
        ("wait_for(1, timeout=0)", "0 of 1 request received within 0 s"),
    ],
)
def test_a_mistake_is_shown_at_the_line_of_the_test(run, call, message):
    """The traceback has no frames of the mock or of concurrent.futures."""
    tests = f"""
@pytest.mark.dialect("tokenhub")
def test_it(image_mock):
    image_mock.{call}
"""
    lines = run(tests).outlines

    places = [each for each in lines if re.match(r"\S+\.py:\d+: ", each)]
    assert len(places) == 1
    assert places[0].startswith("test_")
    assert any(message in each for each in lines)


def test_a_test_names_its_provider_nearest_first(run):
    result = run(
        """
pytestmark = [pytest.mark.usefixtures("tmp_path"), pytest.mark.dialect("tikhub")]

def test_by_module(image_mock):
    assert image_mock.provider == "tikhub"

@pytest.mark.dialect("llmapi")
class TestClass:
    def test_by_class(self, image_mock):
        assert image_mock.provider == "llmapi"

    @pytest.mark.dialect("openai")
    def test_by_marker(self, image_mock):
        assert image_mock.provider == "openai"

@pytest.mark.parametrize(
    "name", [pytest.param("openai", marks=pytest.mark.dialect("openai")), "tikhub"]
)
def test_by_parameter(image_mock, name):
    assert image_mock.provider == name
""",
        "--image-dialect=aihubmix",
    )

    result.assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--image-dialect=llmapi"], "llmapi"),
        (["-o", "image_dialect=tikhub"], "tikhub"),
        (["--image-dialect=llmapi", "-o", "image_dialect=tikhub"], "llmapi"),
    ],
)
def test_a_run_names_the_provider_of_the_rest(run, options, expected):
    result = run(
        f"def test_it(image_mock): assert image_mock.provider == '{expected}'", *options
    )

    result.assert_outcomes(passed=1)


def test_a_choice_that_is_none_is_an_error_of_one_line(run):
    result = run(
        """
def test_missing(image_mock): pass

@pytest.mark.dialect("nobody")
def test_unknown(image_mock): pass

@pytest.mark.dialect("openai", "tikhub")
def test_two(image_mock): pass

@pytest.mark.dialect("openai", strict=True)
def test_options(image_mock): pass

@pytest.mark.dialect("openai", stricd=True)
def test_unknown_option(mock_provider): pass

@pytest.mark.dialect("nobody")
def test_unknown_of_its_own(mock_provider): pass
""",
        "--tb=short",
    )

    result.assert_outcomes(errors=6)
    how = "provider*: set one with @pytest.mark.dialect(PROVIDER), --image-dialect"
    options = "dialect(…, strict=…): image_mock is shared by all tests; use the fixture"
    for name, told in [
        ("test_missing", f"no {how} or image_dialect; known: {', '.join(NAMES)}"),
        (
            "test_unknown",
            f"provider 'nobody' is not served; served: {', '.join(NAMES)}",
        ),
        ("test_two", f"several {how}*"),
        ("test_options", f"{options} mock_provider for options"),
        ("test_unknown_option", "unknown option 'stricd'; known: *strict*"),
        ("test_unknown_of_its_own", "nobody: is not a known provider. Known are: *"),
    ]:
        result.stdout.fnmatch_lines([f"*_ ERROR at setup of {name} _*"])
        result.stdout.fnmatch_lines_random([told])
    result.stdout.no_fnmatch_line("test_*.py:*:*")  # nowhere in the user's code
    result.stdout.no_fnmatch_line("During handling*")


def test_a_test_can_have_a_mock_of_its_own(run):
    result = run("""
@pytest.mark.dialect("openai", strict=True, requests_per_minute=2)
def test_it(mock_provider, image_mock_of_another):
    assert mock_provider.provider == "openai"
    assert list(mock_provider.base_urls) == ["openai"]
    assert mock_provider.url != image_mock_of_another
    assert [draw(mock_provider) for _ in range(3)] == [200, 200, 429]
    assert mock_provider.count() == 3

@pytest.fixture
def image_mock_of_another(_image_server):
    return _image_server.url
""")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["image mock: 3 requests, 2 images; cost *"])


def test_all_dialects_are_asked_in_turn(run):
    result = run(
        """
def test_it(all_dialects, image_mock, openai_env):
    assert all_dialects is image_mock
    assert os.environ["OPENAI_BASE_URL"] == image_mock.base_url
    # Not each has this path, this model, and no further required fields.
    assert draw(all_dialects) in {200, 400, 404, 422}
""",
        "-v",
    )

    result.assert_outcomes(passed=len(ALL_IMAGE_PROVIDERS))
    result.stdout.fnmatch_lines(
        [f"*::test_it[[]{name}] PASSED*" for name in ALL_IMAGE_PROVIDERS]
    )


@pytest.mark.parametrize("by", ["option", "SPECS_PATH"])
def test_a_provider_of_ones_own_is_one_of_them(run, folder, monkeypatch, by):
    if by == "SPECS_PATH":
        monkeypatch.setenv(by, str(folder))
    result = run(
        """
def test_all(all_dialects):
    # Not each has this path, this model, and no further required fields.
    assert draw(all_dialects) in {200, 400, 404, 422}

@pytest.mark.dialect("mine")
def test_one(image_mock, mock_provider, openai_env):
    assert "/mine/" in mock_provider.base_url
    assert "/mine/" in os.environ["OPENAI_BASE_URL"]
""",
        *([f"--image-specs={folder}"] if by == "option" else []),
    )

    result.assert_outcomes(passed=len(ALL_IMAGE_PROVIDERS) + 2)


def test_a_folder_that_is_none_is_an_error_of_one_line(run):
    result = run("def test_it(all_dialects): pass", "--image-specs=/nowhere")

    result.stdout.fnmatch_lines(
        ["*/nowhere: is not a folder. Give a folder that contains *"]
    )


def test_the_environment_leads_clients_to_the_mock_and_back(run):
    result = run("""
@pytest.fixture(autouse=True)
def before():
    os.environ["OPENAI_API_KEY"] = "secret"
    yield
    assert os.environ.pop("OPENAI_API_KEY") == "secret"
    assert "OPENAI_BASE_URL" not in os.environ

@pytest.mark.dialect("tokenhub")
def test_it(openai_env, image_mock_url):
    assert os.environ["OPENAI_BASE_URL"] == image_mock_url
    assert os.environ["OPENAI_API_KEY"] == "th-xxxxxxxxxxxx"

@pytest.mark.dialect("openai")
def test_where_no_page_shows_a_key(openai_env):
    assert os.environ["OPENAI_API_KEY"] == "test-key"
""")

    result.assert_outcomes(passed=2)


def test_a_failure_shows_what_came(run):
    result = run(
        """
@pytest.mark.dialect("tokenhub")
def test_that_fails(image_mock):
    image_mock.script({"error": "rate_limited"})
    draw(image_mock)
    draw(image_mock, prompt=7)
    draw(image_mock.bound_to("openai"))
    assert False

@pytest.fixture
def drawn(image_mock):
    draw(image_mock, **{"X-Mock-Error": "server_error"})
    raise OSError("the fixture fails")

@pytest.mark.dialect("tokenhub")
def test_whose_fixture_fails(drawn): pass

@pytest.mark.dialect("tokenhub")
def test_that_asks_nothing(image_mock):
    assert False

@pytest.mark.dialect("tokenhub")
def test_that_passes(image_mock):
    draw(image_mock, **{"X-Mock-Error": "unauthenticated"})

@pytest.mark.dialect("tokenhub")
def test_of_its_own(mock_provider):
    draw(mock_provider)
    assert False
""",
        "-rP",
    )

    result.assert_outcomes(failed=3, passed=1, errors=1)
    path = "POST /tokenhub/api/v1/images/generations"
    title = "*- image mock journal -*"
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_whose_fixture_fails*",
            title,
            f"??:??:??  {path}  500  server_error (requested by header)",
            "*_ test_that_fails _*",
            title,
            f"??:??:??  {path}  429  rate_limited (requested by script)",
            f"??:??:??  {path}  400  invalid_request: prompt: *, S4#*]",
            "??:??:??  POST /openai/v1/images/generations  200  1 image*",
            "*_ test_that_asks_nothing _*",
            title,
            "No requests. Base URL: http://127.0.0.1:*/tokenhub/api/v1",
            "*_ test_of_its_own _*",
            title,
            f"??:??:??  {path}  200  1 image, 0.125 USD at list price",
        ],
        consecutive=False,
    )
    result.stdout.no_fnmatch_line("*unauthenticated*")


PRICED = """
@pytest.mark.dialect("tokenhub")
@pytest.mark.parametrize("time", range(4))
def test_it(image_mock, time):
    assert draw(image_mock) == 200
    image_mock.reset()
    assert draw(image_mock) == 200
"""
TWO = ["-p", "xdist", "-n2"]
BILL = "image mock: 8 requests, 8 images; cost at list prices: 1.00 USD"


@pytest.mark.parametrize(
    "options", [[], TWO, ["-p", "no:cacheprovider"]], ids=["one", "two", "no cache"]
)
def test_a_run_ends_with_what_it_would_have_cost(run, options):
    result = run(PRICED, *options, in_process=options != TWO)

    result.assert_outcomes(passed=4)
    assert result.stdout.str().count(BILL) == 1
    result.stdout.fnmatch_lines([BILL])


def test_a_run_that_stops_early_knows_its_bill(run):
    result = run(f"{PRICED}\n    assert False", "-x")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["image mock: 2 requests, 2 images; * 0.25 USD"])


def test_every_worker_has_a_mock_of_its_own(run, pytester):
    result = run(
        """
@pytest.mark.dialect("tokenhub")
@pytest.mark.parametrize("time", range(8))
def test_it(image_mock, worker_id, time):
    with open(f"{time}.json", "w") as file:
        json.dump([worker_id, image_mock.url], file)
    for expected in range(1, 4):
        assert draw(image_mock) == 200
        assert image_mock.count() == expected
""",
        *TWO,
        "--dist=each",
        in_process=False,
    )

    result.assert_outcomes(passed=16)
    found = [json.loads(each.read_text()) for each in pytester.path.glob("*.json")]
    assert len({url for _, url in found}) == len({worker for worker, _ in found})


def test_a_run_that_uses_no_mock_hears_nothing_of_it(run):
    result = run(
        """
import sys

def test_it():
    heavy = {"aiohttp", "specs", "PIL", "yaml", "mockserver.embedded.starter"}
    assert not heavy & set(sys.modules)

@pytest.mark.dialect("tokenhub")
def test_that_draws_nothing(image_mock): pass
""",
        in_process=False,
    )

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*image mock*")


def test_loading_it_loads_next_to_nothing():
    script = "import sys, pytest\nbefore = set(sys.modules)\n"
    script += f"import {MODULE}\nprint(*sorted(set(sys.modules) - before))"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )

    assert done.stdout.split() == ["mockserver", MODULE]


def test_it_says_what_it_offers(run):
    fixtures = run("", "--fixtures").stdout
    markers = run("", "--markers").stdout

    offered = ("image_mock", "image_mock_url", "mock_provider", "all_dialects")
    fixtures.fnmatch_lines_random([f"{name} -- *" for name in offered])
    fixtures.no_fnmatch_line("_image_server*")
    markers.fnmatch_lines(["@pytest.mark.dialect(provider, ?*options):*"])


def test_an_entry_point_registers_it(pytester, monkeypatch):
    """As an installed wheel does, under the name of the distribution."""
    site = pytester.path / "site" / "as_installed-0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Name: as-installed\nVersion: 0\n")
    if not IS_REGISTERED:
        (site / "entry_points.txt").write_text(f"[pytest11]\nimageparity = {MODULE}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site.parent), str(ROOT)]))
    pytester.makepyfile("def test_it(all_dialects): assert all_dialects.count() == 0")

    result = pytester.runpytest_subprocess("-W", "error", "--strict-markers")

    result.assert_outcomes(passed=len(ALL_IMAGE_PROVIDERS))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.stem)
def test_the_examples_run_wherever_they_are_copied_to(run, pytester, example):
    shutil.copy(example, pytester.path)

    result = run("")

    assert result.ret == 0
    result.stdout.no_fnmatch_line("*error*")
