"""The control API does what its OpenAPI document says, for generated requests."""

import io
from typing import Any

import pytest
import requests
import schemathesis
import urllib3
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks
from support.http import ask, edit, generation, picture, url_of
from support.properties import examples

import mockserver
import specs
from mockserver.control.description import control_document
from mockserver.control.journal import MAX_WAIT_MS
from mockserver.settings import CONTROL_PREFIX, Settings

pytestmark = pytest.mark.slow

load_all_checks()
TOKEN = "t0ken"
LONGEST_WAIT_MS = 20  # a wait in vain takes as long as it may
NOT_CHECKED = {
    # Providers and their errors are not listed: they are those that are served.
    "positive_data_acceptance",
    # Another method is an unknown endpoint: 404 with the known ones.
    "unsupported_method",
}
CHECKED = [
    CHECKS.get_one(name) for name in CHECKS.get_all_names() if name not in NOT_CHECKED
]
SCHEMA = schemathesis.openapi.from_dict(control_document())


@pytest.fixture(scope="module")
def served():
    """A server with a token, that has seen requests of all kinds."""
    openai = specs.load("openai")
    with mockserver.running(settings=Settings(token=TOKEN)) as running:
        ask(url_of(running, openai), body=generation(openai))
        ask(url_of(running, openai), body={"prompt": "x", "n": 99})
        sent = edit(openai, "multipart/form-data", picture())
        ask(url_of(running, openai, "createImageEdit"), **sent)
        ask(f"{running.base_urls['openai']}/none", body={})
        yield f"{running.url}{CONTROL_PREFIX}"


@SCHEMA.parametrize()
@settings(
    max_examples=examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_each_operation_keeps_its_description(case: Any, served: str):
    if case.operation.path == "/journal/wait":
        shorten_wait(case)
    headers = {"X-Mock-Token": TOKEN}
    is_endless = case.operation.path == "/events"
    response = (
        without_end(case, served, headers)
        if is_endless
        else case.call(served, headers=headers)
    )
    case.validate_response(response, checks=CHECKED, headers=headers)


def without_end(case: Any, served: str, headers: dict[str, str]) -> requests.Response:
    """The response to a request for events, without its body if that has no end."""
    sent = case.as_transport_kwargs(served, headers=headers)
    response = requests.request(**sent, stream=True, timeout=30)
    if response.ok:
        response.raw.close()
        empty = urllib3.HTTPResponse(io.BytesIO(), response.raw.headers)
        response.raw = empty
    return response


def shorten_wait(case: Any) -> None:
    """Make a valid wait short; an invalid one is left as it is."""
    query = dict(case.query or {})
    text = str(query.get("timeout_ms", MAX_WAIT_MS))
    if text.isdecimal() and int(text) <= MAX_WAIT_MS:
        case.query = query | {"timeout_ms": min(int(text), LONGEST_WAIT_MS)}
