"""Conformance as tests, in runs of pytest of their own, against real servers."""

import re
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from _pytest._code.code import getfslineno
from aiohttp import web
from support import gateways
from support.paths import ROOT
from support.relays import on_refusal, on_success, relay, replace
from yarl import URL

import contracts
import mockserver
import specs
from contracts.execution.campaign import Campaign
from contracts.execution.sending.target import Target
from contracts.judging.guarantees.relations import relations
from contracts.judging.guarantees.table import COMPARED_FIELDS
from contracts.report.baseline import BadBaseline, Baseline
from contracts.report.failure_policy import FailurePolicy
from contracts.report.model import Report
from contracts.testing import imageparity_conformance
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

KEY = "th-a-secret-of-mine"
N = "createImage/request/n/"
MASK = ("request-json/mask", "request-json/plain")
ABOVE = "createImage/request/n/maximum/above-maximum-10"
SUITE = """
from contracts.testing import imageparity_conformance

test_gateway = imageparity_conformance("tokenhub", {options})
"""
crashing = on_refusal(lambda said: replace(said, status=500))
chatty = on_success(lambda body, said: {**body, "trace_id": "abc"})


def maskless(said):
    """A request that loses its mask on its way."""
    if "mask" not in said.asked:
        return said
    return said.with_json({k: v for k, v in said.asked.items() if k != "mask"})


@pytest.fixture
def gateway(mock):
    """Gateways that claim to be TokenHub, each with a fault of its own."""
    with ExitStack() as stack:

        def start(**changes) -> str:
            url, _ = stack.enter_context(serve_in_thread(relay(mock.url, **changes)))
            return f"{url}/tokenhub/api/v1"

        yield start


@pytest.fixture
def suite(pytester, monkeypatch):
    """A run over a suite, without any plugin but those that it asks for."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "CI"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, code: str = SUITE, apart: bool = False, **options):
        options.setdefault("key", KEY)
        text = ", ".join(f"{name}={value!r}" for name, value in options.items())
        pytester.makepyfile(test_it=code.replace("{options}", text))
        fixed = ("-W", "error", "--strict-markers", "--strict-config", "-ra")
        words = (*fixed, "-o", "xfail_strict=true", *words)
        if apart:
            return pytester.runpytest_subprocess(*words, timeout=180)
        return pytester.runpytest_inprocess(*words)

    return run


def fingerprints(result) -> set[str]:
    said = result.stdout.str()
    return set(re.findall(r"^  fingerprint +(\w+)$", said, re.MULTILINE))


def run_of(base_url: str, *only: str) -> Report:
    return contracts.run("tokenhub", against=base_url, key=KEY, only=only, fuzz=False)


def test_each_question_is_a_test_with_a_name_to_pick_it_by(suite, gateway):
    result = suite("-v", "-k", "n/maximum", base_url=gateway(), only="createImage/")

    result.assert_outcomes(passed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines([f"test_it.py::test_gateway[[]{ABOVE}[]] PASSED*"])


def test_a_right_server_passes_whatever_it_is_asked(suite, gateway):
    result = suite(base_url=gateway(), only=(N, "guarantees/", "/auth/"), fuzz=True)

    assert result.ret == 0
    assert set(result.parseoutcomes()) == {"passed"}


def test_a_server_that_is_called_differently_is_tested(suite, mock, monkeypatch):
    monkeypatch.setenv("EXTRA", "header-secret-0815")
    wants = {
        "headers": {"x-extra": "header-secret-0815"},
        "query": "version=1",
        "auth": "header:api-key",
        "models": {"team-image": "gpt-image-2"},
    }
    options = {"headers": {"x-extra": "EXTRA"}, "auth": "header:api-key"}
    with gateways.gateway(mock.url, **wants) as (_, url):
        result = suite(
            base_url=f"{url}/tokenhub/api/v1?version=1",
            only=(N, "createImage/auth/"),
            model="team-image",
            **options,
        )

    found = result.parseoutcomes()
    assert result.ret == 0
    assert set(found) == {"passed", "skipped"}
    assert found["passed"] > 5
    result.stdout.fnmatch_lines(["SKIPPED*does not apply: the API key has no scheme*"])


def test_a_missing_header_value_fails_a_test(suite):
    result = suite(
        base_url="http://127.0.0.1:1/v1", only=ABOVE, headers={"x-extra": "NOT_SET"}
    )

    assert result.ret == 1
    assert "NOT_SET is not set" in result.stdout.str()


def test_a_broken_promise_is_shown_as_a_report_shows_it(suite, gateway):
    result = suite(base_url=gateway(answer=crashing), only=ABOVE)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "crash: 500 application/json: *",
            "  documented   n must be at most 10 (createImage/request/n/maximum)",
            "  source       TokenHub: *(documented)",
            "               https://*",
            "  expected     an error response with status 400: n must be at most 10",
            "  response     500 application/json*",
            "curl -sS -X POST http://127.0.0.1:*/images/generations *",
            '*Authorization: Bearer $TOKENHUB_API_KEY"*',
            '*"n": 11*',
            "FAILED test_it.py::test_gateway[[]*above-maximum-10[]]*",
        ]
    )
    assert KEY not in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_all_tests_together_find_what_a_run_finds(suite, gateway):
    """Comparisons are found as well, with each test on its own."""

    def at_one_second(said):
        return said.with_json({**said.json, "created": 1}) if said.is_success else said

    base_url = gateway(request=maskless, answer=at_one_second)

    result = suite(base_url=base_url, only=MASK)

    found = run_of(base_url, *MASK)
    assert {"mask-matters", "created-is-now-in-seconds"} <= {
        each.check for each in found.broken
    }
    failed = {each.fingerprint for each in found.failed_checks if each.breaks}
    assert fingerprints(result) == failed


def test_a_comparison_is_a_test_that_shows_both_requests(suite, gateway):
    name = "createImageEdit/200/guarantees/mask-matters/request-json/plain"

    right = suite(base_url=gateway(), only=name)
    wrong = suite(base_url=gateway(request=maskless), only=name)

    right.assert_outcomes(passed=1)
    wrong.assert_outcomes(failed=1)
    wrong.stdout.fnmatch_lines(
        [
            "wrong-response: *'without' and 'with' give the same image (PNG *)",
            "  compared     createImageEdit/request-json/plain, *request-json/mask/*",
            "  first        *prompt=*",
        ]
    )


def test_a_comparison_without_answers_says_nothing(suite, gateway):
    name = "createImageEdit/200/guarantees/mask-matters/request-json/plain"

    base_url = gateway(answer=lambda said: replace(said, status=400))

    result = suite(base_url=base_url, only=name)

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*fewer than two*"])


def test_a_difference_passes_and_is_told(suite, gateway):
    base_url = gateway(answer=chatty)

    result = suite("-rP", "--junit-xml=r.xml", base_url=base_url, only=f"{N}at-minimum")
    strict = suite(base_url=base_url, only=f"{N}at-minimum", strict=True)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*imageparity warnings*", "undocumented: *trace_id*"])
    properties = [each.attrib for each in ET.parse("r.xml").iter("property")]
    assert [each["name"] for each in properties] == ["imageparity.difference"]
    assert "trace_id" in properties[0]["value"]
    strict.assert_outcomes(failed=1)


def baseline_for(base_url: str, path: Path, until: str | None) -> None:
    """Accept what a run finds wrong with a gateway."""
    last = date.fromisoformat(until) if until else None
    today = date(2026, 1, 1)
    judgement = Baseline().judge(run_of(base_url, ABOVE), today, FailurePolicy())
    found = Baseline().update(judgement, today, reason="ticket 7", until=last)
    assert found.accepted
    found.write(path)


@pytest.mark.parametrize(
    ("until", "words", "outcomes", "said"),
    [
        (None, (), {"xfailed": 1}, "XFAIL*ticket 7*"),
        ("2999-12-31", (), {"xfailed": 1}, "XFAIL*ticket 7*"),
        (None, ("--runxfail",), {"failed": 1}, "crash: *"),
        ("2020-01-01", (), {"failed": 1}, "*accepted*until 2020-01-01: ticket 7"),
    ],
)
def test_a_baseline_accepts_until_its_date(
    suite, gateway, tmp_path, until, words, outcomes, said
):
    path = tmp_path / "accepted.yaml"
    base_url = gateway(answer=crashing)
    baseline_for(base_url, path, until)

    result = suite(*words, base_url=base_url, only=ABOVE, baseline=str(path))

    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([said])


@pytest.mark.parametrize("hosts", [(), ("localhost",)])
def test_images_are_fetched_from_the_allowed_hosts(suite, gateway, hosts):
    """The images of this gateway have another host, and do not exist there."""

    def elsewhere(value, _):
        return {**value, "data": [{"url": url} for _ in value["data"]]}

    with serve_in_thread(web.Application()) as (other, _):
        url = f"http://localhost:{URL(other).port}/image.png"
        base_url = gateway(answer=on_success(elsewhere))
        result = suite(
            base_url=base_url, only=f"{N}at-minimum", fetch_from=hosts, key=KEY
        )

    assert ("was not returned by its URL: 404" in result.stdout.str()) is bool(hosts)


def test_a_baseline_accepts_nothing_else(suite, gateway, tmp_path):
    path = tmp_path / "accepted.yaml"
    baseline_for(gateway(answer=crashing), path, None)
    base_url = gateway(answer=on_refusal(lambda said: replace(said, status=200)))

    result = suite(base_url=base_url, only=ABOVE, baseline=path.as_posix())

    result.assert_outcomes(failed=1)


def test_questions_can_be_skipped_for_a_reason(suite, gateway):
    result = suite(base_url=gateway(), only=N, skip={"n/maximum": "ticket 8"})

    assert result.parseoutcomes()["skipped"] == 1
    assert result.ret == 0
    result.stdout.fnmatch_lines(["SKIPPED*ticket 8"])


@pytest.mark.parametrize(
    "code",
    [
        """
import pytest
from contracts.testing import imageparity_conformance

@pytest.fixture(scope="session")
def somewhere(request):
    return {base_url}

test_gateway = imageparity_conformance(
    "tokenhub", base_url_fixture="somewhere", {options}
)
""",
        """
import pytest
from contracts.testing import imageparity_conformance

@pytest.fixture(params=["a", "b"])
def somewhere(request):
    return {base_url}

test_gateway = imageparity_conformance(
    "tokenhub", base_url_fixture="somewhere", {options}
)
""",
        """
from contracts.testing import imageparity_conformance

test_gateway = imageparity_conformance(
    "tokenhub", base_url=lambda: {base_url}, {options}
)
""",
        """
from contracts.testing import imageparity_conformance

class TestIt:
    test_gateway = staticmethod(
        imageparity_conformance("tokenhub", base_url={base_url}, {options})
    )
""",
    ],
    ids=["fixture", "fixture of several", "what gives it", "class"],
)
def test_the_address_may_be_known_late(suite, gateway, code):
    code = code.replace("{base_url}", repr(gateway()))

    result = suite(code=code, only=ABOVE)

    assert result.ret == 0
    assert result.parseoutcomes() in ({"passed": 1}, {"passed": 2})


def test_a_fixture_that_is_not_there_is_named(suite):
    result = suite(base_url_fixture="nowhere", only=ABOVE)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'nowhere' not found*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_url": "http://127.0.0.1:1/v1"}, "*127.0.0.1:1*"),
        ({"base_url": "https://gateway.example/v1"}, "*each test may cost money*"),
        ({"base_url": "gateway"}, "*base URL*"),
        (
            {
                "base_url": "http://127.0.0.1:1/v1",
                "key": None,
                "key_env": "NOWHERE_SET",
            },
            "*NOWHERE_SET is not set*",
        ),
    ],
)
def test_a_server_that_cannot_be_asked_is_a_failure_in_a_line(suite, options, said):
    result = suite(only=ABOVE, **options)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])
    assert "Traceback" not in result.stdout.str()


def test_a_refused_key_is_a_failure_that_says_what_to_do(suite, mock):
    result = suite(
        base_url=mock.base_urls["tokenhub"], key="th-mock-unauthenticated", only=ABOVE
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*rejects the API key*TOKENHUB_API_KEY*", "*n=11*"])


def test_the_key_comes_from_the_environment_when_a_test_begins(suite, gateway):
    code = """
import pytest
from contracts.testing import imageparity_conformance

@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("TOKENHUB_API_KEY", "anything")

test_gateway = imageparity_conformance("tokenhub", {options})
"""
    result = suite(code=code, base_url=gateway(), key=None, only=ABOVE)

    result.assert_outcomes(passed=1)


def test_workers_of_xdist_find_the_same_as_one(suite, gateway):
    base_url = gateway(request=maskless)
    options = {"base_url": base_url, "only": MASK, "apart": True}

    spread = suite("-p", "xdist", "-n", "2", **options)
    alone = suite(**options)

    assert spread.parseoutcomes() == alone.parseoutcomes()
    assert alone.parseoutcomes()["failed"] >= 1
    assert fingerprints(spread) == fingerprints(alone) != set()


def test_tests_run_within_a_running_loop(suite, gateway, pytester):
    pytester.makeconftest("""
import asyncio

def pytest_pyfunc_call(pyfuncitem):
    names = pyfuncitem._fixtureinfo.argnames

    async def inside():
        pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})

    asyncio.run(inside())
    return True
""")

    result = suite(base_url=gateway(), only=ABOVE)

    result.assert_outcomes(passed=1)


def test_it_leaves_the_loop_of_others_alone(suite, gateway):
    code = """
import asyncio
import pytest
from contracts.testing import imageparity_conformance

@pytest.fixture(scope="session")
def loop():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()

def test_before(loop):
    loop.run_until_complete(asyncio.sleep(0))

test_gateway = imageparity_conformance("tokenhub", {options})

def test_after(loop):
    assert asyncio.get_event_loop() is loop
    loop.run_until_complete(asyncio.sleep(0))
"""

    result = suite(code=code, base_url=gateway(), only=ABOVE)

    result.assert_outcomes(passed=3)


def test_each_test_asks_its_own_question_and_no_other(request):
    name = f"{N}at-minimum-1"
    with mockserver.running("tokenhub") as mock:
        made = imageparity_conformance(
            "tokenhub", base_url=mock.base_url, key=KEY, only=name
        )
        (mark,) = made.pytestmark
        (parameter,) = mark.args[1]
        (case,) = parameter.values[0].cases

        made(**{mark.args[0]: parameter.values[0], "request": request})

        assert case.id == parameter.id == name
        assert [each["payload"] for each in mock.journal()] == [dict(case.payload)]


def test_a_test_stands_where_its_suite_was_made(suite, gateway):
    result = suite("-v", base_url=gateway(), only=ABOVE)

    assert "testing.py" not in result.stdout.str()
    made = imageparity_conformance("tokenhub", base_url="http://x/", only=ABOVE)
    path, line = getfslineno(made)
    text = Path(path).read_text(encoding="utf-8").splitlines()[line]
    assert Path(path) == Path(__file__)
    assert "made = imageparity_conformance(" in text


@pytest.mark.parametrize("name", ["llmapi", "tikhub", "tokenhub"])
def test_the_tests_of_a_provider_are_its_cases_and_its_comparisons(name):
    provider = specs.load(name)
    cases = Campaign(provider, Target("", ""), fuzz=False).cases

    made = imageparity_conformance(provider, base_url="http://127.0.0.1:1")

    compared = [each.id for each in relations(provider, cases)]
    ids = [each.id for each in made.pytestmark[0].args[1]]
    assert ids == [*(each.id for each in cases), *compared]
    assert len(set(ids)) == len(ids)
    assert {each.split("/")[3] for each in compared} >= {"pictures-differ"}
    assert len(compared) < len(cases) / 10


def test_every_comparison_of_a_run_has_tests():
    cases = Campaign(specs.load("openai"), Target("", ""), fuzz=False).cases
    compared = [each.claim for each in relations(specs.load("openai"), cases)]

    assert {each.rpartition("/")[2] for each in compared} == set(COMPARED_FIELDS)


def test_what_cannot_be_is_said_where_the_suite_is_made(tmp_path):
    at = {"base_url": "http://127.0.0.1:1"}
    broken = tmp_path / "broken.yaml"
    broken.write_text("format: x\n")
    for words, error, said in (
        ({}, ValueError, "one of them"),
        ({**at, "base_url_fixture": "url"}, ValueError, "one of them"),
        ({**at, "only": "creatImage"}, ValueError, "only: .*'creatImage'"),
        ({**at, "skip": {"creatImage": "typo"}}, ValueError, "skip: .*'creatImage'"),
        ({**at, "only": ("",)}, ValueError, "only"),
        ({**at, "baseline": tmp_path / "no.yaml"}, BadBaseline, "does not exist"),
        ({**at, "baseline": broken}, BadBaseline, "broken.yaml"),
    ):
        with pytest.raises(error, match=said):
            imageparity_conformance("tokenhub", **words)
    with pytest.raises(contracts.SpecError, match="nobody"):
        imageparity_conformance("nobody", **at)


def test_the_operations_of_a_suite_can_be_chosen(suite, gateway):
    options = {"base_url": gateway(), "only": ("/n/", "/plain")}

    result = suite("--collect-only", "-q", **options, operations="createImageEdit")

    said = result.stdout.str()
    assert "test_gateway[createImageEdit/" in said
    assert "test_gateway[createImage/" not in said


def test_an_unknown_operation_of_a_suite_is_an_error():
    with pytest.raises(ValueError, match="'createVideo', only createImage, createIm"):
        imageparity_conformance(
            "tokenhub", base_url="http://127.0.0.1:1", operations=["createVideo"]
        )
