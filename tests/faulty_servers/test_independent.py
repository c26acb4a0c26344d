"""
Servers that others wrote from the same pages, without our documents or validator.

A correct server has no failed claims. Each faulty one has the expected finding.
"""

import pytest
from support.campaigns import run_against
from support.independent import EXPECTED, serving

from contracts.report.model import Finding

pytestmark = [pytest.mark.slow, pytest.mark.all_cases]

# Unspecified by the pages, and by us: a URL that cannot be fetched here, sizes below
# OpenAI's own minimum, several images in one edit. And an error with status 200, which
# counts as accepted.
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


# Known warnings of correct servers: nothing of it is documented.
DIFFERING = {"error-status", "member", "request-id"}


@pytest.mark.parametrize("server", EXPECTED)
def test_a_correct_server_breaks_no_claim(server: str):
    with serving(server) as base_url:
        report = run_against(server, base_url)

    assert report.broken == ()
    checks = {each.check for each in report.findings if each.kind != "rejects-valid"}
    assert checks <= DIFFERING


@pytest.mark.parametrize(("server", "name"), DEFECTS[::7])
def test_a_finding_of_the_expected_kind_is_reported(server: str, name: str):
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
