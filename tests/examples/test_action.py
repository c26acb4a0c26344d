"""The GitHub Action: its steps are run by bash, as a runner runs them."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.relays import on_refusal, relay, replace
from support.workflows import ROOT, Machine

from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread

KEY = {"TOKENHUB_API_KEY": "th-very-secret"}
BRIEF = {
    "IMAGEPARITY_RUN_ONLY": "createImage/request/n/",
    "IMAGEPARITY_RUN_NO_FUZZ": "1",
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("bash"), reason="bash runs the steps, and is not here"
    ),
]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, **KEY, **BRIEF)


@pytest.fixture(scope="module")
def faulty_relay(mock):
    """A gateway that answers 500 where it should refuse."""
    crash = on_refusal(lambda said: replace(said, status=500))
    with serve_in_thread(relay(mock.url, answer=crash)) as (url, _):
        yield f"tokenhub={url}/tokenhub/api/v1"


def test_a_sound_gateway_passes_and_everything_is_written(machine, mock):
    done = machine.action(targets=f"tokenhub={mock.url}/tokenhub/api/v1")

    assert (done.status, done.outputs["status"]) == (0, "0"), done.said
    folder = Path(done.outputs["folder"])
    assert Report.read(done.outputs["report"]).conforms
    assert ET.parse(folder / "junit.xml").getroot().tag == "testsuites"
    assert json.loads((folder / "badge.json").read_text())["message"] == "conforms"
    names = {each.name for each in folder.iterdir()}
    assert names == {
        *("report.jsonl", "index.html", "summary.md", "junit.xml"),
        *("report.sarif", "ctrf.json", "badge.json"),
    }
    assert machine.summary.read_text() == (folder / "summary.md").read_text()
    assert machine.summary.read_text().startswith(
        "## The server conforms to the documentation of TokenHub"
    )


def test_a_gateway_that_breaks_promises_fails_until_they_are_accepted(
    machine, faulty_relay, mock
):
    new = machine.action(targets=faulty_relay)
    script = "imageparity gate $REPORT --baseline accepted.yaml --update"
    step = f"{{run: {script}, env: {{REPORT: {new.outputs['report']}}}}}"
    (update,) = machine.job(f"{{jobs: {{a: {{steps: [{step}]}}}}}}")
    told = machine.summary.read_text()
    known = machine.action(targets=faulty_relay, baseline="accepted.yaml")
    better = machine.action(
        targets=f"tokenhub={mock.url}/tokenhub/api/v1",
        baseline="accepted.yaml",
        strict_baseline="true",
    )

    assert (new.status, new.outputs["status"]) == (1, "1"), new.said
    assert "The server deviates from the documentation of" in told
    assert "th-very-secret" not in new.said + told
    assert (update.status, known.status) == (0, 0), known.said
    assert better.status == 1, better.said
    assert "The gate passes" in machine.summary.read_text().removeprefix(told)


def test_only_what_is_named_fails(machine, faulty_relay):
    done = machine.action(targets=faulty_relay, fail_on="rejects-valid")

    assert done.status == 0, done.said
    assert Report.read(done.outputs["report"]).broken


def test_a_run_that_was_stopped_fails_if_it_has_to_be_whole(machine, mock):
    target = f"tokenhub={mock.url}/tokenhub/api/v1"
    whole = {"baseline": "none.yaml", "whole": "true"}

    done = machine.action(targets=target, args="--max-cases 3", **whole)

    assert (done.status, done.outputs["status"]) == (3, "3"), done.said


HOSTILE = (
    """$(touch pwned) `touch pwned` ; touch pwned; ' && touch pwned " | touch pwned"""
)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (("providers", "targets", "args", "fail_on"), 2),
        (("baseline", "whole"), 0),
    ],
)
def test_no_input_is_ever_a_command(machine, mock, given, status):
    target = f"tokenhub={mock.url}/tokenhub/api/v1"

    sound = {"targets": target, "args": "--max-cases 3"}  # a baseline judges that far

    done = machine.action(**{**sound, **dict.fromkeys(given, HOSTILE)})

    assert not list(machine.folder.parent.rglob("pwned"))
    assert done.status == status, done.said


def test_a_name_that_looks_like_an_option_is_a_name(machine):
    done = machine.action(providers="--dry-run")

    assert (done.status, done.outputs["status"]) == (2, "2")
    assert "--dry-run: is not a known provider" in done.said


def test_an_old_python_is_told_what_to_do(machine):
    machine.program("python3", "exit 1")

    done = machine.action(providers="tokenhub")

    assert done.status == 2
    assert "::error::imageparity needs Python 3.11" in done.said


VENV = """\
if [ "$1" = -c ]; then exit 0; fi
mkdir -p "$3/bin"
cat > "$3/bin/pip" <<'END'
#!/usr/bin/env bash
printf '%s\\n' "${@: -1}" > "$0.log"
ln -s "$(command -v imageparity)" "$(dirname "$0")/imageparity"
END
chmod +x "$3/bin/pip"
"""


def test_it_installs_the_checkout_that_it_is_part_of(tmp_path):
    """In an environment of its own; `venv` and `pip` are played here."""
    machine = Machine(tmp_path, is_bare=True, **KEY, **BRIEF)
    machine.program("python3", VENV)

    done = machine.action(providers="tokenhub", args="--max-cases 1")

    assert (done.status, done.outputs["status"]) == (3, "3"), done.said
    (log,) = tmp_path.rglob("pip.log")
    folder, _, extras = log.read_text().strip().partition("[")
    assert (Path(folder).resolve(), extras) == (ROOT, "harness]")
