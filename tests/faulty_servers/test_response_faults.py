"""Faults that a look at whole responses shows, each found by the check meant for it."""

import pytest
from faulty_servers import openai
from faulty_servers.minimal import serving
from faulty_servers.response_faults import RESPONSE_FAULTS
from support.campaigns import run_against

from contracts.report.model import Finding

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", RESPONSE_FAULTS)
def test_a_fault_is_found_by_its_check(name: str):
    fault = RESPONSE_FAULTS[name]
    service = openai.service()
    fault.defect(service["createImage"])

    def is_meant(finding: Finding) -> bool:
        return (finding.kind, finding.check) == (fault.kind, fault.check)

    with serving(service) as url:
        report = run_against("openai", url, until=is_meant, fuzz=False, only=fault.only)

    found = [each for each in report.findings if is_meant(each)]
    assert found
    assert found[0].breaks is not fault.warning
    assert not found[0].flaky


def test_a_correct_server_has_no_such_finding():
    with serving(openai.service()) as url:
        report = run_against("openai", url, fuzz=False, only=("createImage/",))

    assert report.findings == ()
