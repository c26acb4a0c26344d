"""The stateful phase of schemathesis runs over the links, through our own client."""

import asyncio
from dataclasses import replace

import pytest
from faulty_servers.tasks.cases import loaded
from faulty_servers.tasks.independent import base_url, serving

import mockserver
from contracts.execution.campaign import Campaign
from contracts.execution.run import execute, start
from contracts.execution.sending.target import Target
from contracts.planning.plan import plan
from contracts.report.model import Report

pytestmark = pytest.mark.slow
NAMES = ("ark", "kling", "aihubmix", "llmapi", "tikhub", "veo")


def report_of(name: str, url: str, **options: object) -> Report:
    """The report of a run without other cases than those of the scenarios."""
    provider = loaded(name)
    campaign = Campaign(
        provider,
        Target(url, "a-secret-key"),
        selected_cases=(),
        fuzz=False,
        second_opinion=True,
        preflight=False,
        **options,
    )
    vars(campaign)["cases"] = []  # without the requests that it generates
    run = start([campaign], version="0", seed=0)
    asyncio.run(execute(run))
    return run.report()


@pytest.fixture(scope="module")
def independent():
    with serving("--polls", "1") as url:
        yield url


@pytest.mark.parametrize("name", NAMES)
def test_the_mocks_pass_all_scenarios(name: str):
    with mockserver.running(name, tasks="polls=3") as mock:
        report = report_of(name, mock.base_url)
        requests = mock.count()

    assert report.findings == ()
    assert len(report.outcomes) == requests
    followed = {each.operation for each in report.outcomes}
    tasks = loaded(name).task_operations
    assert not tasks or name == "veo" or followed & set(tasks)


def test_a_correct_server_passes_all_scenarios(independent: str):
    report = report_of("ark", base_url(independent, "ark", "none"))

    assert report.findings == ()


def test_operations_that_are_not_served_have_no_scenarios(independent: str):
    provider = loaded("kling")
    target = Target(base_url(independent, "kling", "none"), "a-secret-key")
    campaign = Campaign(
        provider,
        target,
        fuzz=False,
        second_opinion=True,
        selected_cases=[
            replace(each, follow=None)
            for each in plan(provider)
            if each.id.endswith("/request/plain")
        ],
        preflight=True,
    )
    planned = [*campaign.selected_cases]
    vars(campaign)["cases"] = planned
    run = start([campaign], version="0", seed=0)
    asyncio.run(execute(run))

    asked = {each.operation for each in run.outcomes if "/link-" in each.case}
    assert asked == {"createTextToVideo", "getTextToVideo"}


@pytest.mark.parametrize(
    ("name", "defect", "check"),
    [
        ("ark", "task-is-lost", "ensure_resource_availability"),
        ("ark", "state-upper-case", "response_schema_conformance"),
        ("ark", "reads-fail-at-the-end", "not_a_server_error"),
        ("ark", "create-without-id", "response_schema_conformance"),
    ],
)
def test_both_tools_see_a_defect(independent: str, name: str, defect: str, check: str):
    report = report_of(name, base_url(independent, name, defect))

    seen = {tool for each in report.broken for tool in each.also_seen_by}
    assert f"schemathesis:{check}" in seen


def test_a_limit_of_cases_ends_the_scenarios():
    with mockserver.running("kling", tasks="polls=3") as mock:
        provider = loaded("kling")
        target = Target(mock.base_url, "k")
        campaign = Campaign(
            provider, target, fuzz=False, second_opinion=True, preflight=False
        )
        vars(campaign)["cases"] = []
        run = start([campaign], version="0", seed=0)
        asyncio.run(execute(run, max_cases=5))

    assert (len(run.outcomes), run.stopped) == (5, "budget")
