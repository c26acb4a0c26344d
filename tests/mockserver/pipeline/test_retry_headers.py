"""The headers that say when to retry are valid, exact and do not contradict."""

import urllib.request

import pytest
import requests
from requests.adapters import HTTPAdapter
from support.http import WAYS, ask, generation, provoked, url_of
from urllib3.util import Retry

import mockserver
import specs

pytestmark = pytest.mark.slow

QUOTA_ERRORS = (
    "insufficient_quota", "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
)  # fmt: skip


@pytest.fixture(scope="module")
def openai():
    return specs.load("openai")


def send(running, provider, **asked):
    body = generation(provider, prompt=asked.pop("prompt", "A boat"))
    return ask(url_of(running, provider), body=body, **asked)


def limits(answer):
    """The `x-ratelimit` headers of a response."""
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if "ratelimit" in name.lower()
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("wanted", "seconds", "milliseconds"),
    [("0", "0", "0"), ("0.1", "1", "100"), ("0.0005", "1", "0.5"), ("2", "2", "2000"),
     ("2.5", "3", "2500"), ("3600", "3600", "3600000"),
     ("604800", "604800", "604800000")],
)  # fmt: skip
def test_seconds_are_whole_and_milliseconds_exact(
    own, openai, way, wanted, seconds, milliseconds
):
    asked = provoked(own, openai, way, f"rate_limited;retry-after={wanted}")

    answer = send(own, openai, **asked)

    assert answer.headers.get_all("Retry-After") == [seconds]
    assert answer.headers.get_all("retry-after-ms") == [milliseconds]


def test_a_client_of_whole_seconds_retries(own, openai):
    """urllib3 raises `InvalidHeader` for a fraction."""
    own.script({"error": "rate_limited", "retry_after": 0.1}, "openai")
    retries = Retry(total=1, status_forcelist=[429], allowed_methods=None)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retries))
        answer = session.post(
            url_of(own, openai),
            json=generation(openai),
            headers={"Authorization": "Bearer k"},
            timeout=30,
        )

    assert answer.status_code == 200


@pytest.mark.parametrize("way", ["header", "prompt", "key"])
def test_too_long_a_time_is_refused_and_not_cut(own, openai, way):
    asked = provoked(own, openai, way, "rate_limited;retry-after=604801")

    answer = send(own, openai, **asked)

    assert answer.status == 400
    assert "retry-after must be 0 to 604800" in answer.json["error"]["message"]


def test_a_requested_rate_limit_has_nothing_left_until_then(own, openai):
    answer = send(own, openai, X_Mock_Error="rate_limited;retry-after=90.5")

    assert limits(answer) == {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m31s",
    }
    assert answer.headers["Retry-After"] == "91"


def test_with_a_true_limit_it_is_that_one(openai):
    with mockserver.running("openai", requests_per_minute=2) as own:
        asked = send(own, openai, X_Mock_Error="rate_limited")
        served = send(own, openai)
        refused = [send(own, openai) for _ in range(2)][-1]

    assert limits(asked) == {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
    }
    assert asked.headers["Retry-After"] == "1"
    assert asked.headers["retry-after-ms"] == "1000"
    assert limits(served)["x-ratelimit-remaining-requests"] == "1"
    assert refused.status == 429
    assert limits(refused)["x-ratelimit-remaining-requests"] == "0"
    milliseconds = float(refused.headers["retry-after-ms"])
    assert 0 < milliseconds <= 1000 * int(refused.headers["Retry-After"])


@pytest.mark.parametrize("error", QUOTA_ERRORS)
def test_an_account_without_credit_is_not_told_to_wait(own, openai, error):
    answer = send(own, openai, X_Mock_Error=error)

    assert answer.status == 429
    assert "Retry-After" not in answer.headers
    assert "retry-after-ms" not in answer.headers
    assert limits(answer) == {}
    waits = send(own, openai, X_Mock_Error=f"{error};retry-after=5")
    assert waits.headers["Retry-After"] == "5"


def test_without_limits_no_response_has_numbers(own, provider):
    url = url_of(own, provider)
    answers = [
        send(own, provider),
        ask(url, body="{", Content_Type="application/json"),
        ask(url, method="PUT"),
        ask(url, body="x", Content_Type="text/plain"),
        send(own, provider, X_Mock_Error="server_error"),
    ]

    assert [each.status for each in answers][1:] == [400, 405, 415, 500]
    assert all(limits(each) == {} for each in answers)


def test_other_providers_send_the_documented_seconds(own, provider):
    answer = send(own, provider, X_Mock_Error="rate_limited")

    example = provider.operations["createImage"].errors["rate_limited"]
    assert answer.headers["Retry-After"] == example.headers["Retry-After"]


def test_the_clock_of_a_client_is_not_needed(own, openai):
    """The standard library reads the headers, whatever their case."""
    own.script({"error": "503", "retry_after": 1.2}, "openai")
    request = urllib.request.Request(
        url_of(own, openai), data=b"{}", headers={"Authorization": "Bearer k"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)

    with caught.value as error:
        assert (error.code, error.headers["RETRY-AFTER"]) == (503, "2")
