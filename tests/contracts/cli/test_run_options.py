"""Options of `run` that select operations, are recorded, or change what is shown."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from support import gateways

import contracts
from contracts.cli.main import main
from contracts.report.model import CallRecord, Report

pytestmark = pytest.mark.slow

KEY, SECRET = "th-very-secret-key", "header-secret-0815"
PLAIN = "createImage/request/plain"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `imageparity run tokenhub …`; returns the result and the report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENHUB_API_KEY", KEY)
    monkeypatch.setenv("EXTRA", SECRET)

    def invoke(*words: str):
        path = tmp_path / "report.jsonl"
        line = ["run", "tokenhub", "--no-fuzz", *words, "--report", str(path)]
        result = CliRunner().invoke(main, line)
        return result, Report.read(path) if path.exists() else None

    return invoke


def operations(report: Report) -> set[str]:
    return {each.operation for each in report.outcomes}


@pytest.mark.parametrize("name", ["createImage", "createImageEdit"])
def test_an_operation_is_tested_alone(run, mock, name):
    result, report = run(
        *("--against", mock.base_urls["tokenhub"], "--operations", name),
        *("--only", "/plain", "--only", "/n/", "--only", "/auth/"),
    )

    assert result.exit_code == 0, result.output
    assert operations(report) == {name}
    assert report.metadata.targets[0].call.operations == (name,)


def test_several_operations_are_named_at_once(run):
    result, report = run(
        "--operations", "createImage, createImageEdit", "--only", "/plain"
    )

    assert result.exit_code == 0, result.output
    assert operations(report) == {"createImage", "createImageEdit"}


@pytest.mark.parametrize("word", ["--no-fuzz", "--same-questions", "--dry-run"])
def test_an_unknown_operation_is_an_error_that_lists_the_known(word):
    words = ["run", "tokenhub", "--operations", "createImage,createFilm"]
    result = CliRunner().invoke(main, [*words, word])

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: --operations: there is no operation 'createFilm', only createImage, "
        "createImageEdit\n"
    )


def test_the_same_requests_are_sent_for_one_operation(run, tmp_path):
    result = CliRunner().invoke(
        main,
        [
            *("run", "tokenhub", "aihubmix", "--same-questions", "--only", "plain"),
            *("--operations", "createImageEdit", "--report", "same.json"),
            *("--only", "/n="),
        ],
    )

    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "same.json").read_text())["rows"]
    assert {each["operation"] for each in rows} == {"createImageEdit"}


def test_python_takes_operations_too():
    report = contracts.run(
        "tokenhub", only=("/plain", "/n/"), operations="createImageEdit", fuzz=False
    )

    assert operations(report) == {"createImageEdit"}
    with pytest.raises(ValueError, match="'createFilm', only createImage, createIm"):
        contracts.run("tokenhub", operations=["createFilm"])


def test_the_report_records_the_options_and_no_value(run, mock):
    wants = {
        "headers": {"x-Extra": SECRET},
        "auth": "header:api-key",
        "models": {"team": "gpt-image-2"},
    }
    with gateways.gateway(mock.url, **wants) as (_, url):
        result, report = run(
            *("--against", f"{url}/tokenhub/api/v1", "--header", "x-Extra=EXTRA"),
            *("--auth", "header:api-key", "--model", "team", "--only", PLAIN),
        )

    assert result.exit_code == 0, result.output
    (target,) = report.metadata.targets
    models = {"gpt-image-2": "team"}
    assert target.call == CallRecord("header:api-key", ("x-extra",), models)
    again = Report.from_lines(report.to_lines())
    assert again == report
    assert SECRET not in "".join(report.to_lines())


def test_a_report_without_the_options_is_read(run):
    _, report = run("--only", PLAIN)
    first, *others = report.to_lines()
    row = json.loads(first)
    del row["targets"][0]["call"]

    read = Report.from_lines([json.dumps(row), *others])

    assert read.metadata.targets[0].call is None
    assert json.loads(next(read.to_lines())) == row


STOPPED = ("--max-cases", "2", "--only", "createImage/request/n/", "--only", "plain")
OTHER_CALLS = {
    "a header more": (["--header", "x-a=EXTRA"], "no --header"),
    "another place of the key": (["--auth", "header:k"], "--auth bearer"),
    "a model": (["--model", "gpt-image-2=x"], "no --model"),
    "an operation": (["--operations", "createImage"], "no --operations"),
}


@pytest.mark.parametrize(
    ("words", "named"), OTHER_CALLS.values(), ids=OTHER_CALLS.keys()
)
def test_a_run_is_not_resumed_with_other_options(run, mock, tmp_path, words, named):
    against = ("--against", mock.base_urls["tokenhub"])
    run(*against, *STOPPED)
    (tmp_path / "report.jsonl").rename(tmp_path / "stopped.jsonl")

    resumed = ("--resume", "stopped.jsonl", *STOPPED[2:])
    other, report = run(*against, *words, *resumed)
    assert (other.exit_code, report) == (2, None)
    assert f"was a run with {named}: it cannot continue here" in other.stderr

    same, report = run(*against, *resumed)
    assert same.exit_code == 0, same.output
    assert len(report.outcomes) > 2


def test_quiet_prints_the_result_only(run, mock):
    with gateways.gateway(mock.url, auth="none") as (_, url):
        against = ("--against", f"{url}/tokenhub/api/v1", "--only", "createImage/auth")
        loud, _ = run(*against)
        quiet, report = run(*against, "--quiet")

    assert (loud.exit_code, quiet.exit_code) == (1, 1)
    assert report.findings
    assert quiet.stderr == ""
    assert quiet.stdout.strip().startswith("The server deviates from")
    assert len(quiet.stdout.strip().splitlines()) == 1
    assert quiet.stdout.strip() in loud.stdout


def in_a_terminal(*words: str, **env: str) -> str:
    """The output of a command whose output is a terminal."""
    reading, writing = pty.openpty()
    shown = {"TERM": "xterm-256color", "COLUMNS": "100", "NO_COLOR": "", **env}
    with subprocess.Popen(
        [sys.executable, "-m", "contracts", *words],
        stdout=writing,
        stderr=writing,
        env={**os.environ, **shown},
    ) as process:
        os.close(writing)
        found = b""
        while chunk := read_chunk(reading):
            found += chunk
        process.wait()
    os.close(reading)
    return found.decode()


def read_chunk(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal ends on Linux
        return b""


COLOR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


def test_no_color_prints_no_color():
    words = ["run", "tokenhub", "--no-fuzz", "--no-second-opinion", "--only=/n/"]

    assert COLOR.search(in_a_terminal(*words))
    assert not COLOR.search(in_a_terminal(*words, "--no-color"))
    assert not COLOR.search(in_a_terminal(*words, NO_COLOR="1"))


def test_no_color_ends_with_its_command(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)

    CliRunner().invoke(main, ["compare", "tokenhub", "openai", "--no-color"])

    assert "NO_COLOR" not in os.environ


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["sandwitch"], "Did you mean 'sandwich'?"),
        (["run", "--agianst=http://x"], "Did you mean '--against'?"),
        (["serve", "--prot=1"], "Did you mean"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_right_one(words, hint):
    result = CliRunner().invoke(main, words)

    assert result.exit_code == 2
    assert hint in result.stderr.replace('"', "'")
    assert len(result.stderr.splitlines()) == 1


def test_the_help_lists_options_in_sections():
    shown = CliRunner().invoke(main, ["run", "--help"]).output

    sections = re.findall(r"^(\w[\w ]*):$", shown, re.MULTILINE)
    assert sections == [
        *("Server under test", "Test cases", "Comparison", "Recordings", "Reports"),
        "Output",
    ]
    server = shown.partition("Server under test:")[2].partition("Test cases:")[0]
    for option in ("--against", "--header", "--auth", "--model", "--operations"):
        assert option in server


ONE = "tokenhub=http://127.0.0.1:1/v1"
MISUSED = {
    "a header without servers": (["tokenhub", "--header=a=B"], "--header: name serv"),
    "an operation without servers": (["--operations=createImage"], "PROVIDER=URL"),
    "a document among servers": ([ONE, "openai"], "openai: give the URL of each"),
    "a page of servers": ([ONE, "--html=a.html"], "--html does not go with servers"),
    "servers on stdout": ([ONE, "--json=-"], "--json - does not go with servers"),
    "one server": ([ONE, "--auth=none"], "there is only one target"),
    "an unknown operation": (
        [ONE, f"b:{ONE}", "--auth=none", "--operations=x"],
        "'x', only createImage, createImageEdit",
    ),
}


@pytest.mark.parametrize(("words", "said"), MISUSED.values(), ids=MISUSED.keys())
def test_compare_rejects_what_does_not_go_together(words, said):
    result = CliRunner().invoke(main, ["compare", *words])

    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_compare_sends_the_same_requests_to_gateways(mock, monkeypatch, tmp_path):
    monkeypatch.setenv("EXTRA", SECRET)
    monkeypatch.setenv("KEY", KEY)
    wants = {"headers": {"x-extra": SECRET}, "query": "v=1", "auth": "header:api-key"}
    path = tmp_path / "differences.json"
    with (
        gateways.gateway(mock.url, **wants) as (one, first),
        gateways.gateway(mock.url, **wants) as (_, second),
    ):
        urls = [f"{each}/tokenhub/api/v1?v=1" for each in (first, second)]
        result = CliRunner().invoke(
            main,
            [
                *("compare", f"a:tokenhub={urls[0]}", f"b:tokenhub={urls[1]}"),
                *("--header", "x-extra=EXTRA", "--auth", "header:api-key"),
                *("--key-env", "KEY", "--only", "createImage/n", "--json", str(path)),
            ],
        )

    assert result.exit_code == 0, result.output
    assert len(one.requests) > 3
    assert json.loads(path.read_text())["differences"] == []
    assert SECRET not in path.read_text() + result.output
