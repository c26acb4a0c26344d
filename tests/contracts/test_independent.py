"""
Servers that others wrote, from the same pages, without our documents or our judge.

Right, they are not accused; with one fault each, they are found out.
"""

import importlib.util
from pathlib import Path

import pytest
import yaml
from test_miniatures import asked_of

from contracts.report import Finding, Report
from mockserver.embedding import served

FOLDER = Path(__file__).parents[1] / "independent"
EXPECTED = yaml.safe_load((FOLDER / "expected.yaml").read_text())
# What the pages leave open, and so do we: an address that nobody can fetch here, sizes
# below OpenAI's own minimum, several pictures in one edit. And a refusal with status
# 200, which we call accepted.
OPEN = {
    ("tokenhub", "edit-url-refused"),
    ("tokenhub", "error-as-200"),
    ("aihubmix", "gpt2-small-accepted"),
    ("aihubmix", "edit-second-image-ignored"),
    ("aihubmix", "error-as-200"),
}
DEFECTS = [
    (server, name)
    for server, defects in EXPECTED.items()
    for name in defects
    if (server, name) not in OPEN
]


def module_of(server: str):
    spec = importlib.util.spec_from_file_location(
        server, FOLDER / f"{server}_server.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def clean() -> dict[str, Report]:
    """What the harness says of each right server."""
    return {server: report_of(server) for server in EXPECTED}


def report_of(server: str, defect: str | None = None, **options) -> Report:
    app = module_of(server).create_app(defect)
    with served(app) as (url, _):
        return asked_of(server, url, "", **options)


@pytest.mark.parametrize("server", EXPECTED)
def test_a_right_server_breaks_no_promise(clean, server: str):
    assert clean[server].broken == ()


@pytest.mark.parametrize(("server", "name"), DEFECTS[::5])
def test_a_planted_defect_is_found(clean, server: str, name: str):
    known = {(each.check, each.claim) for each in clean[server].findings}
    expected = EXPECTED[server][name]

    def is_new(finding: Finding) -> bool:
        return (
            finding.kind == expected["kind"]
            and finding.claim.startswith(f"{expected['operation']}/")
            and (finding.check, finding.claim) not in known
        )

    report = report_of(
        server, name, until=is_new, fuzz=False, only=(f"{expected['operation']}/",)
    )

    assert any(is_new(finding) for finding in report.findings)
