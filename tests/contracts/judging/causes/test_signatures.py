"""Signatures of failed checks: equal for all cases of one cause."""

import pytest

from contracts.judging.causes.signatures import (
    STATUS,
    Signature,
    claim_suffix,
    normalize,
    signature_of,
)
from contracts.report.model import Finding, FindingKind


def finding(check: str, kind: str, claim: str, message: str, excerpt: str) -> Finding:
    return Finding(
        kind=FindingKind(kind),
        check=check,
        claim=claim,
        basis="documented",
        source="",
        source_url="",
        message=message,
        expected="",
        case="createImage/request/plain",
        fingerprint="0",
        request={},
        answer={"status": 500, "content_type": "", "excerpt": excerpt},
    )


@pytest.mark.parametrize(
    ("claim", "suffix"),
    [
        ("createImage/200/data[]/url/required", "data[]/url/required"),
        ("createImageEdit/200/data[]/url/required", "data[]/url/required"),
        ("createImage/400/error/code/required", "error/code/required"),
        (
            "createImage/200/events/image_generation.completed/usage/required",
            "events/completed/usage/required",
        ),
        ("createImage/path", "path"),
    ],
)
def test_a_claim_is_compared_without_its_operation(claim: str, suffix: str):
    assert claim_suffix(claim) == suffix


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Unknown parameter: 'style'.", "Unknown parameter: 'user'."),
        ("request 8fa93b21-77aa failed", "request 112233aa-00ff failed"),
        ("n must be at most 10", "n must be at most 4"),
    ],
)
def test_messages_are_compared_without_what_varies(one: str, other: str):
    assert normalize(one) == normalize(other)


def test_different_messages_stay_different():
    assert normalize("mask is not supported") != normalize("size is not supported")


def test_a_wrong_status_is_told_by_status_and_message_whatever_the_check():
    body = '{"error": {"message": "id 8fa93b21 failed"}}'
    claim = "createImage/request/n/maximum"
    valid = finding("valid-is-accepted", "crash", claim, "status 500", body)
    invalid = finding("invalid-is-refused", "crash", claim, "status 500", body)

    assert signature_of(valid, 500) == signature_of(invalid, 500)
    assert signature_of(valid, 500) != signature_of(valid, 502)
    assert signature_of(valid, 500).check == STATUS


def test_accepted_requests_are_alike_whatever_the_response():
    claim = "createImage/request/n/maximum"
    one = finding("invalid-is-refused", "accepts-invalid", claim, "a", "{}")
    other = finding("invalid-is-refused", "accepts-invalid", claim, "b", "[1]")

    assert signature_of(one, 200) == signature_of(other, 201) == Signature(STATUS, 200)
