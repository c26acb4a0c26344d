"""Requests that a page is silent about: unspecified, not valid."""

import pytest

import specs
from specs import Judge, State

OPEN_FIELD = {
    "type": "object",
    "properties": {"size": {"type": "string", "x-null": "unspecified"}},
}
OPEN_BODY = {
    "type": "object",
    "x-null": "unspecified",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "n": {"type": "integer"},
        "image": {"type": "object", "properties": {"url": {"type": "string"}}},
    },
}


@pytest.mark.parametrize(
    ("schema", "payload", "state"),
    [
        (OPEN_FIELD, {"size": "a"}, State.VALID),
        (OPEN_FIELD, {"size": None}, State.UNSPECIFIED),
        (OPEN_FIELD, {"size": 7}, State.INVALID),
        (OPEN_BODY, {"prompt": "a", "n": None}, State.UNSPECIFIED),
        (OPEN_BODY, {"prompt": None}, State.INVALID),
        (OPEN_BODY, {"prompt": "a", "image": {"url": None}}, State.UNSPECIFIED),
        (OPEN_BODY, {"prompt": "a", "image": {"url": "b"}}, State.VALID),
        (OPEN_BODY, {"prompt": "a", "image": {"more": 1}}, State.UNSPECIFIED),
    ],
)
def test_silence_makes_a_request_unspecified(schema, payload, state):
    judge = Judge(schema)

    assert judge.judge(payload).state is state
    if state is State.INVALID:
        assert judge.judge(payload).documented_violations


@pytest.mark.every_provider
def test_null_for_a_required_field_is_invalid_at_every_provider(provider):
    """Null is of the wrong type there, or the same as a missing field."""
    for operation in provider.operations.values():
        body = operation.bodies.get(specs.JSON)
        if body is None or body.evidence.basis is not specs.Basis.DOCUMENTED:
            continue
        for name in body.schema.get("required", ()):
            assert body.judge.is_invalid({name: None})
            paths = {
                each.path
                for each in body.judge.judge({name: None}).documented_violations
            }
            assert (name,) in paths


ASSUMED_BODY = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "n": {"type": "integer", "maximum": 4, "x-basis": "documented"},
        "image": {"items": {"enum": ["a"], "x-basis": "documented"}},
    },
    "allOf": [{"x-rule": "a", "x-basis": "documented", "maxProperties": 2}],
}


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        ({"prompt": "a", "n": 4}, State.VALID),
        ({"n": 4}, State.UNSPECIFIED),
        ({"prompt": 7}, State.UNSPECIFIED),
        ({"n": 5}, State.INVALID),
        ({"image": ["b"]}, State.INVALID),
        ({"prompt": "a", "n": 4, "image": []}, State.INVALID),
    ],
)
def test_a_body_inherits_that_it_is_assumed_and_its_parts_may_be_stated(payload, state):
    judge = Judge(ASSUMED_BODY, evidence=specs.Evidence(basis=specs.Basis.ASSUMED))

    verdict = judge.judge(payload)

    assert verdict.state is state
    assert bool(verdict.documented_violations) == (state is State.INVALID)
