"""Relays in front of our mock with one fault each: the expected finding is reported."""

import pytest
from faulty_servers.catalogue import FAULTY_RELAYS, WARNINGS, FaultyRelay
from faulty_servers.record import observed_claims
from faulty_servers.selection import one_of_each
from support.campaigns import run_against
from support.relays import relay

from contracts.report.exercised import planted_defects
from mockserver.embedded.starter import serve_in_thread

pytestmark = [pytest.mark.slow, pytest.mark.all_cases]


@pytest.mark.parametrize(
    "faulty",
    one_of_each(FAULTY_RELAYS, lambda each: each.check),
    ids=lambda each: each.id,
)
def test_the_expected_finding_is_reported(mock, faulty: FaultyRelay):
    with faulty.serving(mock) as base_url:
        report = run_against(
            faulty.provider,
            base_url,
            until=faulty.is_found_by,
            fuzz=False,
            only=faulty.fault.only,
            with_models=faulty.is_about_models,
            is_mock=True,
        )

    found = [each for each in report.findings if faulty.is_found_by(each)]
    assert found
    assert faulty.check not in WARNINGS or not any(each.breaks for each in found)
    shipped = planted_defects()[faulty.id].claims
    assert set(shipped) & set(observed_claims(faulty, report))


@pytest.mark.parametrize("name", ["tokenhub", "llmapi"])
def test_a_relay_without_fault_breaks_no_claim(mock, name: str):
    with serve_in_thread(relay(mock.url)) as (url, _):
        base_url = mock.base_urls[name].replace(mock.url, url)
        report = run_against(name, base_url, fuzz=False, is_mock=True)

    assert not report.broken
