"""The Python API: the same runs as from the command line, with a report as value."""

import asyncio
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from aiohttp import web
from support.paths import ROOT
from support.relays import on_refusal, relay, replace

import contracts
import mockserver
import specs
from contracts.api import run_in_thread
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

FEW = "createImage/request/n/"
KEY = "th-a-secret-of-mine"


def without_time(report: contracts.Report) -> list:
    return [
        (each.case, each.status, each.claims, each.cost, each.findings)
        for each in report.outcomes
    ]


def test_a_provider_is_asked_at_its_own_mock():
    report = contracts.run("tokenhub", only=FEW, fuzz=False)

    assert report.conforms
    assert report.stopped is None
    assert report.outcomes
    assert all(FEW in each.case for each in report.outcomes)
    assert [each.is_mock for each in report.metadata.targets] == [True]


def test_all_providers_are_asked_when_none_is_named():
    report = contracts.run(only="createImage/path", fuzz=False)

    asked = {
        id_ for id_ in specs.names() if "createImage" in specs.load(id_).operations
    }
    assert {each.provider for each in report.outcomes} == asked
    assert {each.provider for each in report.metadata.targets} == set(specs.names())


def test_the_report_is_the_one_of_the_command_line(tmp_path):
    path, drawn = tmp_path / "report.jsonl", "createImage/request/pairs/"
    words = ["run", "tokenhub", "--no-fuzz", "--only", drawn, "--seed", "5"]
    subprocess.run(
        [sys.executable, "-m", "contracts", *words, "--report", path],
        check=True,
        capture_output=True,
        timeout=120,
        cwd=ROOT,
    )

    report = contracts.run("tokenhub", only=(drawn,), seed=5, fuzz=False)
    other = contracts.run("tokenhub", only=(drawn,), seed=6, fuzz=False)

    asked = without_time(report)
    assert asked == without_time(contracts.Report.read(path)) != without_time(other)
    assert report.metadata.seed == 5


def test_a_server_is_found_out_and_its_key_is_kept(mock):
    def crash_with_key(said):
        error = {"message": f"I know {KEY}", "type": "x"}
        return replace(said.with_json({"error": error}), status=500)

    with serve_in_thread(relay(mock.url, answer=on_refusal(crash_with_key))) as (
        url,
        _,
    ):
        base_url = f"{url}/tokenhub/api/v1"
        report = contracts.run(
            "tokenhub", against=base_url, key=f" {KEY}\n", only=FEW, fuzz=False
        )

    assert not report.conforms
    assert {each.kind for each in report.broken} >= {contracts.FindingKind.CRASH}
    assert KEY not in "".join(report.to_lines())


def test_the_key_comes_from_the_environment_as_well(mock, monkeypatch):
    monkeypatch.setenv("TOKENHUB_API_KEY", "th-mock-unauthenticated")
    monkeypatch.setenv("MINE", KEY)
    at = {"against": mock.base_urls["tokenhub"], "only": FEW, "fuzz": False}

    with pytest.raises(contracts.CouldNotRun, match="401"):
        contracts.run("tokenhub", **at)
    assert contracts.run("tokenhub", key_env="MINE", **at).outcomes


def test_it_runs_within_a_running_loop():
    async def inside() -> contracts.Report:
        report = contracts.run("tokenhub", only=FEW, fuzz=False)
        assert asyncio.get_running_loop().is_running()
        return report

    assert asyncio.run(inside()).conforms


def test_a_loop_that_serves_what_is_asked_goes_on_meanwhile():
    async def inside() -> contracts.Report:
        async with mockserver.running("tokenhub") as mock:
            return await asyncio.to_thread(
                contracts.run,
                "tokenhub",
                against=mock.base_url,
                key=KEY,
                only=FEW,
                fuzz=False,
            )

    assert asyncio.run(inside()).conforms


def test_outcomes_are_told_as_they_come():
    told: list[contracts.Outcome] = []

    report = contracts.run("tokenhub", only=FEW, fuzz=False, on_outcome=told.append)

    assert tuple(told) == report.outcomes


def test_what_the_listener_raises_ends_the_run():
    told: list[contracts.Outcome] = []

    class Enough(Exception):
        pass

    def listen(outcome: contracts.Outcome) -> None:
        told.append(outcome)
        if len(told) == 3:
            raise Enough

    with pytest.raises(Enough):
        contracts.run("tokenhub", fuzz=False, on_outcome=listen)

    assert len(told) == 3
    assert not [each for each in threading.enumerate() if "imageparity" in each.name]


INTERRUPTED = """
import os, signal
import contracts

told = []

def interrupt(outcome):
    told.append(outcome)
    if len(told) == 3:
        os.kill(os.getpid(), signal.SIGINT)

try:
    contracts.run("tokenhub", fuzz=False, on_outcome=interrupt)
except KeyboardInterrupt:
    print(len(told))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_an_interrupt_ends_the_run_and_nothing_is_left_open():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert 3 <= int(done.stdout) < 200


def test_a_run_stops_at_its_bounds(mock):
    short = contracts.run("tokenhub", max_cases=5, fuzz=False)
    cheap = contracts.run(
        "tokenhub",
        against=mock.base_urls["tokenhub"],
        key=KEY,
        only=FEW,
        budget=1.4,
        fuzz=False,
    )

    assert (len(short.outcomes), short.stopped) == (5, "budget")
    assert cheap.stopped == "budget"
    assert 0 < (cheap.cost() or 0) <= 1.4


def test_a_budget_that_pays_for_nothing_is_refused_before_anything_is_asked():
    with mockserver.running("tokenhub") as mock:
        with pytest.raises(contracts.CouldNotRun, match="budget"):
            contracts.run("tokenhub", against=mock.base_url, key=KEY, budget=0.0001)

        assert mock.count() == 0


def test_a_folder_of_further_providers_is_read(tmp_path):
    shutil.copytree(ROOT / "specs" / "tokenhub", tmp_path / "mine")
    shutil.copy(ROOT / "specs" / "sources.yaml", tmp_path)

    report = contracts.run("mine", specs_path=tmp_path, only=FEW, fuzz=False)

    assert {each.provider for each in report.outcomes} == {"mine"}


def test_a_provider_that_was_loaded_is_asked_as_it_is():
    report = contracts.run(specs.load("tokenhub"), only=FEW, fuzz=False)

    assert report.conforms


def test_a_refused_key_says_what_to_do():
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no"}}, status=401)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    with (
        serve_in_thread(app) as (url, _),
        pytest.raises(contracts.CouldNotRun, match="TOKENHUB_API_KEY"),
    ):
        contracts.run("tokenhub", against=url, key=KEY, fuzz=False)


HERE = "http://127.0.0.1:1/v1"
FAR = "https://gateway.example/v1"
WRONG = {
    "unknown provider": (("nobody",), {}, contracts.SpecError, "nobody"),
    "nobody there": (
        ("tokenhub",),
        {"against": HERE, "key": KEY, "only": FEW},
        contracts.Unreachable,
        "127.0.0.1:1",
    ),
    "several servers": (
        ("tokenhub", "openai"),
        {"against": HERE},
        ValueError,
        "one provider",
    ),
    "no provider for it": ((), {"against": HERE}, ValueError, "one provider"),
    "no address": (
        ("tokenhub",),
        {"against": "tokenhub", "key": KEY},
        contracts.BadTarget,
        "base URL",
    ),
    "empty address": (("tokenhub",), {"against": ""}, ValueError, "against"),
    "no key": (
        ("tokenhub",),
        {"against": HERE, "key_env": "NOWHERE_SET"},
        contracts.BadTarget,
        "NOWHERE_SET is not set.*key=",
    ),
    "empty key": (
        ("tokenhub",),
        {"against": HERE, "key": ""},
        contracts.BadTarget,
        "key",
    ),
    "far away": (
        ("tokenhub",),
        {"against": FAR, "key": KEY},
        contracts.BadTarget,
        "live=True, budget=",
    ),
    "far away without a budget": (
        ("tokenhub",),
        {"against": FAR, "key": KEY, "live": True},
        contracts.BadTarget,
        "budget=",
    ),
    "far away without prices": (
        ("llmapi",),
        {"against": FAR, "key": KEY, "live": True, "budget": 1.0},
        contracts.BadTarget,
        "no documented prices",
    ),
    "budget for a mock": (("tokenhub",), {"budget": 1.0}, ValueError, "against"),
    "key for a mock": (("tokenhub",), {"key": ""}, ValueError, "against"),
    "no cases": (("tokenhub",), {"max_cases": 0}, ValueError, "max_cases is 0"),
    "no money": (
        ("tokenhub",),
        {"against": HERE, "budget": 0.0},
        ValueError,
        "budget is 0",
    ),
    "no number": (
        ("tokenhub",),
        {"against": HERE, "rate": float("nan")},
        ValueError,
        "rate is nan",
    ),
    "no such case": (
        ("tokenhub",),
        {"only": "creatImage/", "fuzz": False},
        ValueError,
        "no case id contains creatImage/",
    ),
    "empty part": (("tokenhub",), {"only": [""]}, ValueError, "only"),
}


@pytest.mark.parametrize(
    ("providers", "options", "error", "said"), WRONG.values(), ids=WRONG.keys()
)
def test_what_cannot_be_done_is_said_in_a_line(providers, options, error, said):
    with pytest.raises(error, match=said) as raised:
        contracts.run(*providers, **options)

    assert "\n" not in str(raised.value)


def test_a_name_is_imported_when_it_is_asked_for():
    script = (
        "import sys, contracts\n"
        "assert not [each for each in sys.modules if each.startswith('contracts.')]\n"
        "for name in contracts.__all__: getattr(contracts, name)\n"
        "assert set(contracts.__all__) <= set(dir(contracts))\n"
        "assert 'pytest' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    with pytest.raises(AttributeError, match="runs"):
        _ = contracts.runs


def test_what_is_awaited_comes_back_as_it_is():
    async def give(value: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return value, threading.current_thread().name

    async def fail() -> None:
        raise LookupError("of its own")

    value, thread = run_in_thread(give(7))

    assert value == 7
    assert thread != threading.current_thread().name
    with pytest.raises(LookupError, match="of its own"):
        run_in_thread(fail())
