"""One cause is one finding, and two causes are two."""

import asyncio
from dataclasses import replace

import pytest
from support.relays import Change, Message, relay

import mockserver
import specs
from contracts.execution.campaign import Campaign, CouldNotRun
from contracts.execution.mocks import MOCK_KEY
from contracts.execution.run import execute, start
from contracts.execution.sending.target import Target
from contracts.report.model import DEPENDS_ON, Finding, FindingKind, Report
from contracts.report.summary import not_tested_notes, provider_summaries
from mockserver.embedded.starter import serve_in_thread

pytestmark = pytest.mark.slow

PROVIDER = specs.load("tokenhub")
ERROR = {"error": {"message": "Upstream failed: id 8fa93b21", "type": "server_error"}}


@pytest.fixture(scope="module")
def own():
    with mockserver.running(PROVIDER) as running:
        yield running


@pytest.fixture
def report_of(own):
    def run(answer: Change, **limits) -> Report:
        with serve_in_thread(relay(own.url, answer=answer)) as (url, _):
            base_url = own.base_urls[PROVIDER.id].replace(own.url, url)
            campaign = Campaign(PROVIDER, Target(base_url, MOCK_KEY), fuzz=False)
            started = start([campaign], version="0", seed=0)
            asyncio.run(execute(started, **limits))
            return started.report()

    return run


def failures(report: Report) -> list[Finding]:
    return [each for each in report.findings if each.breaks]


def many(message: Message) -> bool:
    n = message.asked.get("n")
    return isinstance(n, int) and not isinstance(n, bool) and n > 1


def without_urls(message: Message) -> Message:
    if not message.is_success:
        return message
    data = [{} for _ in message.json["data"]]
    return message.with_json({**message.json, "data": data})


def test_a_defect_of_every_success_is_one_finding_seen_at_once(report_of):
    report = report_of(without_urls)
    first = report_of(without_urls, max_cases=10)

    found = failures(report)
    assert len(found) <= 2
    assert found[0].check == "schema"
    assert found[0].claim.endswith("/200/data[]/url/required")
    assert found[0].title.startswith("Every request: ")
    assert found[0].cases > 50
    assert found[0].claim in {each.claim for each in first.broken}


def test_a_field_that_fails_is_named(report_of):
    def reject(message: Message) -> Message:
        return message.with_json(ERROR, status=400) if many(message) else message

    found = failures(report_of(reject))

    assert len(found) == 1
    assert found[0].kind is FindingKind.REJECTS_VALID
    assert "with `n` above 1 is rejected with status 400" in found[0].title


def test_two_independent_defects_are_two_findings(report_of):
    def fail(message: Message) -> Message:
        if many(message):
            return message.with_json(ERROR, status=500)
        if message.is_success and message.asked.get("size") == "1024x1536":
            return message.with_json(ERROR, status=400)
        return message

    found = failures(report_of(fail))

    assert {each.kind for each in found} == {
        FindingKind.CRASH,
        FindingKind.REJECTS_VALID,
    }
    assert len(found) == 2
    assert any("`n`" in each.title for each in found)
    assert any('`size` "1024x1536"' in each.title for each in found)


def test_errors_that_become_another_status_are_one_finding(report_of):
    def fail(message: Message) -> Message:
        is_error = message.status in {400, 404, 405, 413, 422}
        return message.with_json(ERROR, status=502) if is_error else message

    found = failures(report_of(fail))

    assert [each.kind for each in found] == [FindingKind.CRASH]
    assert "with an invalid body fails with status 502" in found[0].title


def test_an_operation_that_is_not_served_is_one_finding(own):
    async def only_generations(request, handler):
        return None

    operations = list(PROVIDER.operations.values())
    path = operations[-1].path

    def hide(message: Message) -> Message:
        return message

    app = relay(own.url, answer=hide)
    from aiohttp import web

    @web.middleware
    async def missing(request, handler):
        if request.path.endswith(path):
            return web.json_response({"error": "not found"}, status=404)
        return await handler(request)

    app.middlewares.append(missing)
    with serve_in_thread(app) as (url, _):
        base_url = own.base_urls[PROVIDER.id].replace(own.url, url)
        campaign = Campaign(PROVIDER, Target(base_url, MOCK_KEY), fuzz=False)
        started = start([campaign], version="0", seed=0)
        asyncio.run(execute(started))
        report = started.report()

    (found,) = failures(report)
    name = operations[-1].id
    assert found.title.startswith(f"{name} is not served: ")
    others = [each for each in report.outcomes if each.operation == name]
    skipped = [each for each in others if each.not_tested]
    assert len(skipped) > 50
    assert all(each.not_tested.startswith(DEPENDS_ON) for each in skipped)
    (note,) = not_tested_notes(provider_summaries(report))
    assert note.endswith("to leave them out: --only createImage/")


def test_a_server_that_accepts_nothing_ends_the_run(report_of):
    def missing(message: Message) -> Message:
        page = b"<html><h1>404 Not Found</h1></html>"
        return replace(
            message, body=page, status=404, headers={"Content-Type": "text/html"}
        )

    with pytest.raises(CouldNotRun) as error:
        report_of(missing)

    assert "404, text/html: <html>" in str(error.value)
    assert "check the base URL" in str(error.value)


def test_a_wrong_base_url_names_the_one_that_answers(own):
    base_url = own.base_urls[PROVIDER.id]
    campaign = Campaign(PROVIDER, Target(f"{base_url}/v1", MOCK_KEY), fuzz=False)

    with pytest.raises(CouldNotRun) as error:
        asyncio.run(execute(start([campaign], version="0", seed=0)))

    assert "Check the base URL" in str(error.value)


def test_a_success_without_an_image_to_everything_is_a_few_findings(report_of):
    found = failures(report_of(lambda message: message.with_json(ERROR, status=200)))

    assert 1 <= len(found) <= 5
    assert {each.kind for each in found} <= {
        FindingKind.ACCEPTS_INVALID,
        FindingKind.WRONG_RESPONSE,
    }


def test_the_order_and_the_ids_do_not_depend_on_the_order_of_the_cases(report_of):
    def fail(message: Message) -> Message:
        return message.with_json(ERROR, status=400) if many(message) else message

    one, other = report_of(fail), report_of(fail)

    assert [each.fingerprint for each in one.findings] == [
        each.fingerprint for each in other.findings
    ]
