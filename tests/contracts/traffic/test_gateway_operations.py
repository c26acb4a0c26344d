"""Gateways between operations that make images: chat, Responses and the images API."""

import pytest
from support.operation_gateways import (
    chat_over_images,
    images_over_responses,
    responses_over_images,
)
from support.sandwiches import Gateway, failures, one, rows_of

from contracts.judging.outcome import FeatureVerdict

FEATURES = (
    *("model", "prompt", "size", "aspect_ratio", "output_format", "quality"),
    *("background", "stream", "rate_limited", "html"),
)
Case = tuple[Gateway, str, str, str]


def chat(fault: str = "") -> Case:
    operation = "createChatCompletion"
    return lambda url: chat_over_images(url, fault), "openrouter", "openai", operation


def over_responses(fault: str = "") -> Case:
    return (
        lambda url: images_over_responses(url, fault),
        "openai",
        "openai",
        "createImage",
    )


def as_responses(fault: str = "") -> Case:
    operation = "createResponse"
    return lambda url: responses_over_images(url, fault), "openai", "openai", operation


@pytest.fixture(
    scope="module",
    params=[chat, over_responses, as_responses],
    ids=["chat", "to-responses", "from-responses"],
)
def right(request):
    return request.param, rows_of(*request.param(), *FEATURES)


def test_a_right_gateway_between_two_operations_has_no_failure(right):
    made, rows = right

    assert failures(rows) == {}
    honoured = {e.feature for e in rows if e.verdict is FeatureVerdict.HONOURED}
    assert {"key", "images", "stream", "rate_limited"} <= honoured
    if made is chat:
        row = one(rows, "aspect_ratio")
        assert row.verdict is FeatureVerdict.RENAMED
        assert row.arrived.startswith("size: ")
    else:
        assert {"size", "quality", "output_format", "background"} <= honoured


FOUND = [
    (chat, "ratio", "aspect_ratio", "ignored"),
    (chat, "stream", "stream", "ignored"),
    (chat, "error", "rate_limited", "altered"),
    (over_responses, "size", "size", "ignored"),
    (as_responses, "background", "background", "ignored"),
]


@pytest.mark.parametrize(("gateway", "fault", "feature", "verdict"), FOUND)
def test_a_fault_between_two_operations_is_found(gateway, fault, feature, verdict):
    rows = rows_of(*gateway(fault), "model", feature)

    found = [each for each in rows if each.feature == feature]
    assert verdict in {str(each.verdict) for each in found}
    # The upstream has no aspect ratio, so this one cannot fail.
    is_open = feature == "aspect_ratio"
    assert failures(rows) == ({} if is_open else {feature: verdict})
