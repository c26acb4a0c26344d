"""The document of Kling, by what the pages say of requests and tasks."""

from functools import cache
from typing import Any

import pytest

import specs
from specs import JSON, State

OK, NO, OPEN = State.VALID, State.INVALID, State.UNSPECIFIED
Row = tuple[dict[str, Any], State, str | None]


@cache
def loaded() -> specs.Provider:
    return specs.load("kling")


def short_id(value: Any) -> str:
    return str(value)[:60]


def judged(operation: str, payload: dict[str, Any]) -> specs.Verdict:
    return loaded().operations[operation].bodies[JSON].judge.judge(payload)


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A request with changes; a field of `...` is left out."""
    return {k: v for k, v in {**base, **changes}.items() if v is not ...}


URL = "https://example.com/a.png"
SIMPLE = {"type": "simple", "config": {"pan": 5}}
BRUSH = [{"mask": URL, "trajectories": [{"x": 1, "y": 1}, {"x": 9, "y": 9}]}]
SHOTS = [{"index": 1, "prompt": "a", "duration": "5"}]
TEXT = {"model_name": "kling-v2-6", "prompt": "a"}
IMAGE = {**TEXT, "image": URL}

V1, V15 = {"model_name": "kling-v1"}, {"model_name": "kling-v1-5"}
V3 = {"model_name": "kling-v3"}
BY_MODEL = {"multi_shot": True, "shot_type": "intelligence"}

KLING_BOTH: list[Row] = [
    ({}, OK, None),
    ({"model_name": ...}, OPEN, "model_name"),
    ({"model_name": "kling-v9"}, NO, "model_name"),
    ({"prompt": ...}, NO, "prompt"),
    ({"prompt": ""}, NO, "prompt"),
    ({"prompt": "a" * 2500}, OK, None),
    ({"prompt": "a" * 2501}, NO, "prompt"),
    ({"negative_prompt": "a" * 2500}, OK, None),
    ({"negative_prompt": "a" * 2501}, NO, "negative_prompt"),
    ({"mode": "pro"}, OK, None),
    ({"mode": "ultra"}, NO, "mode"),
    ({"mode": "4k"}, NO, "mode"),
    ({**V3, "mode": "4k"}, OK, None),
    ({"model_name": "kling-v2-master"}, OK, None),
    ({"model_name": "kling-v2-master", "mode": "std"}, OPEN, "mode"),
    ({"sound": "on", "mode": "pro"}, OK, None),
    ({"sound": "on", "mode": "std"}, NO, "mode"),
    ({"sound": "on"}, NO, "mode"),
    ({"sound": True}, NO, "sound"),
    ({"model_name": "kling-v2-5-turbo", "sound": "on"}, NO, "sound"),
    ({"model_name": "kling-v2-5-turbo", "sound": "off"}, OK, None),
    ({**V3, "sound": "on"}, OK, None),
    ({"cfg_scale": 0.4}, NO, "cfg_scale"),
    ({"cfg_scale": 0.5}, OPEN, "cfg_scale"),
    ({**V1, "cfg_scale": 0}, OK, None),
    ({**V1, "cfg_scale": 1}, OK, None),
    ({**V1, "cfg_scale": 1.1}, NO, "cfg_scale"),
    ({**V3, "cfg_scale": 1.1}, NO, "cfg_scale"),
    ({"duration": "5"}, OK, None),
    ({"duration": "10"}, OK, None),
    ({"duration": "6"}, NO, "duration"),
    ({"duration": "16"}, NO, "duration"),
    ({"duration": 5}, NO, "duration"),
    ({**V3, "duration": "3"}, OK, None),
    ({**V3, "duration": "15"}, OK, None),
    ({**V3, "duration": "2"}, NO, "duration"),
    ({**BY_MODEL}, NO, "multi_shot"),
    ({**V3, "multi_shot": True}, NO, "shot_type"),
    ({**V3, **BY_MODEL}, OK, None),
    ({**V3, **BY_MODEL, "prompt": ...}, NO, "prompt"),
    ({**V3, "multi_shot": True, "shot_type": "customize"}, NO, "multi_prompt"),
    (
        {
            **V3,
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": SHOTS,
            "prompt": ...,
        },
        OPEN,
        "multi_prompt",
    ),
    ({"shot_type": "intelligence"}, OPEN, "shot_type"),
    ({"watermark_info": {"enabled": True}}, OK, None),
    ({"watermark_info": {"enabled": "yes"}}, NO, "watermark_info.enabled"),
    ({"callback_url": "https://example.com/hook"}, OK, None),
    ({"callback_url": "hook"}, OPEN, "callback_url"),
    ({"external_task_id": "order-1"}, OK, None),
    ({"model": "kling-v2-6"}, OPEN, "model"),
    ({"mode": None}, OPEN, "mode"),
]
KLING_TEXT: list[Row] = [
    ({"aspect_ratio": "1:1"}, OK, None),
    ({"aspect_ratio": "4:3"}, NO, "aspect_ratio"),
    ({**V15}, NO, "model_name"),
    ({"camera_control": SIMPLE}, NO, "model_name"),
    ({**V1, "camera_control": SIMPLE}, OK, None),
    ({**V1, "camera_control": {"type": "down_back"}}, OK, None),
    ({**V1, "camera_control": SIMPLE, "mode": "pro"}, NO, "mode"),
    ({**V1, "camera_control": SIMPLE, "duration": "10"}, NO, "duration"),
    ({**V1, "camera_control": {"type": "simple"}}, NO, "camera_control.config"),
    (
        {**V1, "camera_control": {"type": "simple", "config": {"pan": 1, "tilt": 1}}},
        NO,
        "camera_control.config",
    ),
    (
        {**V1, "camera_control": {"type": "simple", "config": {"pan": 0}}},
        NO,
        "camera_control.config",
    ),
    (
        {**V1, "camera_control": {"type": "simple", "config": {"pan": 0, "zoom": -10}}},
        OK,
        None,
    ),
    (
        {**V1, "camera_control": {"type": "simple", "config": {"zoom": 11}}},
        NO,
        "camera_control.config.zoom",
    ),
    (
        {**V1, "camera_control": {"type": "down_back", "config": {"pan": 1}}},
        NO,
        "camera_control.config",
    ),
    ({"prompt": "<<<voice_1>>> says hello"}, NO, "sound"),
    (
        {"prompt": "<<<voice_1>>> says hello", "sound": "on", "mode": "pro"},
        OPEN,
        "prompt",
    ),
]
KLING_IMAGE: list[Row] = [
    ({"image": "aGVsbG8="}, OK, None),
    ({"image": "data:image/png;base64,aGVsbG8="}, NO, "image"),
    ({"image": ...}, NO, "image"),
    ({"aspect_ratio": "16:9"}, OPEN, "aspect_ratio"),
    ({"image_tail": URL, "mode": "pro"}, OK, None),
    ({"image_tail": URL}, NO, "mode"),
    ({"image_tail": URL, "mode": "pro", "sound": "on"}, NO, "sound"),
    ({"image_tail": URL, "mode": "pro", "image": ...}, NO, "model_name"),
    (
        {"model_name": "kling-v1-6", "image_tail": URL, "mode": "pro", "image": ...},
        OK,
        None,
    ),
    ({**V1, "image_tail": URL}, OK, None),
    ({**V1, "image_tail": URL, "duration": "10"}, NO, "duration"),
    ({**V3, "image_tail": URL}, OK, None),
    ({**V3, "image_tail": URL, "mode": "4k"}, OPEN, "mode"),
    ({"model_name": "kling-v2-master", "image_tail": URL}, NO, "image_tail"),
    ({**V1, "dynamic_masks": BRUSH}, OK, None),
    ({"dynamic_masks": BRUSH}, NO, "model_name"),
    ({**V1, "static_mask": URL, "duration": "10"}, NO, "duration"),
    ({**V15, "static_mask": URL}, NO, "mode"),
    ({**V15, "static_mask": URL, "mode": "pro"}, OK, None),
    ({**V1, "dynamic_masks": BRUSH * 7}, NO, "dynamic_masks"),
    (
        {**V1, "dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1, "y": 1}]}]},
        NO,
        "dynamic_masks[0].trajectories",
    ),
    ({**V1, "image_tail": URL, "static_mask": URL}, NO, "static_mask"),
    ({**V15, "mode": "pro", "camera_control": SIMPLE}, OK, None),
    (
        {**V15, "mode": "pro", "camera_control": {"type": "down_back"}},
        NO,
        "camera_control.type",
    ),
    ({**V15, "mode": "pro", "camera_control": {}}, NO, "camera_control.type"),
    (
        {**V15, "mode": "pro", "camera_control": SIMPLE, "image_tail": URL},
        NO,
        "camera_control",
    ),
    ({"element_list": [{"element_id": 1}] * 4}, NO, "element_list"),
    (
        {
            "element_list": [{"element_id": 1}],
            "voice_list": [{"voice_id": "a"}],
            "sound": "on",
            "mode": "pro",
        },
        NO,
        "voice_list",
    ),
    ({"voice_list": [{"voice_id": "a"}]}, NO, "sound"),
    ({"voice_list": [{"voice_id": "a"}], "sound": "on", "mode": "pro"}, OK, None),
    ({**V3, **BY_MODEL, "image_tail": URL}, OPEN, "image_tail"),
]


@pytest.mark.parametrize(
    ("operation", "base", "changes", "state", "param"),
    [
        *(("createTextToVideo", TEXT, *row) for row in KLING_BOTH + KLING_TEXT),
        *(("createImageToVideo", IMAGE, *row) for row in KLING_BOTH + KLING_IMAGE),
    ],
    ids=short_id,
)
def test_a_request_is_judged_as_the_pages_of_kling_say(
    operation, base, changes, state, param
):
    verdict = judged(operation, changed(base, changes))

    assert verdict.state is state, verdict.violations
    found = verdict.violations if state is OPEN else verdict.documented_violations
    assert param is None or param in {each.param for each in found}


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({"mode": "x"}, "invalid_request", 400),
        ({"model_name": "x"}, "model_not_found", 404),
    ],
    ids=short_id,
)
def test_a_wrong_request_gets_the_documented_error(changes, error, status):
    operation = "createTextToVideo"
    verdict = judged(operation, changed(TEXT, changes))

    assert verdict.documented_violations[0].evidence.error == error
    assert loaded().operations[operation].errors[error].status == status


NOW_MS = 1779912000000
ENVELOPE = {"code": 0, "message": "SUCCEED", "request_id": "r"}
KLING_TASK = {
    "task_id": "8" * 18,
    "task_status": "submitted",
    "created_at": NOW_MS,
    "updated_at": NOW_MS,
}
RESULT = {"videos": [{"id": "1", "url": URL, "duration": "5.1"}]}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, OK),
        ({"created_at": NOW_MS // 1000}, NO),
        ({"task_status": "succeeded"}, NO),
        ({"task_status": "succeed", "task_result": RESULT}, OK),
        ({"task_status": "succeed"}, NO),
        ({"task_status": "succeed", "task_result": {"videos": []}}, NO),
        ({"task_status": "failed"}, NO),
        ({"task_status": "failed", "task_status_msg": "a"}, OK),
        ({"task_status": "processing", "task_result": RESULT}, OPEN),
        ({"task_status": "processing", "task_result": {"videos": []}}, OK),
    ],
    ids=short_id,
)
def test_a_task_of_kling_is_judged_by_its_state(changes, state):
    operation = loaded().task_operations["getTextToVideo"]
    body = {**ENVELOPE, "data": {**KLING_TASK, **changes}}

    assert operation.success.bodies[JSON].judge.state(body) is state


@pytest.mark.parametrize(
    ("operation", "parameter", "value", "state"),
    [
        ("listTextToVideos", "pageNum", 1000, OK),
        ("listTextToVideos", "pageNum", 1001, NO),
        ("listImageToVideos", "pageSize", 500, OK),
        ("listImageToVideos", "pageSize", 501, NO),
        ("listImageToVideos", "pageSize", 0, NO),
    ],
    ids=short_id,
)
def test_a_parameter_of_a_list_is_judged(operation, parameter, value, state):
    query = loaded().task_operations[operation].parameters["query"]

    assert query.judge.state({parameter: value}) is state


@pytest.mark.parametrize("kind", ["textToVideo", "imageToVideo"])
def test_the_states_of_a_task_are_those_of_the_pages(kind):
    task = loaded().tasks[kind]
    finals = {"succeed", "failed"}
    first = next(iter(task.states))

    assert {each.name for each in task.states.values() if each.is_final} == finals
    assert task.result_lifetime.value == 30 * 86400
    assert not any(task.moves.after(final) for final in finals)
    assert task.moves.after(first) == set(task.states) - {first}


@pytest.mark.parametrize(
    ("changes", "size", "rate", "price"),
    [
        ({}, (1280, 720), 24, 0.042 * 5),
        ({"mode": "pro", "duration": "10"}, (1920, 1080), 24, 0.7),
        ({"mode": "pro", "sound": "on"}, (1920, 1080), 24, 0.7),
        (
            {"mode": "pro", "sound": "on", "voice_list": [{"voice_id": "a"}]},
            (1920, 1080),
            24,
            0.84,
        ),
        ({**V3, "mode": "4k"}, (3840, 2160), 24, 2.1),
        ({**V3, "sound": "on"}, (1280, 720), 24, 0.63),
        ({"model_name": "kling-v2-5-turbo"}, (1280, 720), 24, 0.21),
        ({**V1, "mode": "pro"}, (1280, 720), 30, None),
        ({"model_name": "kling-v1-6"}, (1280, 720), 24, None),
        ({"model_name": "kling-v1-6", "image": URL}, (1280, 720), 30, None),
        ({"model_name": "kling-v2-1-master"}, (1920, 1080), 24, None),
    ],
    ids=short_id,
)
def test_a_video_of_kling_is_as_its_map_and_prices_say(changes, size, rate, price):
    dialect = loaded().dialect
    operation = "createImageToVideo"
    asked = dialect.with_canonical_names(operation, {**TEXT, **changes})

    facts = dialect.video.facts(asked)
    found = specs.cost(dialect, operation, asked, count=1, medium="video")

    assert ((facts.width, facts.height), facts.frame_rate) == (size, rate)
    assert found.amount == (None if price is None else pytest.approx(price))
