"""
Test servers with one fault each: the harness reports the expected finding.

They share neither our documents nor our validator. By default one of each check is run,
and one of each kind for each operation; all of them with FAULTY_SERVERS=all.
"""

from typing import Any

import pytest
from faulty_servers.catalogue import (
    DOCUMENTS,
    FAULTY_SERVERS,
    SERVERS,
    WARNINGS,
    FaultyServer,
    correct_server,
)
from faulty_servers.record import observed_claims
from faulty_servers.selection import one_of_each
from support.campaigns import run_against

from contracts.report.exercised import planted_defects

pytestmark = [pytest.mark.slow, pytest.mark.all_cases]


def chosen() -> list[Any]:
    wanted = one_of_each(
        FAULTY_SERVERS,
        lambda each: (each.provider, each.operation, each.kind),
        lambda each: each.check,
        lambda each: each.missed,
    )
    return [
        pytest.param(
            each,
            id=each.id,
            marks=pytest.mark.xfail(reason=each.missed) if each.missed else (),
        )
        for each in wanted
    ]


@pytest.mark.parametrize("server", SERVERS)
def test_a_correct_server_has_no_findings(server: str):
    with correct_server(server) as base_url:
        report = run_against(DOCUMENTS.get(server, server), base_url)

    assert report.findings == ()


@pytest.mark.parametrize("faulty", chosen())
def test_the_expected_finding_is_reported(faulty: FaultyServer):
    only = (f"{faulty.operation}/",)
    with faulty.serving() as base_url:
        report = run_against(
            faulty.document,
            base_url,
            until=faulty.is_found_by,
            fuzz=False,
            only=only,
        )

    if faulty.open:
        assert report.broken == ()
        return
    found = [each for each in report.findings if faulty.is_found_by(each)]
    assert found
    assert faulty.check not in WARNINGS or not any(each.breaks for each in found)
    shipped = planted_defects()[faulty.id].claims
    assert set(shipped) & set(observed_claims(faulty, report))
