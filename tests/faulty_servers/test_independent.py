"""
Servers that others wrote, from the same pages, without our documents or our judge.

Right, they are not accused; with one fault each, they are found out.
"""

import pytest
from support.campaigns import run_against
from support.independent import EXPECTED, serving

from contracts.report.model import Finding

pytestmark = pytest.mark.slow

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


# Where a right server differs from what nobody promised: known, and no defect.
DIFFERING = {"error-status", "member", "request-id"}


@pytest.mark.parametrize("server", EXPECTED)
def test_a_right_server_breaks_no_promise(server: str):
    with serving(server) as base_url:
        report = run_against(server, base_url)

    assert report.broken == ()
    checks = {each.check for each in report.findings if each.kind != "rejects-valid"}
    assert checks <= DIFFERING


@pytest.mark.parametrize(("server", "name"), DEFECTS[::7])
def test_a_planted_defect_is_found(server: str, name: str):
    expected = EXPECTED[server][name]

    def is_it(finding: Finding) -> bool:
        return (
            finding.kind == expected["kind"]
            and finding.claim.startswith(f"{expected['operation']}/")
            and finding.check not in DIFFERING
        )

    with serving(server, name) as base_url:
        only = (f"{expected['operation']}/",)
        report = run_against(server, base_url, until=is_it, fuzz=False, only=only)

    assert any(is_it(finding) for finding in report.findings)
