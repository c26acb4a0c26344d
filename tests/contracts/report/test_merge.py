"""Reports of several processes, merged into the one of a single process."""

import asyncio
import random
from dataclasses import replace

import pytest
from click.testing import CliRunner
from faulty_servers.catalogue import FAULTY_SERVERS
from support.reports import finding, outcome, report, target

import mockserver
import specs
from contracts.cli.main import main
from contracts.execution.campaign import Campaign
from contracts.execution.mocks import MOCK_KEY
from contracts.execution.rebuild import rebuild_with
from contracts.execution.run import execute, start
from contracts.execution.sending.target import Target
from contracts.report.merge import CannotMerge, merge, merge_reports
from contracts.report.model import CallRecord, Report
from contracts.report.records import SelectionRecord

FAULTY = next(
    each for each in FAULTY_SERVERS if each.id == "tikhub:createImage/size-ignored"
)
PROVIDERS = ("llmapi", "tikhub")  # in the order of `run` without PROVIDER
ONLY = ("createImage/request/n", "createImage/request/size", "plain")


@pytest.fixture(scope="module")
def whole() -> Report:
    """The report of a paid run of two servers, one of them with a defect."""
    from importlib.metadata import version

    with FAULTY.serving() as base_url, mockserver.running("llmapi") as mock:
        urls = {"tikhub": base_url, "llmapi": mock.base_urls["llmapi"]}
        campaigns = [
            Campaign(
                specs.load(name),
                Target(urls[name], MOCK_KEY, is_mock=name == "llmapi"),
                fuzz=False,
                only=ONLY,
                operations=("createImage",),
                is_paid=True,
            )
            for name in PROVIDERS
        ]
        run = start(campaigns, version=version("imageparity"), seed=0)
        asyncio.run(execute(run))
    return run.report()


def part(whole: Report, cases: set[tuple[str, str]]) -> Report:
    """The report of a process that has only these cases, each with its provider."""
    outcomes = [row for row in whole.outcomes if (row.provider, row.case) in cases]
    providers = {row.provider for row in outcomes}
    targets = [each for each in whole.metadata.targets if each.provider in providers]
    complete = {
        each.provider
        for each in targets
        if each.planned == sum(row.provider == each.provider for row in outcomes)
    }
    return Report(
        replace(whole.metadata, targets=tuple(targets)),
        tuple(outcomes),
        None if complete == providers else "interrupt",
        tuple(each for each in whole.causes or () if each.provider in complete),
    )


def text(report: Report) -> str:
    return "".join(report.to_lines())


def test_the_run_has_what_the_tests_need(whole):
    assert len(whole.outcomes) > 40
    assert whole.findings


@pytest.mark.parametrize("seed", range(4))
def test_any_partition_gives_the_bytes_of_one_process(whole, seed: int):
    draw = random.Random(seed)
    count = draw.randint(1, 5)
    shares: list[set[tuple[str, str]]] = [set() for _ in range(count)]
    by_target = draw.random() < 0.5
    owners = {name: draw.randrange(count) for name in PROVIDERS}
    for row in whole.outcomes:
        at = owners[row.provider] if by_target else draw.randrange(count)
        shares[at].add((row.provider, row.case))
    parts = [(f"{n}.jsonl", part(whole, each)) for n, each in enumerate(shares) if each]
    draw.shuffle(parts)

    assert text(merge(parts, rebuild_with())) == text(whole)


def test_a_part_alone_stays_stopped_and_twice_the_same_is_once(whole):
    half = {(row.provider, row.case) for row in whole.outcomes[::2]}
    named = [("a.jsonl", part(whole, half))]

    once = merge(named, rebuild_with())

    assert once.stopped == "interrupt"
    assert text(merge(named * 2, rebuild_with())) == text(once)


ONE = report(outcome("one"), outcome("one", case="b"), targets=(target("one"),))
ONE = replace(ONE, causes=())


def changed_target(**changes) -> Report:
    targets = tuple(replace(each, **changes) for each in ONE.metadata.targets)
    return replace(ONE, metadata=replace(ONE.metadata, targets=targets))


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (replace(ONE, metadata=replace(ONE.metadata, version="1")), "version"),
        (replace(ONE, metadata=replace(ONE.metadata, seed=7)), "seed"),
        (changed_target(document_sha256="0" * 64), "document_sha256 of one"),
        (changed_target(call=CallRecord("none")), "the call of one"),
        (changed_target(selection=SelectionRecord(fuzz=False)), "selection 'fuzz'"),
        (
            replace(ONE, outcomes=(outcome("one", status=500), ONE.outcomes[1])),
            "differ in 'status': 200 in the first and 500",
        ),
        (
            replace(ONE, outcomes=(outcome("one", [finding()]), ONE.outcomes[1])),
            "differ in 'findings'",
        ),
    ],
)
def test_different_runs_are_refused_with_both_files_and_the_field(
    tmp_path, other, field
):
    first = changed_target(selection=SelectionRecord())
    if other.metadata.targets[0].selection is None:
        first = ONE
    paths = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    first.write(paths[0])
    other.write(paths[1])

    with pytest.raises(CannotMerge) as caught:
        merge_reports(paths)

    assert all(str(path) in str(caught.value) for path in paths)
    assert field in str(caught.value)


def test_a_tested_case_takes_the_place_of_one_that_was_not(tmp_path):
    limited = outcome("one", status=429, not_tested="rate limited", cost=0.0)
    earlier = replace(ONE, outcomes=(limited,), stopped="interrupt")
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    earlier.write(paths[0])
    ONE.write(paths[1])

    assert merge_reports(paths) == ONE
    assert merge_reports(paths[::-1]) == ONE


def test_the_command_writes_the_report_or_says_why_not(tmp_path):
    paths = [str(tmp_path / f"{name}.jsonl") for name in "ab"]
    ONE.write(paths[0])
    replace(ONE, metadata=replace(ONE.metadata, seed=7)).write(paths[1])
    output = tmp_path / "merged.jsonl"

    printed = CliRunner().invoke(main, ["merge", paths[0]])
    written = CliRunner().invoke(main, ["merge", paths[0], "--output", str(output)])
    refused = CliRunner().invoke(main, ["merge", *paths])

    assert printed.stdout == text(ONE) == output.read_text()
    assert (printed.exit_code, written.exit_code, refused.exit_code) == (0, 0, 2)
    assert "the seed is 42 in the first and 7 in the second" in refused.stderr
