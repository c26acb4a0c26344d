"""Findings of stock schemathesis are reported once; false ones are not."""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import requests
from aiohttp import web
from support.campaigns import planned_cases
from support.independent import EXPECTED, serving
from support.providers import IMAGE_PROVIDERS
from support.relays import on_refusal, on_success, relay

import mockserver
import specs
from contracts.execution.campaign import Campaign
from contracts.execution.mocks import MOCK_KEY
from contracts.execution.run import execute, start
from contracts.execution.sending.client import Sender
from contracts.execution.sending.target import Target
from contracts.judging.interaction import Interaction
from contracts.judging.second_opinion.document import plain_document
from contracts.judging.second_opinion.generation import generate_cases
from contracts.judging.second_opinion.opinion import second_opinion
from contracts.media.files import Sample, with_file_facts
from contracts.media.registry import usual_image_operations
from contracts.planning.case import Case
from contracts.planning.generation.example_database import ExampleDatabase
from contracts.report.model import Report
from mockserver.embedded.starter import serve_in_thread
from specs import FORM, State
from specs.media.image import OPERATIONS

pytestmark = pytest.mark.slow

OWN = ("/schemathesis/",)


def asked(name: str, base_url: str, only: tuple[str, ...] = OWN, **options) -> Report:
    provider, questions = planned_cases(name)
    options = {
        "fuzz": False,
        "second_opinion": True,
        "operations": tuple(usual_image_operations(provider)),
        **options,
    }
    target = Target(base_url, MOCK_KEY)
    campaign = Campaign(
        provider, target, selected_cases=questions, only=only, **options
    )
    run = start([campaign], version="0", seed=0)
    asyncio.run(execute(run))
    return run.report()


def run_with_fault(mock, name: str, only: tuple[str, ...] = OWN, **changes) -> Report:
    """The findings at a provider's mock behind a relay with one defect."""
    with serve_in_thread(relay(mock.url, **changes)) as (url, _):
        return asked(name, mock.base_urls[name].replace(mock.url, url), only)


def opinions(mock, provider: specs.Provider) -> list[tuple[Case, str]]:
    """All that schemathesis has against the mock, whatever our judge says."""

    async def exchanges() -> list[tuple[Case, str]]:
        second = second_opinion(provider)
        target = Target(mock.base_urls[provider.id], MOCK_KEY)
        async with Sender(target) as sender:
            found = []
            operations = usual_image_operations(provider)
            for case in second.cases:
                if case.operation not in operations:
                    continue
                operation = operations[case.operation]
                interaction = await sender.send(case, operation)
                found += [
                    (case, each.check) for each in second.failures_for(interaction)
                ]
            return found

    return asyncio.run(exchanges())


# What it draws


@pytest.mark.parametrize("name", ["llmapi", "tokenhub"])
def test_its_requests_are_judged_by_our_judge(name: str):
    provider, _ = planned_cases(name)
    cases = second_opinion(provider).cases

    for case in cases:
        operation = provider.operations[case.operation]
        body = operation.bodies[case.media_type]
        if case.is_payload_only:
            assert body.judge.state(with_file_facts(case.payload)) is case.expectation
            assert (case.expected_error is not None) == (
                case.expectation is State.INVALID
            )
    assert len({each.id for each in cases}) == len(cases)
    for operation in provider.operations:
        states = {each.expectation for each in cases if each.operation == operation}
        assert states >= {State.INVALID, State.UNSPECIFIED}


def test_forms_take_part_with_real_pictures():
    for name in ("tokenhub", "openai", "aihubmix"):
        cases = second_opinion(planned_cases(name)[0]).cases
        good = [
            each
            for each in cases
            if each.operation == "createImageEdit"
            and (each.media_type, each.expectation) == (FORM, State.VALID)
        ]
        assert good
        for case in good:
            files = case.payload["image"]
            several = files if isinstance(files, list) else [files]
            assert all(isinstance(each, Sample) for each in several)


def test_no_valid_request_asks_for_what_some_servers_may_refuse():
    """Numbers like 3.0, control characters, blank text: no page welcomes them."""
    for name in IMAGE_PROVIDERS:
        for case in second_opinion(planned_cases(name)[0]).cases:
            if case.expectation is State.VALID:
                values = case.payload.values()
                assert not any(isinstance(each, float) for each in values)
                texts = [each for each in values if isinstance(each, str)]
                assert all(each.strip() for each in texts)
                assert not any(ord(char) < 32 for each in texts for char in each)


def test_a_document_is_stated_without_our_assumptions(provider):
    text = json.dumps(plain_document(provider), default=str)

    assert "assumed" not in text.replace('"x-note"', "")
    assert '"format": "binary"' not in text


def test_the_same_seed_draws_the_same_in_every_process(tmp_path):
    """Whatever else is imported there: Hypothesis likes the words of other modules."""
    loud = "\n".join(f"x{at} = 'word{at}', {at + 300}" for at in range(200))
    (tmp_path / "loud.py").write_text(loud)
    words = """
import hashlib, loud, specs
from contracts.judging.second_opinion.generation import generate_cases
cases = generate_cases(specs.load("tokenhub"), seed=0)
text = repr([each.case for each in cases])
print(hashlib.sha256(text.encode()).hexdigest())
"""
    drawn = {
        subprocess.run(
            [sys.executable, "-c", words],
            env={
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": ":".join([str(tmp_path), *sys.path]),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    provider, _ = planned_cases("tokenhub")
    here = repr([each.case for each in generate_cases(provider)])
    other = repr([each.case for each in generate_cases(provider, seed=4)])

    assert drawn == {hashlib.sha256(here.encode()).hexdigest()}
    assert here != other


# It sends nothing itself


@pytest.mark.parametrize("status", [200, 400, 401, 503])
def test_no_answer_makes_it_send_anything(status: int, monkeypatch, caplog):
    sent: list[str] = []

    def send(self, request, **options):
        sent.append(f"{request.method} {request.url}")
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "send", send)
    provider, questions = planned_cases("tokenhub")
    second = second_opinion(provider)
    headers = {"content-type": "application/json"}
    for case in (*second.cases, *questions):
        second.failures_for(Interaction(case, status, headers, b"{}", seconds=0.1))

    assert sent == []
    assert caplog.text == ""


def test_every_request_goes_through_the_ledger():
    """The server counts as many requests as there are outcomes, and no more."""
    seen: Counter[str] = Counter()

    async def refuse(request: web.Request) -> web.Response:
        seen["requests"] += 1
        return web.json_response({"error": {"message": "no"}}, status=400)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    with serve_in_thread(app) as (url, _):
        report = asked("tokenhub", url, (*OWN, "/auth/"), is_paid=True)

    assert len(report.outcomes) == seen["requests"]


# What it says is folded into ours


@pytest.mark.parametrize("name", ["llmapi", "tokenhub"])
def test_the_mocks_are_right_by_both(mock, name: str, caplog):
    report = asked(name, mock.base_urls[name], (*OWN, "/auth/", "/stream"))

    assert report.findings == ()
    assert len(report.outcomes) > 50
    assert caplog.text == ""


def test_what_it_imagines_is_not_told(mock):
    """Its positive data breaks rules that it cannot read; the mock refuses rightly."""
    name = "aihubmix"
    found = opinions(mock, planned_cases(name)[0])

    assert len(found) > 5
    assert {check for _, check in found} == {"positive_data_acceptance"}
    assert {case.expectation for case, _ in found} == {State.INVALID}
    assert asked(name, mock.base_urls[name]).findings == ()


@pytest.mark.parametrize("server", EXPECTED)
def test_a_right_server_of_another_hand_breaks_no_promise(server: str):
    with serving(server) as base_url:
        # The servers are older than the other operations of the documents.
        report = asked(server, base_url, operations=OPERATIONS)

    assert report.broken == ()
    assert not [each for each in report.findings if "schemathesis" in each.check]


def test_the_same_fault_is_one_finding_that_names_both(mock):
    report = run_with_fault(
        mock,
        "tokenhub",
        ("createImage/request/schemathesis/", "createImage/request/plain"),
        answer=on_success(lambda body, _: {**body, "created": "now"}),
    )

    (found,) = report.findings
    assert (found.check, found.claim) == ("schema", "createImage/200/created/type")
    assert found.case == "createImage/request/plain"
    assert found.also_seen_by == ("schemathesis:response_schema_conformance",)


def test_a_failure_has_no_schema_and_no_value_in_its_message():
    provider, questions = planned_cases("tokenhub")
    case = next(each for each in questions if each.origin == "example")
    headers = {"content-type": "application/json"}
    body = b'{"created": 1740000000, "data": [{"b64_json": "aGk="}]}'

    found = second_opinion(provider).failures_for(
        Interaction(case, 200, headers, body, seconds=0.1)
    )

    (message,) = [each.message for each in found]
    assert message == 'data/0: "url" is a required property'


def test_a_field_that_is_always_missing_is_one_finding(mock):
    """Also in responses to invalid requests, which our checks of fields leave out."""

    def accept_without_url(said):
        image = {"b64_json": "aGk="}
        return said.with_json(
            {"created": int(time.time()), "data": [image]}, status=200
        )

    report = run_with_fault(
        mock,
        "tokenhub",
        ("createImage/request/schemathesis/", "createImage/request/plain"),
        answer=accept_without_url,
    )

    checks = [each for outcome in report.outcomes for each in outcome.findings]
    assert not [each for each in checks if each.check.startswith("schemathesis:")]
    missing = [each for each in report.findings if each.check == "schema"]
    (found,) = missing
    assert found.claim.endswith("/url/required")
    assert found.case == "createImage/request/plain"
    assert found.also_seen_by == ("schemathesis:response_schema_conformance",)
    invalid = [each for each in checks if each.kind == "accepts-invalid"]
    assert len(invalid) > 5


def test_an_error_response_to_a_valid_request_is_checked_by_our_schema(mock):
    def refuse(said):
        if said.asked.get("quality") != "high" or not said.is_success:
            return said
        return said.with_json({"error": "no"}, status=400)

    only = ("createImage/request/schemathesis/", "createImage/request/plain")
    report = run_with_fault(mock, "tokenhub", only, answer=refuse)

    checks = [each for outcome in report.outcomes for each in outcome.findings]
    (envelope,) = {each.claim for each in checks if each.check == "error-envelope"}
    assert envelope == "createImage/400/error/type"
    assert not [each for each in checks if each.check.startswith("schemathesis:")]


def test_ignored_keys_are_seen_by_both(mock):
    def with_key(said):
        headers = {**said.headers, "Authorization": f"Bearer {MOCK_KEY}"}
        return replace(said, headers=headers)

    report = run_with_fault(
        mock, "tokenhub", ("createImage/auth/missing",), request=with_key
    )

    (found,) = report.findings
    assert (found.kind, found.check) == ("accepts-invalid", "invalid-is-refused")
    assert found.also_seen_by == ("schemathesis:ignored_auth",)


def test_streams_are_heard_too(mock):
    def renamed(said):
        if not said.is_stream:
            return said
        return replace(said, body=said.body.replace(b'"b64_json"', b'"picture"'))

    report = run_with_fault(
        mock, "openai", ("/request/streams/stream-with-0",), answer=renamed
    )

    seen = [each for each in report.findings if each.check == "event-schema"]
    assert seen
    assert all(
        "schemathesis:response_schema_conformance" in each.also_seen_by for each in seen
    )


def test_a_refusal_of_something_valid_is_the_planned_finding(mock):
    """Many drawn requests hold the one value that is refused: one finding."""

    def refuse(said):
        if said.asked.get("quality") != "high" or not said.is_success:
            return said
        error = {"message": "no", "type": "invalid_request_error", "param": None}
        return said.with_json({"error": {**error, "code": None}}, status=400)

    only = ("createImage/request/schemathesis/", "createImage/request/quality/value-")
    report = run_with_fault(mock, "tokenhub", only, answer=refuse)

    (found,) = report.findings
    assert found.kind == "rejects-valid"
    assert found.claim == "createImage/request/quality/enum"
    assert found.case == "createImage/request/quality/value-high"
    assert found.also_seen_by == ("schemathesis:positive_data_acceptance",)


def test_an_accepted_fault_is_a_failed_check_of_each_claim(mock):
    def accept(said):
        now = {"created": int(time.time()), "data": []}
        return said.with_json(now, status=200)

    report = run_with_fault(
        mock,
        "tokenhub",
        ("createImage/request/schemathesis/",),
        answer=on_refusal(accept),
    )

    checks = [each for outcome in report.outcomes for each in outcome.findings]
    invalid = [each for each in checks if each.check == "invalid-is-refused"]
    assert len({each.claim for each in invalid}) > 5
    assert len(report.broken) == 1
    assert all(
        "schemathesis:negative_data_rejection" in each.also_seen_by for each in invalid
    )


def test_what_only_schemathesis_sees_is_told_as_its_own(mock):
    """A status that no page lists: a difference, under the name of its check."""
    report = run_with_fault(
        mock,
        "tokenhub",
        ("createImage/request/schemathesis/incorrect-type",),
        answer=on_refusal(lambda said: replace(said, status=418)),
    )

    own = [each for each in report.findings if each.check.startswith("schemathesis:")]
    assert {each.check for each in own} == {"schemathesis:status_code_conformance"}
    assert {each.kind for each in own} == {"undocumented"}
    assert not any(each.flaky for each in own)
    assert report.conforms


def test_another_method_that_succeeds_is_a_difference_seen_by_both(mock):
    now = {"created": int(time.time()), "data": []}
    report = run_with_fault(
        mock,
        "tokenhub",
        ("createImage/request/schemathesis/method-",),
        answer=lambda said: said.with_json(now, status=200),
    )

    (found,) = report.findings
    assert (found.kind, found.basis) == ("undocumented", "assumed")
    assert "schemathesis:unsupported_method" in (found.check, *found.also_seen_by)


def test_headers_are_its_own_finding(mock):
    """A documented header of the wrong type, which none of our checks reads."""

    def spoil(said):
        return replace(
            said, headers={**said.headers, "x-ratelimit-limit-requests": "many"}
        )

    report = run_with_fault(
        mock,
        "openai",
        ("createImage/request/schemathesis/object-required-and-optional-3",),
        answer=spoil,
    )

    (found,) = report.broken
    assert found.check == "schemathesis:response_headers_conformance"
    assert found.kind == "wrong-response"
    assert found.claim == "createImage/200"
    assert "many" in found.message


DEFECTS = [
    ("crash-on-quality-high", "not_a_server_error", "valid-object"),
    ("edit-error-html", "content_type_conformance", "object-missing-required"),
    ("created-string", "response_schema_conformance", "positive"),
    ("n-below-accepted", "negative_data_rejection", "value-below-minimum"),
]


@pytest.mark.parametrize(("defect", "check", "drawn"), DEFECTS)
def test_a_defect_that_it_can_see_is_folded_in(defect: str, check: str, drawn: str):
    expected = EXPECTED["tokenhub"][defect]
    with serving("tokenhub", defect) as base_url:
        report = asked("tokenhub", base_url, (f"/schemathesis/{drawn}",))

    seen = [
        each for each in report.findings if f"schemathesis:{check}" in each.also_seen_by
    ]
    assert expected["kind"] in {each.kind for each in seen}
    assert all(each.claim.startswith(f"{expected['operation']}/") for each in seen)


# What was drawn and failed is asked again next time


def test_a_drawn_request_that_fails_is_remembered(tmp_path):
    """Far-off characters crash this server; no planned request has any."""

    def is_far(said) -> bool:
        prompt = said.asked.get("prompt")
        return isinstance(prompt, str) and any(ord(each) > 0x30000 for each in prompt)

    def crash(said):
        return said.with_json({"error": "far"}, status=500) if is_far(said) else said

    def run(answer: Any) -> Report:
        with serve_in_thread(relay(own.url, answer=answer)) as (url, _):
            examples = ExampleDatabase(tmp_path)
            report = asked(
                "tokenhub",
                own.base_url.replace(own.url, url),
                (*OWN, "createImage/request/plain", "/remembered/"),
                examples=examples,
            )
            examples.save()
        return report

    with mockserver.running("tokenhub") as own:
        first = run(crash)
        second = run(crash)
        repaired = [run(lambda said: said) for _ in range(4)]

    assert first.findings
    again = [each for each in second.outcomes if each.origin == "remembered"]
    assert again == list(second.outcomes[-len(again) :])
    assert all(each.findings for each in again)
    assert [each.fingerprint for each in second.findings] == [
        each.fingerprint for each in first.findings
    ]
    origins = [{each.origin for each in report.outcomes} for report in repaired]
    assert ["remembered" in each for each in origins] == [True, True, True, False]
