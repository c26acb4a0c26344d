"""The planted defects are complete: every check of the harness is exercised."""

from collections import Counter

from faulty_servers.catalogue import (
    EXPECTED,
    FAULTY_RELAYS,
    FAULTY_SERVERS,
    NOT_SHOWN_BY_SERVERS,
    SERVERS,
    WARNINGS,
    defects_of,
    exercised_by,
)
from faulty_servers.record import found_defects, is_current
from faulty_servers.relays import RELAY_FAULTS

import specs
from contracts.judging.guarantees.table import GUARANTEES
from contracts.report.exercised import planted_defects
from contracts.report.failure_policy import CHECKS
from contracts.report.model import FindingKind
from specs import Basis


def test_every_check_has_a_planted_defect_that_turns_it_red():
    exercised = set(exercised_by())

    assert set(CHECKS) - exercised == NOT_SHOWN_BY_SERVERS
    assert exercised <= set(CHECKS)


def test_every_planted_defect_has_its_finding():
    servers = {each: set(defects_of(each)) for each in SERVERS}
    relays = {provider: set(faults) for provider, faults in RELAY_FAULTS.items()}

    assert servers == {each: set(rows) for each, rows in EXPECTED["servers"].items()}
    assert relays == {each: set(rows) for each, rows in EXPECTED["relays"].items()}


def test_the_shipped_evidence_is_that_of_the_planted_defects():
    """`make exercised` brings it up to date."""
    shipped, expected = planted_defects(), found_defects()

    outdated = [
        id_ for id_, each in expected.items() if not is_current(each, shipped.get(id_))
    ]

    assert outdated == []
    assert list(shipped) == list(expected)


def test_a_finding_or_the_reason_for_none_is_expected():
    incomplete = [
        each.id
        for each in (*FAULTY_SERVERS, *FAULTY_RELAYS)
        if bool(each.open) is (each.kind in set(FindingKind) and each.check in CHECKS)
    ]

    assert incomplete == []


def test_each_operation_has_several_faulty_servers():
    counts = Counter(
        (each.provider, each.operation) for each in FAULTY_SERVERS if not each.open
    )

    assert set(counts) == {
        (provider, operation)
        for provider in SERVERS
        for operation in ("createImage", "createImageEdit")
    }
    assert min(counts.values()) >= 16


def test_a_guarantee_warns_only_if_no_document_has_it_as_documented():
    documented = {
        guarantee.name
        for name in specs.names()
        for operation in specs.load(name).operations.values()
        for response in operation.responses.values()
        for guarantee in response.guarantees
        if guarantee.evidence.basis is Basis.DOCUMENTED
    }

    assert set(GUARANTEES) & WARNINGS == set(GUARANTEES) - documented
