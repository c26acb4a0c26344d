"""`x-enforced`: what the mock rejects of the payloads that a document leaves open."""

import pytest

from specs.validation.judge import Judge, State

RULE = {"x-basis": "assumed", "x-source": "ours", "required": ["prompt"]}


def judge(**more):
    return Judge(
        {
            "type": "object",
            "x-null": "unspecified",
            "properties": {"prompt": {"type": "string"}, "n": {"type": "integer"}},
            "allOf": [RULE | more],
        }
    )


def test_an_enforced_rule_leaves_the_state_as_it_is():
    enforced, lenient = judge(**{"x-enforced": True}), judge()

    assert enforced.state({}) is lenient.state({}) is State.UNSPECIFIED
    assert enforced.violates_enforced({})
    assert not lenient.violates_enforced({})
    assert not enforced.violates_enforced({"prompt": "a"})


def test_the_violation_of_an_enforced_rule_is_marked():
    verdict = judge(**{"x-enforced": True}).judge({"other": 1})

    (violation,) = verdict.enforced_violations
    assert violation.param == "prompt"
    assert len(verdict.violations) == 2
    assert verdict.documented_violations == ()
    assert judge().judge({}).enforced_violations == ()


@pytest.mark.parametrize("payload", [{"n": "1"}, {"prompt": 1}])
def test_a_documented_violation_counts_as_well(payload):
    assert judge().violates_enforced({"prompt": "a"} | payload)


def test_a_part_with_another_basis_inside_is_not_enforced():
    inner = {"properties": {"n": {"maximum": 3, "x-basis": "assumed"}}}
    found = judge(**{"x-enforced": True}, **inner)

    assert not found.violates_enforced({"prompt": "a", "n": 4})
    assert found.judge({"prompt": "a", "n": 4}).enforced_violations == ()
