"""The features that explain failing cases: narrow, precise, and few."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.judging.causes.cover import explain
from contracts.judging.causes.features import ANY_REQUEST, Feature, Scope

EDIT = Feature(Scope.OPERATION, "createImageEdit")
CREATE = Feature(Scope.OPERATION, "createImage")
MASK = Feature(Scope.FIELD, "mask")
SIZE = Feature(Scope.VALUE, "size", '"1024x1536"')
STREAM = Feature(Scope.VALUE, "stream", "true")
NO_FORMAT = Feature(Scope.ABSENT, "response_format")


def case(*features: Feature) -> frozenset[Feature]:
    return frozenset((ANY_REQUEST, *features))


def explanations(failing, passing) -> list[tuple[Feature, ...]]:
    return [each.features for each in explain(failing, passing)]


def test_a_feature_that_no_passing_case_has_explains_the_failing_ones():
    failing = [case(EDIT, MASK), case(EDIT, MASK, SIZE)]
    passing = [case(EDIT), case(EDIT, SIZE), case(CREATE)]

    assert explanations(failing, passing) == [(MASK,)]


def test_if_nothing_passes_every_request_fails():
    assert explanations([case(EDIT), case(CREATE)], []) == [(ANY_REQUEST,)]


def test_an_operation_explains_its_cases():
    failing = [case(EDIT), case(EDIT, MASK)]

    assert explanations(failing, [case(CREATE)]) == [(EDIT,)]


def test_two_independent_features_are_two_explanations():
    failing = [case(EDIT, MASK), case(EDIT, MASK), case(EDIT, SIZE)]

    assert explanations(failing, [case(EDIT)]) == [(MASK,), (SIZE,)]


def test_a_pair_explains_what_no_single_feature_does():
    failing = [case(CREATE, SIZE, STREAM)]
    passing = [case(CREATE, SIZE), case(CREATE, STREAM)]

    assert explanations(failing, passing) == [(CREATE, SIZE, STREAM)]


def test_the_absence_of_a_field_in_one_operation_is_an_explanation():
    failing = [case(CREATE, NO_FORMAT), case(CREATE, NO_FORMAT, SIZE)]
    passing = [case(CREATE, SIZE), case(EDIT, NO_FORMAT)]

    assert explanations(failing, passing) == [(CREATE, NO_FORMAT)]


def test_cases_that_nothing_tells_apart_are_not_explained():
    assert explanations([case(EDIT, MASK)], [case(EDIT, MASK)]) == [()]


SOME = st.frozensets(
    st.sampled_from([EDIT, CREATE, MASK, SIZE, STREAM, NO_FORMAT])
).map(lambda features: features | {ANY_REQUEST})


@given(st.lists(SOME, max_size=8), st.lists(SOME, max_size=8))
def test_every_failing_case_is_in_one_explanation_and_no_passing_case_has_it(
    failing, passing
):
    found = explain(failing, passing)

    indexes = [index for each in found for index in each.failing]
    assert sorted(indexes) == list(range(len(failing)))
    for explanation in found:
        wanted = set(explanation.features)
        if wanted:
            assert not any(wanted <= one for one in passing)
            assert all(wanted <= failing[at] for at in explanation.failing)
