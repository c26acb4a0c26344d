"""The features of a request: fields, values, what is missing, and what is wrong."""

import specs
from contracts.judging.causes.features import Feature, Scope, features_of
from contracts.planning.plan import plan
from contracts.planning.request_model import request_models

PROVIDER = specs.load("openai")
CASES = {each.id: each for each in plan(PROVIDER)}


def features(case_id: str) -> frozenset[Feature]:
    case = CASES[case_id]
    models = request_models(PROVIDER)
    return features_of(case, models.get((case.operation, case.media_type or "")))


def test_a_plain_request_has_its_operation_and_lacks_all_other_fields():
    found = features("createImage/request/plain")

    assert Feature(Scope.ANY) in found
    assert Feature(Scope.OPERATION, "createImage") in found
    assert Feature(Scope.ABSENT, "size") in found
    assert Feature(Scope.OTHER_VALUE, "stream", "true") in found
    assert not any(each.scope is Scope.FIELD for each in found)
    assert not any(each.scope is Scope.FAULT for each in found)


def test_a_value_has_its_field_type_and_range():
    found = features("createImage/request/n/at-maximum-10")

    assert Feature(Scope.FIELD, "n") in found
    assert Feature(Scope.FIELD_TYPE, "n", "a number") in found
    assert Feature(Scope.RANGE, "n", "above 1") in found
    assert Feature(Scope.VALUE, "n", "10") in found


def test_an_invalid_request_names_the_field_and_the_claim_it_violates():
    found = features("createImage/request/n/maximum/above-maximum-10")

    assert Feature(Scope.VIOLATED_FIELD, "n") in found
    assert Feature(Scope.VIOLATED_CLAIM, "n", "maximum") in found
    assert Feature(Scope.FAULT, "body") in found


def test_a_request_without_a_key_is_no_invalid_body():
    found = features("createImage/auth/missing")

    assert Feature(Scope.FAULT, "auth") in found
    assert Feature(Scope.FAULT, "body") not in found


def test_a_wrong_key_is_no_invalid_field():
    found = features("createImage/auth/wrong-key")

    assert Feature(Scope.VIOLATED_CLAIM, "auth", "wrong-key") in found
    assert not any(each.scope is Scope.VIOLATED_FIELD for each in found)
    assert Feature(Scope.FAULT, "field") not in found
