"""The workflow for submissions: its steps are run by bash, as a runner runs them."""

import shutil
import subprocess

import pytest
from click.testing import CliRunner
from support.paths import ROOT
from support.submissions import write_submission
from support.workflows import Machine

from contracts.cli.main import main as imageparity
from contracts.published.__main__ import main
from contracts.report.model import Report

WORKFLOW = ROOT / ".github" / "workflows" / "results.yml"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("bash") and shutil.which("git")),
        reason="bash and git run the steps, and are not here",
    ),
]


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", *who, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_a_pull_request_with_a_submission_is_verified(tmp_path):
    bundle, report = tmp_path / "run.zip", tmp_path / "run.jsonl"
    files = ("--bundle", str(bundle), "--report", str(report))
    options = ("--only", "createImage/request/n/type", "--no-fuzz", *files)
    CliRunner().invoke(imageparity, ["run", "tokenhub", *options])
    day = Report.read(report).metadata.started[:10]
    machine = Machine(tmp_path)
    site = machine.folder / "site"
    earlier = write_submission(site, f"tokenhub/{day}-earlier", bundle)
    git(machine.folder, "init", "--quiet", "--initial-branch=main")
    git(machine.folder, "add", ".")
    git(machine.folder, "commit", "--quiet", "--message=before")
    base = git(machine.folder, "rev-parse", "HEAD")
    machine.github = {"event": {"pull_request": {"base": {"sha": base}}}}

    shutil.rmtree(earlier)
    added = write_submission(site, f"tokenhub/{day}-added", bundle)
    CliRunner().invoke(main, [str(site)])
    git(machine.folder, "add", "--all")
    git(machine.folder, "commit", "--quiet", "--message=after")
    good = machine.job(WORKFLOW)[-1]
    (added / "result.yaml").write_text("grade: reproduced\n")
    bad = machine.job(WORKFLOW)[-1]

    assert good.status == 0, good.said
    assert good.said.startswith(f"site/results/tokenhub/{day}-added:\n  Verified: ")
    assert "earlier" not in good.said
    assert (bad.name, bad.status) == ("verify", 1)
    assert "remove 'grade'" in bad.said
