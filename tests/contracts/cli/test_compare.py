"""`imageparity compare` from the command line."""

import json
from importlib.resources import files

import pytest
from click.testing import CliRunner

import specs
from contracts.cli.main import main
from contracts.compare import Comparison, compare
from contracts.judging.outcome import FeatureVerdict
from contracts.report.model import Report, RunMetadata, TargetRecord
from specs.documents.yaml_files import read_yaml
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


def test_all_that_differs_is_shown_and_can_be_read_in_80_columns(run, found):
    result = run()

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(len(line) for line in lines if "://" not in line) <= 80
    for row in found.differing_rows:
        assert row.feature.split()[0] in result.stdout, row.id
    assert (
        f"differ in {len(found.differing_rows)} of {len(found.rows)}" in result.stdout
    )


def test_features_without_difference_are_shown_with_all(run, found):
    short = run("--only", "transport/*")
    whole = run("--only", "transport/*", "--all")

    assert "  authorization  " not in short.stdout
    assert "  authorization  " in whole.stdout
    assert "--all" in short.stdout


def test_each_source_is_named_and_explained(run, found):
    text = run("openai", "tokenhub").stdout

    assert "openai (R-spec)" in text
    assert "tokenhub (S4)" in text
    assert "https://tokenhub.store/zh-CN/guide/gpt-image-2" in text
    assert "S0 " not in text


def test_what_the_provider_itself_does_not_document_is_marked(run):
    text = run("openai", "llmapi", "--only", "*/events/*").stdout

    assert "llmapi (R-spec)*" in text
    assert "* not documented by the provider's own pages" in text


def test_cells_with_equal_values_name_their_differing_facts(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")

    text = run("openai", "aihubmix", "--only", "createImage/request/size").stdout

    assert text.count("(differing: size-gpt-image-2, size-of-any-model)") == 2


def test_contradictions_are_shown_with_both_sides(run):
    text = " ".join(
        run("tokenhub", "--only", "createImage/request/size").stdout.split()
    )

    assert "Contradictions within a provider's pages: 1" in text
    assert "4096x4096 is an example of the dearest size (S4#pricing)" in text
    assert "the list is the contract" in text
    explained = CliRunner().invoke(main, ["explain", "DOC-SELF"])
    assert "imageparity compare" in " ".join(explained.stdout.split())


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


def test_a_report_about_another_provider_is_rejected(run, report):
    result = run("tokenhub", "--report", report)

    assert result.exit_code == 2
    assert "no report has tests of tokenhub" in result.stderr


def test_a_run_shows_the_verdicts_on_fields(monkeypatch):
    words = ["run", "tokenhub", "--no-fuzz", "--only", "createImage/request/n/"]

    result = CliRunner().invoke(main, words)

    assert result.exit_code == 0
    assert f"TokenHub, parameters: 1 {FeatureVerdict.HONOURED}" in result.stdout
