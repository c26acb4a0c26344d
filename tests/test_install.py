"""The wheel without extras, in a fresh environment: the mock, and nothing slow."""

import json
import os
import re
import signal
import subprocess
import tomllib
from contextlib import contextmanager

import pytest
from support.documentation import PAGES, TEXT
from support.http import ask, generation
from support.paths import ROOT
from support.providers import IMAGE_PROVIDERS
from support.wheels import built_wheel, new_environment

import specs
from contracts.cli.main import COMMANDS, EXTRAS
from mockserver.extras import MODULES

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HARNESS = "pip install 'imageparity[harness]'"
# A call of each command that needs no extra, its exit status, and a part of its output.
CALLS = {
    "faults": ([], 0, "rate_limited"),
    "env": (["openai"], 0, "OPENAI_BASE_URL"),
    "health": (["http://127.0.0.1:1"], 1, "no server responds"),
    "completion": (["bash"], 0, "_IMAGEPARITY_COMPLETE"),
    "provenance": ([__file__], None, ""),
    "whose": ([__file__], None, ""),
    "schema": (["report"], 0, "$defs"),
    "init": (["mine", "--like", "tokenhub"], 0, "providers/mine/openapi.yaml"),
    "lint": ([str(ROOT / "specs" / "tokenhub")], 0, ""),
    "claims": (["llmapi"], 0, "createImage/request/"),
    "sources": (["tokenhub"], 0, "S4 "),
    "common": (["openai", "tokenhub"], 0, "createImage"),
    "explain": (["REQ-RENAMED"], 0, "severity"),
    "serve": (["nobody"], 2, "nobody"),
    "proxy": (["nobody", "--upstream", "http://127.0.0.1:1"], 2, "nobody"),
}


def requirement_names(requirements):
    return {re.match(r"[a-z0-9-]+", each)[0] for each in requirements}


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The programs of an environment with the wheel alone."""
    folder = tmp_path_factory.mktemp("install")
    return new_environment(folder / "environment", str(built_wheel(folder)))


@pytest.fixture(scope="module")
def run(programs, tmp_path_factory):
    """Run a program of the environment, far away from this checkout."""
    folder = tmp_path_factory.mktemp("elsewhere")

    def run_there(program, *words, **environment):
        return subprocess.run(
            [str(programs / program), *words],
            capture_output=True,
            check=False,
            cwd=folder,
            env={**clean_environment(), **environment},
            text=True,
            timeout=120,
        )

    return run_there


def clean_environment():
    return {name: each for name, each in os.environ.items() if name != "PYTHONPATH"}


def test_nothing_of_the_harness_is_installed(run):
    listed = json.loads(run("python", "-m", "pip", "list", "--format=json").stdout)
    names = {each["name"].lower().replace("_", "-") for each in listed}

    assert requirement_names(PROJECT["project"]["dependencies"]) < names
    assert not names & {"hypothesis", "schemathesis", "pytest", "rich", "jinja2"}


@contextmanager
def serving(programs, *command):
    process = subprocess.Popen(
        [str(programs / command[0]), *command[1:], "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
        cwd=programs,
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "command", [("imageparity", "serve"), ("python", "-m", "mockserver", "serve")]
)
def test_the_mock_serves_every_provider(programs, command):
    with serving(programs, *command) as (process, ready):
        assert list(ready["providers"]) == list(specs.names())
        for name in IMAGE_PROVIDERS:
            base_url = ready["providers"][name]
            body = generation(specs.load(name))
            answer = ask(f"{base_url}/images/generations", body=body)
            assert answer.status == 200, answer.body
            assert answer.json["data"]
        assert ask(f"{ready['url']}/__mock__/metrics", method="GET").status == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("verb", EXTRAS)
@pytest.mark.parametrize("program", [("imageparity",), ("python", "-m", "contracts")])
def test_a_command_of_the_harness_says_what_to_install(run, program, verb):
    done = run(*program, verb, "--help")

    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert f" {verb} needs packages that are not installed (" in done.stderr
    assert done.stderr.rstrip().endswith(HARNESS)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("verb", [each for each in COMMANDS if each not in EXTRAS])
def test_every_other_command_works(run, verb):
    words, status, said = CALLS[verb]

    done = run("imageparity", verb, *words)

    assert status is None or done.returncode == status, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_line_of_a_shell_is_completed_without_the_harness(run):
    done = run(
        "imageparity",
        _IMAGEPARITY_COMPLETE="bash_complete",
        COMP_WORDS="imageparity run t",
        COMP_CWORD="2",
    )

    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    "statement",
    [
        "import contracts; contracts.run('tokenhub')",
        "from contracts import run",
        "from contracts.testing import imageparity_conformance",
    ],
)
def test_an_import_of_the_harness_says_what_to_install(run, statement):
    done = run("python", "-c", statement)

    error = done.stderr.splitlines()[-1]
    assert "contracts." in error
    assert error.endswith(HARNESS)
    assert done.returncode == 1


def test_a_program_can_run_the_mock(run):
    done = run(
        "python",
        "-c",
        "import mockserver\nwith mockserver.running('openai') as m: print(m.base_url)",
    )

    assert done.stdout.startswith("http://127.0.0.1:"), done.stderr


def test_redis_is_an_extra_as_well(run):
    done = run("imageparity", "serve", "--state", "redis://127.0.0.1:1/0")

    assert done.returncode == 2
    assert done.stderr.rstrip().endswith("pip install 'imageparity[redis]'")


def test_the_extras_install_what_the_commands_need():
    extras = PROJECT["project"]["optional-dependencies"]

    assert set(extras) == {"harness", "redis", "speedups", "fleet"}
    for name, modules in MODULES.items():
        assert requirement_names(extras[name]) - {"imageparity"} == set(modules)


@pytest.mark.parametrize("page", PAGES, ids=lambda each: each.stem)
def test_the_documentation_names_extras_that_exist(page):
    named = re.findall(r"imageparity\[([a-z,]+)\]", page.read_text(encoding="utf-8"))

    for extras in named:
        known = PROJECT["project"]["optional-dependencies"]
        assert set(extras.split(",")) <= set(known)


def test_the_documentation_lists_the_commands_by_their_extra():
    (none, harness) = (
        re.search(rf"^\| {name} \|(.*)\|$", TEXT, re.MULTILINE)[1]
        for name in ("none", "`harness`")
    )
    aliases = {"whose", "gateway"}

    assert set(re.findall(r"`([a-z-]+)`", none)) == set(CALLS) - aliases
    assert set(re.findall(r"`([a-z-]+)`", harness)) == set(EXTRAS) - aliases


def test_calls_and_extras_are_all_commands():
    assert {*CALLS, *EXTRAS} == set(COMMANDS)
