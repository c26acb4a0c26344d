"""The checks of Retry-After, of keys in headers and of wrong keys."""

import json

import pytest

import specs
from contracts.judging.examiner import Examiner
from contracts.judging.guarantees.table import breaches
from contracts.judging.interaction import REDACTED_KEY, Interaction
from contracts.planning.case import (
    KEY,
    TARGET_KEY,
    WRONG_KEY,
    Case,
    Origin,
    authorization_header,
    wrong_key,
)
from specs import State

RIGHT_KEY = "sk-0123456789abcdef0123456789abcdef"
CASE = Case("c", "createImage", Origin.PROBE, State.VALID, payload={"prompt": "A"})


def messages(name, status, headers, *, body=b"{}", earlier=()):
    """The breaches of one guarantee by a response."""
    interaction = Interaction(CASE, status, headers, body, 0.1, earlier_429=earlier)
    examiner = Examiner(specs.load("openai"), RIGHT_KEY)
    return list(breaches(name, examiner.context(interaction).answer))


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "120",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_a_number_of_seconds_and_each_http_date_are_valid(value):
    assert messages("retry-after-is-valid", 429, {"retry-after": value}) == []
    assert messages("retry-after-on-429", 429, {"retry-after": value}) == []


@pytest.mark.parametrize("value", ["soon", "1.5", "-1", "1s", "2026-11-28T10:00:00Z"])
def test_another_value_is_not(value):
    (message,) = messages("retry-after-is-valid", 429, {"retry-after": value})

    assert f'"{value}" (string)' in message


def test_a_missing_header_is_not_a_malformed_one():
    assert messages("retry-after-is-valid", 429, {}) == []
    assert len(messages("retry-after-on-429", 429, {})) == 1


@pytest.mark.parametrize(
    ("code", "is_expected"),
    [("rate_limit_exceeded", True), ("insufficient_quota", False), ("new", True)],
)
def test_an_account_without_credit_needs_no_time_to_wait(code, is_expected):
    body = json.dumps({"error": {"message": "No.", "type": "requests", "code": code}})
    interaction = Interaction(CASE, 429, {}, body.encode(), 0.1)
    examiner = Examiner(specs.load("openai"), RIGHT_KEY)

    found = examiner.observations(examiner.context(interaction))

    assert ("retry-after-on-429" in {each.check for each in found}) == is_expected


def test_a_429_before_a_success_is_looked_at():
    assert len(messages("retry-after-on-429", 200, {}, earlier=({},))) == 1
    assert messages("retry-after-on-429", 200, {}) == []


def test_a_key_is_found_in_a_header_and_in_a_body():
    for headers in ({"x-debug": f"Bearer {RIGHT_KEY}"}, {"x-debug": REDACTED_KEY}):
        (message,) = messages("keeps-secrets", 400, headers)
        assert "x-debug" in message
        assert RIGHT_KEY not in message
    body = f'{{"error": "{RIGHT_KEY}"}}'.encode()
    assert len(messages("keeps-secrets", 400, {}, body=body)) == 1
    assert messages("keeps-secrets", 400, {"x-debug": "Bearer ***"}) == []


@pytest.mark.parametrize("key", [RIGHT_KEY, "sk-any", "", "sk-" + "x" * 160])
def test_a_wrong_key_is_another_key_of_the_same_shape(key):
    wrong = wrong_key(key)

    assert wrong != key
    assert key[: len(key) // 2][:6] == wrong[: len(key) // 2][:6]
    assert len(wrong) == len(key) or len(key) < 26
    assert not key or key not in wrong
    assert wrong.endswith("mock-unauthenticated")  # what our mock rejects


def test_a_header_has_the_key_of_the_target_where_its_place_is():
    assert authorization_header(None, RIGHT_KEY) is None
    assert authorization_header(TARGET_KEY, RIGHT_KEY) == f"Bearer {RIGHT_KEY}"
    assert authorization_header(f"Basic {KEY}", RIGHT_KEY) == f"Basic {RIGHT_KEY}"
    wrong = authorization_header(f"Bearer {WRONG_KEY}", RIGHT_KEY)
    assert wrong == f"Bearer {wrong_key(RIGHT_KEY)}"
    assert authorization_header("Bearer", RIGHT_KEY) == "Bearer"
