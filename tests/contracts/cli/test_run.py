"""The command line: exit statuses, files and error messages."""

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from support.commands import run_command
from support.relays import on_refusal, relay, replace

import mockserver
from contracts.cli.main import main
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow


def contracts(*words: object, env: dict[str, str] | None = None, **options):
    return run_command(*words, **options, **(env or {}))


KEY = {"TOKENHUB_API_KEY": "th-very-secret"}


@pytest.mark.parametrize(
    ("base_url", "option"),
    [("https://example.com/v1", "--live"), ("http://127.0.0.1:1/v1", "--key-env")],
)
def test_an_error_of_the_command_names_options_and_no_arguments_of_python(
    monkeypatch, base_url, option
):
    monkeypatch.delenv("TOKENHUB_API_KEY", raising=False)

    result = CliRunner().invoke(main, ["run", "tokenhub", "--against", base_url])

    assert result.exit_code == 2
    assert option in result.stderr
    assert "Python" not in result.stderr


def test_a_run_writes_every_report_and_conforms(tmp_path):
    paths = {
        name: tmp_path / "new" / f"r.{name}"
        for name in ("report", "html", "junit", "markdown", "sarif")
    }
    words = [word for name, path in paths.items() for word in (f"--{name}", path)]

    command = [sys.executable, "-m", "contracts", "run", "tokenhub", "--no-fuzz"]
    done = subprocess.run(
        [*command, *words], capture_output=True, check=False, text=True
    )

    assert (done.returncode, "TokenHub" in done.stdout) == (0, True)
    assert Report.read(paths["report"]).conforms
    assert_follows_its_schema(paths["report"])
    assert paths["html"].read_text().startswith("<!DOCTYPE html>")
    assert ET.parse(paths["junit"]).getroot().tag == "testsuites"
    assert json.loads(paths["sarif"].read_text())["version"] == "2.1.0"
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "new", *paths.values()])
    assert "Traceback" not in done.stderr


def assert_follows_its_schema(report: Path) -> None:
    text = (files("contracts.report") / "report.schema.yaml").read_text()
    schema = Draft202012Validator(yaml.safe_load(text))
    for line in report.read_text().splitlines():
        schema.validate(json.loads(line))


def test_a_server_that_violates_a_claim_fails(mock, tmp_path):
    path = tmp_path / "report.jsonl"
    crash = on_refusal(lambda said: replace(said, status=500))
    with serve_in_thread(relay(mock.url, answer=crash)) as (url, _):
        done = contracts(
            "run",
            "tokenhub",
            "--against",
            f"{url}/tokenhub/api/v1",
            "--no-fuzz",
            "--only",
            "createImage/request/n/",
            "--report",
            path,
            env=KEY,
        )

    assert done.returncode == 1
    assert_follows_its_schema(path)
    assert "crash" in done.stdout
    assert "Every invalid createImage request fails with status 500" in done.stdout
    assert "n must be at least 1 (createImage/request/n/minimum)" in done.stdout
    assert "th-very-secret" not in done.stdout + path.read_text()
    assert contracts("show", path).returncode == 1
    assert contracts("show", path, "--format", "markdown").stdout.startswith("#")


def test_every_run_saves_its_report_which_show_reads(tmp_path):
    words = ("run", "tokenhub", "--no-fuzz", "--only", "createImage/request/n/")

    dry = contracts(*words, "--dry-run", cwd=tmp_path)
    nothing = contracts("show", cwd=tmp_path)

    assert (dry.returncode, list(tmp_path.iterdir())) == (0, [])
    assert nothing.returncode == 2
    assert "there is no .imageparity/last.jsonl" in nothing.stderr

    done = contracts(*words, cwd=tmp_path)
    folder = tmp_path / ".imageparity"

    assert done.stdout.splitlines()[-1].endswith("saved as .imageparity/last.jsonl")
    assert sorted(each.name for each in folder.iterdir()) == [
        *(".gitignore", "last.jsonl")
    ]
    assert Report.read(folder / "last.jsonl").conforms
    shown = contracts("show", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "TokenHub conforms to its documentation" in " ".join(shown.stdout.split())


def test_a_report_that_cannot_be_saved_is_a_warning(tmp_path):
    (tmp_path / ".imageparity" / "last.jsonl").mkdir(parents=True)
    words = ("run", "tokenhub", "--no-fuzz", "--only", "createImage/request/n/")

    done = contracts(*words, cwd=tmp_path)

    assert done.returncode == 0
    assert "Warning: .imageparity/last.jsonl cannot be saved: " in done.stderr
    assert "saved as" not in done.stdout


def test_a_terminal_shows_planning_and_counts_test_cases(tmp_path):
    server = on_refusal(lambda said: replace(said, status=500))
    words = ("run", "--no-fuzz", "--only", "createImage/request/n/")
    with (
        mockserver.running("tokenhub") as mock,
        serve_in_thread(relay(mock.url, answer=server)) as (url, _),
    ):
        target = f"tokenhub={mock.base_url.replace(mock.url, url)}"
        done = contracts(
            *(*words, target), cwd=tmp_path, env={**KEY, "FORCE_COLOR": "1"}
        )

    report = Report.read(tmp_path / ".imageparity" / "last.jsonl")
    failed = [each for each in report.outcomes if each.status == 500]
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stderr)
    assert len(failed) > 1
    assert text.index("Planning …") < text.index("Planning TokenHub …")
    last = text.splitlines()[-1]
    cases = len(report.outcomes)
    assert re.search(rf"{cases}/{cases} test cases \d+:\d\d:\d\d", last)
    assert last.rstrip().endswith(f" {len(failed)} failed")


def test_a_server_that_cannot_be_tested_keeps_the_results_of_others(tmp_path):
    words = ("run", "--no-fuzz", "--only", "createImage/request/n/")
    words += ("openai=http://127.0.0.1:1/v1", "--report", "report.jsonl")
    with mockserver.running("tokenhub") as mock:
        done = contracts(
            *(*words, f"tokenhub={mock.base_url}"),
            cwd=tmp_path,
            env={**KEY, "OPENAI_API_KEY": "k"},
        )

    assert done.returncode == 2
    assert "Error: " in done.stderr
    assert "http://127.0.0.1:1" in done.stderr
    report = Report.read(tmp_path / "report.jsonl")
    assert [each.provider for each in report.metadata.targets] == ["tokenhub"]
    assert {each.provider for each in report.outcomes} == {"tokenhub"}


def test_max_cases_stops_the_run_with_status_3(tmp_path):
    path = tmp_path / "report.jsonl"

    done = contracts(
        "run", "tokenhub", "--no-fuzz", "--max-cases", "5", "--report", path
    )

    assert done.returncode == 3
    report = Report.read(path)
    assert (len(report.outcomes), report.stopped) == (5, "budget")


def test_a_budget_is_never_exceeded(tmp_path):
    path = tmp_path / "report.jsonl"
    words = ["--no-fuzz", "--only", "createImage/request/n/", "--budget", "1.4"]
    with mockserver.running("tokenhub") as mock:
        target = ["--against", mock.base_url, "--report", path]
        done = contracts("run", "tokenhub", *target, *words, env=KEY)
        requests = len(mock.journal())

    report = Report.read(path)
    assert (done.returncode, report.stopped) == (3, "budget")
    assert 0 < report.cost() <= 1.4
    assert requests == len(report.outcomes)


def test_an_interrupted_run_leaves_a_readable_report(tmp_path):
    path = tmp_path / "report.jsonl"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "contracts", "run", "tokenhub", "llmapi"),
            *("--no-fuzz", "--report", path),
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()  # the tests of the first provider have begun

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 3
    assert Report.read(path).stopped == "interrupt"
    assert "Traceback" not in said


def test_an_interrupted_comparison_writes_its_differences_so_far(tmp_path):
    path = tmp_path / "report.json"
    with mockserver.running("tokenhub", "aihubmix", latency="40..60") as mock:
        urls = [f"{name}={url}" for name, url in mock.base_urls.items()]
        words = ["run", *urls, "--same-questions", "--report", str(path)]
        process = subprocess.Popen(
            [sys.executable, "-m", "contracts", *words],
            env={**os.environ, **KEY, "AIHUBMIX_API_KEY": "k"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        mock.wait_for(20, timeout=60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (3, "")
    stopped = [each["stopped"] for each in json.loads(path.read_text())["targets"]]
    assert stopped == ["interrupted", "interrupted"]


WRONG_WORDS = {
    "unknown provider": (["run", "nobody"], {}, "nobody"),
    "unknown option": (["run", "--fast"], {}, "--fast"),
    "unknown verb": (["race"], {}, "race"),
    "no key": (
        ["run", "tokenhub", "--against", "http://127.0.0.1:1"],
        {},
        "TOKENHUB_API_KEY",
    ),
    "other key": (
        ["run", "tokenhub", "--against", "http://127.0.0.1:1", "--key-env", "MINE"],
        {},
        "MINE",
    ),
    "nobody there": (
        ["run", "tokenhub", "--against", "http://127.0.0.1:1/v1"],
        KEY,
        "127.0.0.1:1",
    ),
    "no address": (["run", "tokenhub", "--against", "tokenhub"], KEY, "base URL"),
    "no provider named": (["run", "--against", "http://127.0.0.1:1"], KEY, "name it"),
    "far away": (
        ["run", "tokenhub", "--against", "https://tokenhub.example/v1"],
        KEY,
        "--live",
    ),
    "budget for a mock": (["run", "--budget", "1"], {}, "--against"),
    "unwritable": (["run", "--html", "/proc/x/report.html"], {}, "/proc/x/report.html"),
    "folder": (["run", "--html", "/tmp"], {}, "/tmp"),
    "no report": (["show", "/nowhere.jsonl"], {}, "/nowhere.jsonl"),
    "bad specs": (["compare", "--specs", "/nowhere"], {}, "/nowhere"),
}


@pytest.mark.parametrize(
    ("folder", "parent"),
    [("providers/mine", "providers"), ("mine", "{here}"), (".", "{here.parent}")],
)
def test_the_folder_of_a_provider_is_no_folder_of_providers(
    folder, parent, tmp_path, monkeypatch
):
    mine = tmp_path / folder
    mine.mkdir(parents=True, exist_ok=True)
    for name in ("openapi.yaml", "dialect.yaml"):
        (mine / name).write_text("")
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, ["compare", "--specs", folder])

    assert result.exit_code == 2
    parent = parent.format(here=tmp_path)
    said = f"Error: {folder} is itself a provider: give --specs {parent}\n"
    assert result.stderr == said


@pytest.mark.parametrize(
    ("words", "env", "named"), WRONG_WORDS.values(), ids=WRONG_WORDS.keys()
)
def test_an_error_is_one_line_with_status_2(words, env, named):
    done = contracts(*words, env=env)

    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_truncated_report_is_rejected(tmp_path):
    path = tmp_path / "report.jsonl"
    contracts("run", "tokenhub", "--no-fuzz", "--max-cases", "3", "--report", path)
    path.write_text(path.read_text().rpartition('{"type": "footer"')[0])

    done = contracts("show", path)

    assert done.returncode == 2
    assert "cut short" in done.stderr


def test_a_dry_run_lists_cases_and_a_cost_estimate():
    done = contracts("run", "tokenhub", "--dry-run", "--no-fuzz")

    assert done.returncode == 0
    assert "createImage/request/n/maximum/above-maximum-10" in done.stdout
    assert "USD" in done.stdout.splitlines()[-1]


def test_claims_are_listed_with_source_and_place():
    done = contracts("claims", "tokenhub", "--json")

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert {row["provider"] for row in rows} == {"tokenhub"}
    assert all(row["source"] and row["mock"] for row in rows)
    assert all(row["asked"] for row in rows if row["basis"] == "documented")


def test_documents_are_compared_without_requests():
    done = contracts("compare", "openai", "tokenhub")

    assert done.returncode == 0
    assert "`format`" in done.stdout


def test_the_same_requests_are_sent_to_two_mocks(tmp_path):
    """Two mocks differ only where their documents differ."""
    report, page = tmp_path / "report.json", tmp_path / "report.md"
    words = ["run", "tokenhub", "aihubmix", "--same-questions"]

    files = ["--report", str(report), "--markdown", str(page)]
    result = CliRunner().invoke(main, [*words, "--only", "size", *files])

    assert result.exit_code == 0, result.output
    found = json.loads(report.read_text())
    assert {each["label"] for each in found["targets"]} == {"tokenhub", "aihubmix"}
    assert found["differences"]
    assert "none where the documents agree" in result.output
    assert "tokenhub" in page.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tokenhub", "--same-questions"], "name another"),
        (["tokenhub", "--unlisted"], "--same-questions"),
        (["tokenhub", "openai", "--same-questions", "--html", "x.html"], "--markdown"),
        (["tokenhub", "openai", "--same-questions", "--dry-run"], "--dry-run"),
        (["tokenhub", "openai", "--same-questions", "--max-cases", "9"], "--max-cases"),
        (
            [
                *("tokenhub", "openai", "--same-questions"),
                *("--sarif-document", f"openai={__file__}"),
            ],
            "--sarif-document does not go with",
        ),
        (["tokenhub", "--sarif-document", f"tokenhub={__file__}"], "SARIF output"),
        (
            ["tokenhub", "--sarif", "x", "--sarif-document", f"openai={__file__}"],
            "openai: it is not tested here",
        ),
        (["a:tokenhub=http://127.0.0.1:1", "b:tokenhub=http://127.0.0.1:2"], "both"),
        (["tokenhub", "--only", "no-such-case"], "no case has it"),
    ],
)
def test_incompatible_options_are_rejected(words, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENHUB_API_KEY", "k")

    result = CliRunner().invoke(main, ["run", *words])

    assert result.exit_code == 2
    assert said in result.output


def test_a_generated_case_with_a_finding_is_sent_again_in_the_next_run(mock, tmp_path):
    """The server fails for a generated prompt, which the examples folder then has."""

    def crash(said):
        prompt = said.asked.get("prompt", "")
        is_odd = said.is_success and not prompt.isascii() and len(prompt) > 9
        return said.with_json({"error": "sorry"}, status=500) if is_odd else said

    kept, report = tmp_path / "kept", tmp_path / "report.jsonl"
    with serve_in_thread(relay(mock.url, answer=crash)) as (url, _):
        base = f"{url}/tokenhub/api/v1"
        words = ["run", "tokenhub", "--against", base, "--no-second-opinion"]
        words += ["--only", "createImage/request/fuzz", "--only", "remembered"]
        runs = []
        for seed in range(8):
            seeded = [*words, "--seed", seed, "--examples", kept, "--report", report]
            runs.append(contracts(*seeded, env=KEY))
            if runs[-1].returncode == 1:
                break
        again = [*words, "--examples", kept, "--report", report, "--seed", 99]
        contracts(*again, env=KEY)

    assert runs[-1].returncode == 1, runs[-1].stderr
    last = Report.read(report).outcomes[-1]
    assert last.origin == "remembered"
    assert last.findings
