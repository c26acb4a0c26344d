"""The conversations that defects of tasks are shown by, as small as they can be."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import specs
from contracts.planning.case import Case, Follow, Origin
from contracts.planning.tasks.plan import task_operation_cases
from specs import Role, State

PROMPT = "A red cube on a white table"
ARK = {
    "model": "doubao-seedance-1-5-pro-251215",
    "content": [{"type": "text", "text": PROMPT}],
    "resolution": "480p",
    "ratio": "16:9",
    "duration": 4,
    "generate_audio": True,
    "return_last_frame": True,
}
KLING = {
    "model_name": "kling-v2-6",
    "prompt": PROMPT,
    "duration": "5",
    "aspect_ratio": "16:9",
}
AIHUBMIX = {"model": "gpt-image-2", "prompt": PROMPT, "async": True, "n": 2}
LLMAPI = {"model": "gpt-image-2", "prompt": PROMPT, "size": "1024x1024"}
VEO = {"instances": [{"prompt": PROMPT}], "parameters": {"aspectRatio": "16:9"}}
OPENAI = {"model": "sora-2", "prompt": PROMPT, "seconds": "4", "size": "1280x720"}

PLAIN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ark": ("createVideo", ARK),
    "kling": ("createTextToVideo", KLING),
    "aihubmix": ("createImageTask", AIHUBMIX),
    "llmapi": ("createImageTask", LLMAPI),
    "openai": ("createVideo", OPENAI),
    "tikhub": ("createKlingTextToVideo", KLING),
    "veo": ("createVideo", VEO),
}
"""An operation of each provider, and a request that creates a task."""

END, CANCEL, RUNNING, DELETE, EVENTS = Follow
FAILED = "failed"


@functools.cache
def loaded(provider: str) -> specs.Provider:
    return specs.load(provider)


def conversation(provider: str, follow: Follow | str) -> Case:
    """A case that creates a task and follows it; `FAILED` is one that fails."""
    operation, payload = PLAIN[provider]
    is_failing = follow == FAILED
    if is_failing:
        marked = f"{PROMPT} [[mock:task=failed]]"
        payload = json.loads(json.dumps(payload).replace(PROMPT, marked))
    return Case(
        id=f"{operation}/task/{follow}",
        operation=operation,
        origin=Origin.TASK,
        expectation=State.VALID,
        payload=payload,
        claims=(f"{operation}/path",),
        follow=Follow.TO_THE_END if is_failing else Follow(follow),
    )


def single_requests(provider: str, *parts: str) -> list[Case]:
    """The requests to operations on tasks with one of these parts in their id."""
    return [
        each
        for each in task_operation_cases(loaded(provider), is_mock=False)
        if any(part in each.id for part in parts)
    ]


def correct_cases(provider: str) -> list[Case]:
    """Each conversation that the document has operations for, and single requests."""
    operation, _ = PLAIN[provider]
    known = loaded(provider)
    kind = known.all_operations[operation].task.kind
    roles = [each.task for each in known.operations_on(kind, Role.CANCEL)]
    follows = {Follow.TO_THE_END, FAILED}
    follows |= {Follow.CANCEL for each in roles if each.cancels}
    follows |= {Follow.CANCEL_RUNNING for each in roles if each.cancels}
    follows |= {Follow.EVENTS for _ in known.operations_on(kind, Role.EVENTS)}
    follows |= {Follow.DELETE for each in roles if each.deletes}
    own = [
        each
        for each in single_requests(provider, "")
        if known.all_operations[each.operation].task.kind == kind
    ]
    return [*(conversation(provider, each) for each in sorted(follows)), *own]
