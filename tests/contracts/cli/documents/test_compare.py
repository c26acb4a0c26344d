"""`imageparity compare` from the command line."""

import fcntl
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import termios
from importlib.resources import files

import pytest
from click.testing import CliRunner

import specs
from contracts.cli.main import main
from contracts.compare import Comparison, compare
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import Report, RunMetadata, TargetRecord
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator

pytestmark = pytest.mark.slow


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words):
        return CliRunner().invoke(main, ["compare", *map(str, words)])

    return run


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare([specs.load(name) for name in specs.names()])


@pytest.fixture(scope="module")
def ranking() -> str:
    """The output without arguments."""
    made = CliRunner(env={"COLUMNS": "80"}).invoke(main, ["compare"])
    assert made.exit_code == 0
    return made.stdout


def test_many_providers_are_ranked_and_not_listed(ranking, found):
    text = ranking

    assert max(map(len, text.splitlines())) <= 80
    differing, total = len(found.differing_rows), len(found.rows)
    assert text.startswith(f"{differing} of {total} features differ.\n")
    reference = next(
        name for name in specs.names() if specs.load(name).dialect.is_reference
    )
    counts = {
        each.id: sum(
            row.cells[reference].letter != row.cells[each.id].letter
            for row in found.rows
        )
        for each in found.providers
        if each.id != reference
    }
    ranked = re.findall(r"^(\d+) .* (\S+) +(\d+): \d+ stated diff", text, re.MULTILINE)
    assert [int(number) for number, *_ in ranked] == [*range(1, len(counts) + 1)]
    assert {id_: int(count) for _, id_, count in ranked} == counts
    assert [int(count) for *_, count in ranked] == sorted(counts.values())[::-1]
    assert len(text.splitlines()) < 60


def test_the_ranking_names_commands_that_show_more(run, ranking):
    commands = dict(re.findall(r"(.*\S) +imageparity compare (.*)", ranking))

    assert commands["two providers"].split()[0] == "openai"
    assert commands["everything"] == "--all"
    feature = run(*shlex.split(commands["a feature of all"]))
    assert feature.exit_code == 0
    assert header(feature.stdout) == ["feature", "value", "providers"]


def test_all_that_differs_can_be_read_in_80_columns(run, found):
    result = run("--all")

    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    text = {line[:24].strip() for line in result.stdout.splitlines()}
    for row in found.rows:
        assert any(row.feature.startswith(each) for each in text if each), row.id


def test_the_first_line_ranks_providers(run):
    few = ("openai", "tikhub", "llmapi", "tokenhub")
    text = " ".join(run(*few).stdout.partition("\n\n")[0].split())

    found = compare([specs.load(name) for name in few])
    counts = {
        each.title: sum(
            row.cells["openai"].letter != row.cells[each.id].letter
            for row in found.rows
        )
        for each in found.providers
        if each.id != "openai"
    }
    first = max(counts, key=counts.__getitem__)
    differing, total = len(found.differing_rows), len(found.rows)
    assert text.startswith(
        f"{differing} of {total} features differ; furthest from "
        f"{specs.reference_title()}: {first} in {counts[first]} "
    )
    for title, count in counts.items():
        assert f"{title} in {count}" in text


def test_no_provider_is_furthest_from_a_reference_that_is_not_compared(run):
    assert "furthest" not in run("tikhub", "llmapi", "tokenhub").stdout


def header(text: str) -> list[str]:
    return next(x for x in text.splitlines() if x.startswith("feature ")).split()


def test_a_wide_terminal_has_a_column_for_each_provider(run, monkeypatch):
    few = ("tikhub", "llmapi", "openai", "tokenhub", "aihubmix")
    assert header(run(*few).stdout) == ["feature", "value", "providers"]
    monkeypatch.setenv("COLUMNS", "200")

    text = run(*few).stdout

    first, *others = header(text)[1:]
    assert specs.load(first).dialect.is_reference
    assert {first, *others} == set(few)
    assert max(map(len, text.splitlines())) <= 200
    assert "  as openai  " in text


def test_rules_are_in_words(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")

    text = run("openai", "aihubmix", "--only", "createImage/request/size").stdout

    assert "5 rules" not in text
    words = " ".join(text.split())
    assert "both edges divisible by 16" in words
    assert "ratio at most 3:1" in words
    assert "at least 655,360 pixels" in words


def test_features_without_difference_are_shown_with_all(run):
    words = ("openai", "tikhub", "tokenhub", "--only", "transport/*")
    short = run(*words)
    whole = run(*words, "--all")

    assert "  authorization  " not in short.stdout
    assert "  authorization  " in whole.stdout
    assert "--all" in short.stdout


def test_sources_and_contradictions_are_shown_on_request(run):
    text = run("openai", "tokenhub").stdout

    assert "(S4)" not in text
    assert "https://tokenhub.store/zh-CN" not in text
    assert "Contradictions" not in text
    assert "--sources also shows the page of each value and " in text.splitlines()[-1]


def test_each_source_is_named_and_explained(run):
    text = run("openai", "tokenhub", "--sources").stdout

    assert "openai (R-spec)" in text
    assert "tokenhub (S4)" in text
    assert "https://tokenhub.store/zh-CN/guide/gpt-image-2" in text
    assert "S0 " not in text


def test_what_the_provider_itself_does_not_document_is_marked(run):
    words = ("openai", "llmapi", "--only", "*/events/*")
    text = run(*words, "--sources").stdout

    assert "llmapi (R-spec)*" in text
    assert "* not documented by the provider's own pages" in text
    assert "llmapi*" in run(*words).stdout


def test_cells_with_equal_values_show_their_differing_facts(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")

    text = run("openai", "aihubmix", "--only", "createImage/answer/data[[]].url").stdout

    assert "optional; format uri" in text
    assert "optional; no format" in text


def test_contradictions_are_shown_with_both_sides(run):
    words = ("tokenhub", "--only", "createImage/request/size", "--sources")
    text = " ".join(run(*words).stdout.split())

    assert "Contradictions within a provider's pages: 1" in text
    assert "4096x4096 is an example of the dearest size (S4#pricing)" in text
    assert "the list is the contract" in text
    explained = CliRunner().invoke(main, ["explain", "DOC-SELF"])
    assert "imageparity compare" in " ".join(explained.stdout.split())


def in_a_terminal(*words: str, height: int, answer: bytes = b"") -> str:
    """The output of `compare` in a terminal whose pager numbers the lines."""
    ours, theirs = os.openpty()
    size = struct.pack("HHHH", height, 100, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"COLUMNS", "LINES", "NO_COLOR"}
    }
    program = "import sys; from contracts.cli.main import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", program, "compare", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "PAGER": "cat -n", "TERM": "xterm"},
    ):
        os.close(theirs)
        os.write(ours, answer)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            parts.append(part)
    os.close(ours)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    ("words", "height", "is_paged"),
    [
        ((), 40, True),
        (("--no-pager",), 40, False),
        (("--only", "money"), 40, False),
        (("--only", "money"), 3, True),
    ],
)
def test_output_longer_than_the_terminal_is_shown_in_a_pager(words, height, is_paged):
    text = in_a_terminal("openai", "tikhub", *words, height=height)

    assert "differ" in text
    assert ("     1\t" in text) == is_paged


def test_a_terminal_is_asked_which_providers_to_compare():
    text = in_a_terminal(height=400, answer=b"nobody\ntokenhub\n")

    assert "Compare which?" in text
    assert "No provider has the number or id nobody." in text
    shown = re.sub(r"\x1b\[[\d;]*m", "", text.rpartition("Compare which?")[2])
    assert header(shown) == ["feature", "openai", "tokenhub"]


def test_json_goes_to_stdout_alone(run, found):
    value = json.loads(run("--json", "-").stdout)

    schema = compile_validator(
        read_yaml(files("contracts.reporters.comparison"), "comparison.schema.yaml")
    )
    assert list(schema.iter_errors(value)) == []
    assert [each["id"] for each in value["rows"]] == [each.id for each in found.rows]


def test_json_is_written_to_a_file_beside_the_table(run, tmp_path):
    file = tmp_path / "new" / "comparison.json"

    result = run("openai", "tikhub", "--only", "money", "--json", file)

    assert f"json: {file}" in result.stdout
    assert [row["id"] for row in json.loads(file.read_text())["rows"]] == [
        "money/price"
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nobody"], "nobody"),
        (["--only", "nothing/of/it"], "--only nothing/of/it"),
        (["--report", "no-such-file"], "cannot be read"),
        (["--json", "/proc/nowhere/file"], "cannot be written"),
    ],
)
def test_a_mistake_is_explained_on_one_line(run, words, problem):
    result = run(*words)

    assert result.exit_code == 2
    assert problem in result.stderr.replace("\n", " ")


@pytest.fixture
def report(tmp_path):
    """The report of a run of OpenAI without cases."""
    target = TargetRecord("openai", "OpenAI", "http://x/v1", False, "1", 0, None)
    made = Report(RunMetadata("1", "2026-11-21T00:00:00+00:00", 0, (target,)), ())
    made.write(tmp_path / "report.jsonl")
    return tmp_path / "report.jsonl"


def test_reports_add_the_number_of_violations(run, report):
    result = run("openai", "tokenhub", "--report", report)

    assert result.exit_code == 0
    assert "! 0 features in which a server violates its document" in result.stdout
    assert "Tasks are compared by documents alone" in " ".join(result.stdout.split())


def test_a_report_about_another_provider_is_rejected(run, report):
    result = run("tokenhub", "--report", report)

    assert result.exit_code == 2
    assert "no report has tests of tokenhub" in result.stderr


def test_a_run_shows_the_verdicts_on_fields(monkeypatch):
    words = ["run", "tokenhub", "--no-fuzz", "--only", "createImage/request/n/"]

    result = CliRunner().invoke(main, words)

    assert result.exit_code == 0
    assert f"TokenHub, parameters: 1 {FeatureVerdict.HONOURED}" in result.stdout
