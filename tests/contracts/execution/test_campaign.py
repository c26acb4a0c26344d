import asyncio
from dataclasses import replace

import pytest
from support.campaigns import planned_cases
from support.providers import IMAGE_OPERATIONS

import mockserver
import specs
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.mocks import MOCK_KEY
from contracts.execution.run import execute, start
from contracts.execution.sending.client import Unreachable
from contracts.execution.sending.target import Target
from contracts.judging.second_opinion.generation import generate_cases
from contracts.planning.call_options import CallOptions
from contracts.planning.generation.fuzz import fuzz
from contracts.planning.plan import plan
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread
from specs import State

pytestmark = pytest.mark.slow

SEEDED = ("/pairs/", "/fuzz/", "/schemathesis/")


def run_at(mock: mockserver.Running, provider: specs.Provider, **options) -> Report:
    call = CallOptions.documented(provider)
    target = Target(mock.base_urls[provider.id], MOCK_KEY, is_mock=True, call=call)
    run = start([Campaign(provider, target, **options)], version="0", seed=0)
    asyncio.run(execute(run))
    return run.report()


@pytest.mark.providers("tokenhub")
def test_the_mock_of_a_provider_keeps_its_documents(mock, provider):
    """Those of all providers are asked by `make run`."""
    report = run_at(mock, provider)

    assert report.findings == ()
    assert len(report.outcomes) > 100


@pytest.mark.providers("aihubmix")
def test_no_seed_makes_the_harness_cry_wolf(mock, provider):
    """Another seed for what a seed decides; all else is the same for every seed."""
    report = run_at(mock, provider, seed=1, only=SEEDED, second_opinion=True)

    assert report.outcomes
    assert report.findings == ()


@pytest.mark.providers("llmapi")
def test_the_same_seed_asks_the_same_in_the_same_order(provider):
    def drawn(seed: int) -> list[str]:
        cases = plan(provider, seed=seed)
        cases += fuzz(provider, seed=seed)
        cases += [each.case for each in generate_cases(provider, seed=seed)]
        return [f"{each.id} {each.expectation} {each.payload}" for each in cases]

    first = drawn(7)

    assert first == drawn(7)
    other = drawn(8)
    assert first != other
    unseeded = [each for each in first if not any(part in each for part in SEEDED)]
    assert [e for e in other if not any(part in e for part in SEEDED)] == unseeded


def test_every_negative_has_faults_in_one_member_only(provider):
    for case in plan(provider):
        if case.origin != "probe" or case.expectation is not State.INVALID:
            continue
        body = provider.operations[case.operation].bodies[case.media_type]
        from contracts.media.files import with_file_facts

        verdict = body.judge.judge(with_file_facts(case.payload))
        assert verdict.state is State.INVALID
        assert len({each.path for each in verdict.violations}) == 1, case.id


def test_case_ids_are_unique(provider):
    ids = [each.id for each in plan(provider, is_mock=True)]

    assert len(set(ids)) == len(ids)


def mutants():
    """Each documented rule of three providers."""
    for name, operation in IMAGE_OPERATIONS:
        if name in {"aihubmix", "openai"}:
            continue
        for body in operation.bodies.values():
            for at, part in enumerate(body.schema.get("allOf", [])):
                if part.get("x-basis", "documented") == "documented":
                    yield name, operation.id, body.media_type, at, part["x-rule"]


def without_rule(name: str, id_: str, media_type: str, at: int) -> specs.Provider:
    """A provider whose document lacks a rule; the loaded one stays as it is."""
    provider = specs.load(name)
    operation = provider.all_operations[id_]
    body = operation.bodies[media_type]
    rules = body.schema["allOf"]
    schema = {**body.schema, "allOf": [*rules[:at], *rules[at + 1 :]]}
    changed = replace(
        operation,
        bodies={**operation.bodies, media_type: replace(body, schema=schema)},
    )
    operations = {**provider.all_operations, id_: changed}
    return replace(provider, all_operations=operations)


@pytest.mark.parametrize(
    ("name", "operation", "media_type", "at", "rule"), [*mutants()]
)
def test_a_mock_that_forgets_a_rule_is_found_out(
    name: str, operation: str, media_type: str, at: int, rule: str
):
    """The mock's document loses a rule; the harness still has it."""
    whole, questions = planned_cases(name)

    with mockserver.running(without_rule(name, operation, media_type, at)) as mock:
        report = run_at(
            mock, whole, fuzz=False, selected_cases=questions, only=(f"/{rule}/",)
        )

    broken = {(each.kind, each.claim.split("/")[2]) for each in report.broken}
    assert ("accepts-invalid", rule) in broken


def test_nobody_at_the_address_ends_the_run_before_it_begins():
    provider = specs.load(specs.names()[0])
    target = Target("http://127.0.0.1:1/v1", "key")
    run = start([Campaign(provider, target, fuzz=False)], version="0", seed=0)

    with pytest.raises(Unreachable):
        asyncio.run(execute(run))
    assert run.outcomes == []


def test_a_refused_key_ends_the_run_with_what_to_do():
    from aiohttp import web

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no"}}, status=401)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    provider = specs.load(specs.names()[0])
    with serve_in_thread(app) as (url, _):
        campaign = Campaign(provider, Target(url, "key"), fuzz=False)
        run = start([campaign], version="0", seed=0)
        with pytest.raises(CouldNotRun, match=provider.dialect.key_env):
            asyncio.run(execute(run))


@pytest.mark.parametrize(
    ("only", "is_ended"),
    [("createImage/auth/", True), ("/n/minimum", True), ("/model/enum", False)],
)
def test_without_a_plain_request_an_unknown_url_ends_the_run(only, is_ended):
    from aiohttp import web

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no"}}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    provider = specs.load("tokenhub")
    with serve_in_thread(app) as (url, _):
        campaign = Campaign(provider, Target(url, "key"), fuzz=False, only=(only,))
        run = start([campaign], version="0", seed=0)
        assert campaign.cases
        if is_ended:
            with pytest.raises(CouldNotRun, match=r"no request arrives: .*base URL"):
                asyncio.run(execute(run))
        else:
            asyncio.run(execute(run))
            assert run.outcomes


def test_another_path_or_method_may_be_unknown():
    with mockserver.running("tokenhub") as mock:
        provider = specs.load("tokenhub")
        target = Target(mock.base_url, MOCK_KEY)
        campaign = Campaign(provider, target, fuzz=False, only=("createImage/path",))
        run = start([campaign], version="0", seed=0)
        asyncio.run(execute(run))

    assert {each.status for each in run.outcomes} <= {404, 405}
    assert run.outcomes
