"""The claims of operations on tasks, and the cases that test them."""

import re

import pytest

import specs
from contracts.planning.coverage import coverage
from contracts.planning.plan import plan

pytestmark = pytest.mark.slow

WITH_TASKS = [name for name in specs.names() if specs.load(name).tasks]
# Claims that no request can break, or no response show.
NOT_SHOWN = (
    r"[^/]+/path(/\w+)?/(type|required|minLength)",  # a part of a path is any text
    r"[^/]+/query(/[\w.]+(\[\])?)?/type",  # so is a value in a query
    r"[^/]+/(query|request)/.*/default",  # the server's value is in no response
    r"[^/]+/task/(result|task)-lifetime",  # nobody waits for so long
    # Ark: beyond the first forty errors of an operation; the creation has them too.
    r"(list|get|delete)Videos?/errors/(in|out)put_(text|image|video|audio)_\w+",
    r"getTaskContent/(path|task/content)",  # AIHubMix: no response has its URL
    r"getVertexVideo/request(/type)?",  # Veo: its only field is tested
)
# A case changes one field of a request, or two. These rules need a third, or are about
# fields inside others that no documented example has.
NEEDS_MORE_FIELDS = {
    "kling": """
        camera-by-model camera-moves-along-one-axis camera-of-ones-own
        camera-of-the-vendor camera-or-masks camera_control last-frame-alone
        last-frame-not-for-master last-frame-of-v1 masks-by-model
        masks-of-v1-5-need-pro multi_prompt[] static_mask voices-need-sound""",
    "ark": """
        address-of-a-sound address-of-a-video at-most-3-sounds at-most-3-videos
        at-most-9-images camera-is-not-fixed-with-references content-of-1-0
        draft-stands-alone duration-of-1-0 formats-of-1-0 frame-of-1-0-pro-fast
        frames-or-references last-frame-needs-a-first no-sound-alone one-first-frame
        one-last-frame ratio-of-1-0-by-a-text references-have-roles role-of-a-sound
        role-of-a-video role-of-an-image""",
    "veo": """
        large-videos-have-8-seconds references-have-8-seconds references-need-a-prompt
        references-without-frames""",
    "aihubmix": "additionalProperties images[]",
}


def is_shown(claim: str) -> bool:
    return not any(re.fullmatch(each, claim) for each in NOT_SHOWN)


def rule_of(claim: str) -> str:
    """The field or rule of a claim about a request; empty for another claim."""
    parts = claim.split("/")
    return parts[2] if parts[1].startswith("request") and len(parts) > 2 else ""


@pytest.mark.parametrize("name", WITH_TASKS)
def test_every_claim_about_tasks_is_asked_but_for_the_exceptions(name):
    document = specs.load(name)
    counts = coverage(document, plan(document, is_mock=True))
    missing = [
        each.id
        for each in specs.claims(document)
        if each.is_documented
        and document.all_operations[each.operation].task is not None
        and not counts[each.id]
        and is_shown(each.id)
    ]

    exceptions = set(NEEDS_MORE_FIELDS.get(name, "").split())
    assert [each for each in missing if rule_of(each) not in exceptions] == []
    assert exceptions == {*map(rule_of, missing)}
