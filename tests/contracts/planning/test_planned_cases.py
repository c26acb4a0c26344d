"""The planned cases stay the same as long as the documents do."""

import hashlib

import pytest

import specs
from contracts.media.registry import usual_image_operations
from contracts.planning.plan import plan

SEED = 7
# The number and a hash of the cases: update both after a change of a document.
PLANNED = {
    "tokenhub": (476, "ff177e8238e598f6"),
    "openai@2026-08-21": (1059, "845a05075f54e655"),
    "openai": (1236, "d512a147ca228f15"),
}


@pytest.mark.parametrize("name", PLANNED)
def test_the_cases_for_images_are_as_before(name):
    provider = specs.load(name)
    known = usual_image_operations(provider)

    cases = [each for each in plan(provider, seed=SEED) if each.operation in known]

    text = "\n".join(f"{each.id} {each.expectation}" for each in cases)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert (len(cases), digest) == PLANNED[name]
