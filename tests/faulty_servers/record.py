"""
Record which claims the planted defects turn red, in contracts/report/exercised.yaml.

    PYTHONPATH=tests python -m faulty_servers.record [--all]

Runs the harness on each defect that is new, or whose row in expected.yaml has changed,
until it is found; with --all, on every one. Defects without a row are removed.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from faulty_servers.catalogue import (
    FAULTY_RELAYS,
    FAULTY_SERVERS,
    FaultyRelay,
    FaultyServer,
)
from faulty_servers.tasks.catalogue import TASK_DEFECTS, TaskDefect
from support.campaigns import run_against

import mockserver
from contracts.report import exercised
from contracts.report.model import Report

FILE = Path(exercised.__file__).with_name(exercised.FILE)
Defect = FaultyServer | FaultyRelay | TaskDefect
Rows = Mapping[str, exercised.PlantedDefect]
HEAD = """\
# The planted defects of tests/faulty_servers, each with the check that failed and the
# claims that its finding named. Do not edit: `make exercised` writes this file.
"""


def found_defects() -> dict[str, Defect]:
    """The defects for which a finding is expected, by id."""
    servers = {
        each.id: each
        for each in (*FAULTY_SERVERS, *FAULTY_RELAYS)
        if not each.open and not each.missed
    }
    return {**servers, **{each.record_id: each for each in TASK_DEFECTS}}


def is_current(defect: Defect, row: exercised.PlantedDefect | None) -> bool:
    """True if a row has the check and claim that are expected of a defect."""
    return (
        row is not None
        and row.check == defect.check
        and all(
            each.startswith(f"{defect.operation}/") and defect.claim in each
            for each in row.claims
        )
    )


def observed_claims(defect: Defect, report: Report) -> tuple[str, ...]:
    """The claims named by the failed checks that are expected of a defect."""
    found = filter(defect.is_found_by, report.failed_checks)
    return tuple(dict.fromkeys(each.claim for each in found))


def observe(defect: Defect, mock: mockserver.Running) -> tuple[str, ...]:
    """Run the harness on a defect until it is found, and return the claims."""
    if isinstance(defect, TaskDefect):
        with defect.serving(mock) as base_url:
            report = defect.report(base_url)
        return observed_claims(defect, report)
    with_models = False
    if isinstance(defect, FaultyRelay):
        with_models = defect.is_about_models
        only, serving = defect.fault.only, defect.serving(mock)
        document = defect.provider
    else:
        only, serving = (f"{defect.operation}/",), defect.serving()
        document = defect.document
    with serving as base_url:
        report = run_against(
            document,
            base_url,
            until=defect.is_found_by,
            fuzz=False,
            only=only,
            with_models=with_models,
            is_mock=isinstance(defect, FaultyRelay),
        )
    return observed_claims(defect, report)


def lines(rows: Rows) -> Iterator[str]:
    for id_, row in rows.items():
        claims = ", ".join(f'"{each}"' for each in row.claims)
        yield f"{id_}: {{check: {row.check}, claims: [{claims}]}}\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--all", action="store_true")
    repeat = options.parse_args().all
    known = {} if repeat or not FILE.exists() else exercised.planted_defects()
    rows: dict[str, exercised.PlantedDefect] = {}
    not_found = []
    with mockserver.running(tasks="polls=3") as mock:
        for id_, defect in found_defects().items():
            if is_current(defect, known.get(id_)):
                rows[id_] = known[id_]
                continue
            claims = observe(defect, mock)
            sys.stderr.write(f"{id_}: {', '.join(claims) or 'not found'}\n")
            if not claims:
                not_found.append(id_)
                continue
            rows[id_] = exercised.PlantedDefect(
                id_, defect.provider, defect.check, claims
            )
    FILE.write_text(HEAD + "".join(lines(rows)), encoding="utf-8")
    if not_found:
        sys.exit(f"not found: {', '.join(not_found)}")


if __name__ == "__main__":
    main()
