"""The recipes of the documentation are workflows whose steps do what they say."""

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.documentation import TEXT
from support.http import serving_folder
from support.relays import on_refusal, relay, replace
from support.sources import write_cited_provider
from support.workflows import Machine

from contracts.cli.main import main
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

HERE = Path(__file__).parent / "recipes"
RECIPES = sorted(HERE.glob("*.yml"))
BRIEF = {
    "IMAGEPARITY_RUN_ONLY": "createImage/request/n/",
    "IMAGEPARITY_RUN_NO_FUZZ": "1",
}
CODE = """\
import pytest
from openai import OpenAI


@pytest.mark.parametrize("member", ["url", "b64_json"])
def test_a_poster_is_read(openai_env, member):
    with OpenAI() as client:
        answer = client.images.generate(model="gpt-image-2", prompt="A paper boat")
    assert getattr(answer.data[0], member)
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("bash") and shutil.which("curl")),
        reason="bash and curl run the steps, and are not here",
    ),
]


def uploaded(steps):
    """The files that the upload step was given."""
    (step,) = (each for each in steps if each.name.startswith("actions/upload"))
    return {each.name for each in Path(step.given["path"]).iterdir()}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda each: each.stem)
def test_a_recipe_is_in_the_documentation_as_it_is_and_gives_no_rights(recipe):
    text = recipe.read_text(encoding="utf-8")
    found = yaml.safe_load(text)

    assert found["permissions"] == {"contents": "read"}
    assert f"```yaml\n{text}```\n" in TEXT


def test_a_gateway_is_checked_once_it_is_started(tmp_path, mock):
    crash = on_refusal(lambda said: replace(said, status=500))
    with serve_in_thread(relay(mock.url, answer=crash)) as (url, _):
        machine = Machine(tmp_path, GATEWAY=f"{url}/tokenhub/api/v1", **BRIEF)
        machine.program("start-gateway", "echo started", machine.folder)

        steps = machine.job(HERE / "gateway.yml", GATEWAY_KEY="th-very-secret")

    (parity,) = (each for each in steps if each.name == "imageparity")
    assert (parity.status, parity.outputs["status"]) == (1, "1"), parity.said
    assert (machine.folder / "gateway.log").read_text() == "started\n"
    assert "report.sarif" in uploaded(steps)
    assert "th-very-secret" not in "".join(each.said for each in steps)


def test_the_drift_of_a_night_costs_no_more_than_it_may(tmp_path, mock):
    machine = Machine(
        tmp_path, LIVE=f"{mock.url}/tokenhub/api/v1", IMAGEPARITY_RUN_RATE="6000"
    )

    steps = machine.job(HERE / "drift.yml", TOKENHUB_API_KEY="th-very-secret")

    (parity,) = (each for each in steps if each.name == "imageparity")
    report = Report.read(parity.outputs["report"])
    assert parity.status == 0, parity.said
    assert report.stopped == "budget"
    assert report.outcomes
    assert report.cost() <= 1
    assert "report.jsonl" in uploaded(steps)


GH = """\
echo "$@" >> gh.log
if [ "$1 $2" = "issue list" ] && [ -f open ]; then echo 7; fi
"""


def test_doubtful_claims_open_an_issue_or_comment_on_it(tmp_path):
    page = "# Guide\n" + "Prose of the page that says little. " * 5 + "\n## n\n"
    machine = Machine(tmp_path, IMAGEPARITY_SOURCES_SOURCE="mine")
    pages = tmp_path / "pages"
    folder = machine.folder / "providers"
    pages.mkdir()
    with serving_folder(pages) as url:
        write_cited_provider(folder, "mine", f"{url}/guide.txt")
        (pages / "guide.txt").write_text(page + "At most 4 images.")
        words = ["sources", "mine", "--specs", str(folder), "--record"]
        assert CliRunner().invoke(main, words).exit_code == 0
        (pages / "guide.txt").write_text(page + "At most 8 images.")
        machine.program("gh", GH)

        machine.job(HERE / "sources.yml")
        (machine.folder / "open").touch()
        machine.job(HERE / "sources.yml")
        first = (machine.folder / "issue.md").read_text()
        (pages / "guide.txt").write_text(page + "Up to 4 images.")
        steps = machine.job(HERE / "sources.yml")

    calls = [
        " ".join(line.split()[:3]).partition(" --search")[0]
        for line in (machine.folder / "gh.log").read_text().splitlines()
    ]
    assert calls == [
        "issue list",
        "issue create --title",
        "issue list",
        "issue comment 7",
    ]
    assert "#n: gone 4; new 8" in first
    assert [each.status for each in steps] == [0] * 5


def test_code_is_told_whether_it_is_ready(tmp_path):
    machine = Machine(tmp_path)
    (machine.folder / "test_code.py").write_text(CODE)

    steps = machine.job(HERE / "ready.yml")

    (tests,) = (each for each in steps if each.name.startswith("pytest"))
    assert tests.status == 1
    assert "FAILED test_code.py::test_a_poster_is_read[b64_json]" in tests.said
    assert "1 failed, 1 passed" in tests.said
    told = " ".join(machine.summary.read_text().split())
    assert "REQ-RENAMED 1 A field has another name output_format" in told
