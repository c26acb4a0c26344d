"""The checks of `usage` that compare responses, or look for the field."""

import json

import pytest

import specs
from contracts.judging.examiner import Examiner
from contracts.judging.guarantees.table import breaches
from contracts.judging.interaction import Interaction
from contracts.planning.case import Case, Origin
from specs import State


def usage(output):
    return {"input_tokens": 5, "output_tokens": output, "total_tokens": 5 + output}


@pytest.fixture
def answer():
    """Make an answer to a request; all answers share one history."""
    examiner = Examiner(specs.load("openai"), "")

    def made(body, **request):
        payload = {"prompt": "A", "model": "gpt-image-2", **request}
        case = Case("c", "createImage", Origin.PROBE, State.VALID, payload=payload)
        headers = {"content-type": "application/json"}
        content = json.dumps(body).encode()
        interaction = Interaction(case, 200, headers, content, 0.1)
        return examiner.context(interaction).answer

    return made


def of_images(count, **more):
    return {"data": [{"b64_json": "AAAA"}] * count, **more}


def test_the_same_tokens_for_more_images_are_a_breach(answer):
    name = "usage-grows-with-n"
    assert not [*breaches(name, answer(of_images(1, usage=usage(196))))]
    (message,) = breaches(name, answer(of_images(2, usage=usage(196)), n=2))

    assert "196" in message


def test_more_tokens_and_other_requests_are_none(answer):
    name = "usage-grows-with-n"
    for body, request in (
        (of_images(1, usage=usage(196)), {}),
        (of_images(2, usage=usage(392)), {"n": 2}),
        (of_images(2, usage=usage(196)), {"n": 2, "quality": "low"}),
        (of_images(1, usage=usage(196)), {"n": 3}),  # the count is wrong, not `usage`
        (of_images(4), {"n": 4}),
    ):
        assert not [*breaches(name, answer(body, **request))]


def test_a_missing_usage_is_found_but_not_null(answer):
    (message,) = breaches("usage-present", answer(of_images(1)))

    assert message == "usage is missing; the body is an object with data"
    assert not [*breaches("usage-present", answer(of_images(1, usage=usage(1))))]
    assert not [*breaches("usage-present", answer(of_images(1, usage=None)))]


def test_usage_now_and_then_is_a_breach_by_model(answer):
    name = "usage-consistent"
    assert not [*breaches(name, answer(of_images(1, usage=usage(1))))]
    assert not [*breaches(name, answer(of_images(1), model="gpt-image-1"))]
    assert len([*breaches(name, answer(of_images(1)))]) == 1
