"""The document of Volcengine Ark, by what the pages say of requests and tasks."""

from functools import cache
from typing import Any

import pytest

import specs
from specs import JSON, State

OK, NO, OPEN = State.VALID, State.INVALID, State.UNSPECIFIED
Row = tuple[dict[str, Any], State, str | None]


@cache
def loaded() -> specs.Provider:
    return specs.load("ark")


def short_id(value: Any) -> str:
    return str(value)[:60]


def judged(operation: str, payload: dict[str, Any]) -> specs.Verdict:
    return loaded().operations[operation].bodies[JSON].judge.judge(payload)


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A request with changes; a field of `...` is left out."""
    return {k: v for k, v in {**base, **changes}.items() if v is not ...}


URL = "https://example.com/a.png"
WORDS = {"type": "text", "text": "a"}


def image(role: str | None = None, url: str = URL) -> dict[str, Any]:
    item = {"type": "image_url", "image_url": {"url": url}}
    return {**item, "role": role} if role else item


VIDEO = {"type": "video_url", "video_url": {"url": URL}, "role": "reference_video"}
SOUND = {"type": "audio_url", "audio_url": {"url": URL}, "role": "reference_audio"}
DRAFT = {"type": "draft_task", "draft_task": {"id": "cgt-1"}}
M10 = "doubao-seedance-1-0-pro-250528"
M10_FAST = "doubao-seedance-1-0-pro-fast-251015"
M20 = "doubao-seedance-2-0-260128"
M20_FAST = "doubao-seedance-2-0-fast-260128"
SEEDANCE = {"model": "doubao-seedance-1-5-pro-251215", "content": [WORDS]}
HEIC = "data:image/heic;base64,AAAA"

ARK: list[Row] = [
    ({}, OK, None),
    ({"model": ...}, NO, "model"),
    ({"model": "gpt-image-2"}, NO, "model"),
    ({"model": "ep-2026-abc"}, OPEN, "model"),
    ({"model": "doubao-seedance-2-5-260628"}, OPEN, "model"),
    ({"content": ...}, NO, "content"),
    ({"content": []}, NO, "content"),
    ({"content": [{"type": "text"}]}, NO, "content[0].text"),
    ({"content": [{"text": "a"}]}, NO, "content[0].type"),
    ({"content": [{"type": "image_url"}]}, NO, "content[0].image_url"),
    ({"content": [image()]}, OK, None),
    ({"content": [WORDS, image("first_frame")]}, OK, None),
    ({"content": [image("first_frame"), image("last_frame")]}, OK, None),
    ({"content": [image("last_frame")]}, NO, "content[0].role"),
    ({"content": [image(), image()]}, NO, "content[0].role"),
    ({"content": [image("first_frame"), image("first_frame")]}, NO, "content"),
    ({"content": [image("reference_image")]}, NO, "content[0].role"),
    ({"content": [image(url="ftp://a")]}, NO, "content[0].image_url.url"),
    (
        {"content": [image(url="data:image/PNG;base64,AA")]},
        NO,
        "content[0].image_url.url",
    ),
    ({"content": [image(url=HEIC)]}, OK, None),
    ({"model": M10, "content": [image(url=HEIC)]}, NO, "content[0].image_url.url"),
    (
        {"content": [image(url="asset://a")]},
        OPEN,
        "content[0].image_url.url",
    ),
    ({"content": [WORDS, VIDEO]}, NO, "content[1].type"),
    ({"content": [WORDS, SOUND]}, NO, "content[1].type"),
    ({"content": [DRAFT]}, OK, None),
    ({"content": [DRAFT, WORDS]}, NO, "content[1].type"),
    ({"model": M10, "content": [DRAFT]}, NO, "content[0].type"),
    ({"content": [{"type": "text", "text": "a --dur 99"}]}, OPEN, "content[0].text"),
    ({"content": [WORDS, WORDS]}, OPEN, "content"),
    (
        {"model": M10_FAST, "content": [image("first_frame"), image("last_frame")]},
        NO,
        "content[1].role",
    ),
    ({"model": M20, "content": [image("reference_image")] * 9}, OK, None),
    ({"model": M20, "content": [image("reference_image")] * 10}, NO, "content"),
    ({"model": M20, "content": [WORDS, VIDEO, SOUND]}, OK, None),
    ({"model": M20, "content": [VIDEO] * 3}, OK, None),
    ({"model": M20, "content": [VIDEO] * 4}, NO, "content"),
    ({"model": M20, "content": [VIDEO, *[SOUND] * 4]}, NO, "content"),
    ({"model": M20, "content": [WORDS, SOUND]}, NO, "content[1].type"),
    (
        {"model": M20, "content": [image("first_frame"), VIDEO]},
        NO,
        "content[0].role",
    ),
    ({"model": M20, "content": [image(), VIDEO]}, NO, "content[0].role"),
    (
        {"model": M20, "content": [image("reference_image")], "camera_fixed": True},
        NO,
        "camera_fixed",
    ),
    ({"duration": -1}, OK, None),
    ({"duration": 3}, NO, "duration"),
    ({"duration": 12}, OK, None),
    ({"duration": 13}, NO, "duration"),
    ({"duration": "5"}, NO, "duration"),
    ({"model": M10, "duration": 2}, OK, None),
    ({"model": M10, "duration": -1}, NO, "duration"),
    ({"model": M20, "duration": 15}, OK, None),
    ({"model": M20, "duration": 16}, NO, "duration"),
    ({"model": M10, "frames": 29}, OK, None),
    ({"model": M10, "frames": 30}, NO, "frames"),
    ({"model": M10, "frames": 289}, OK, None),
    ({"model": M10, "frames": 293}, NO, "frames"),
    ({"model": M10, "frames": 25}, NO, "frames"),
    ({"frames": 29}, NO, "frames"),
    ({"resolution": "1080p"}, OK, None),
    ({"resolution": "4k"}, NO, "resolution"),
    ({"model": M20, "resolution": "4k"}, OK, None),
    ({"model": M20_FAST, "resolution": "1080p"}, NO, "resolution"),
    ({"ratio": "adaptive"}, OK, None),
    ({"ratio": "2:1"}, NO, "ratio"),
    ({"model": M10, "ratio": "adaptive"}, NO, "ratio"),
    ({"model": M10, "ratio": "adaptive", "content": [image()]}, OK, None),
    ({"seed": -1}, OK, None),
    ({"seed": -2}, NO, "seed"),
    ({"seed": 2**32 - 1}, OK, None),
    ({"seed": 2**32}, NO, "seed"),
    ({"model": M20, "seed": 7}, NO, "seed"),
    ({"model": M20, "seed": -1}, OPEN, "seed"),
    ({"priority": 1}, NO, "priority"),
    ({"model": M20, "priority": 9}, OK, None),
    ({"model": M20, "priority": 10}, NO, "priority"),
    ({"execution_expires_after": 3600}, OK, None),
    ({"execution_expires_after": 3599}, NO, "execution_expires_after"),
    ({"execution_expires_after": 259201}, NO, "execution_expires_after"),
    ({"service_tier": "flex"}, OK, None),
    ({"model": M20, "service_tier": "flex"}, NO, "service_tier"),
    ({"generate_audio": True}, OK, None),
    ({"model": M10, "generate_audio": True}, NO, "generate_audio"),
    ({"model": M10, "generate_audio": False}, OPEN, "generate_audio"),
    ({"draft": True}, OK, None),
    ({"draft": True, "resolution": "720p"}, NO, "resolution"),
    ({"draft": True, "return_last_frame": True}, NO, "return_last_frame"),
    ({"draft": True, "service_tier": "flex"}, NO, "service_tier"),
    ({"model": M20, "draft": True}, NO, "draft"),
    ({"model": M20, "tools": [{"type": "web_search"}]}, OK, None),
    ({"tools": [{"type": "web_search"}]}, NO, "tools"),
    ({"safety_identifier": "a" * 64}, OK, None),
    ({"safety_identifier": "a" * 65}, NO, "safety_identifier"),
    ({"watermark": None}, OPEN, "watermark"),
    ({"output_format": "mov"}, OPEN, "output_format"),
]


@pytest.mark.parametrize(("changes", "state", "param"), ARK, ids=short_id)
def test_a_request_is_judged_as_the_pages_of_ark_say(changes, state, param):
    verdict = judged("createVideo", changed(SEEDANCE, changes))

    assert verdict.state is state, verdict.violations
    found = verdict.violations if state is OPEN else verdict.documented_violations
    assert param is None or param in {each.param for each in found}


@pytest.mark.parametrize(
    ("changes", "error", "status"),
    [
        ({"model": ...}, "missing_parameter", 400),
        ({"model": "x"}, "model_not_found", 404),
        ({"duration": 3}, "invalid_request", 400),
    ],
    ids=short_id,
)
def test_a_wrong_request_gets_the_documented_error(changes, error, status):
    operation = "createVideo"
    verdict = judged(operation, changed(SEEDANCE, changes))

    assert verdict.documented_violations[0].evidence.error == error
    assert loaded().operations[operation].errors[error].status == status


NOW = 1779912000
ARK_TASK = {
    "id": "cgt-1",
    "model": "doubao-seedance-1-5-pro-251215",
    "status": "queued",
    "created_at": NOW,
    "updated_at": NOW,
}
DONE = {
    "status": "succeeded",
    "content": {"video_url": URL},
    "usage": {"completion_tokens": 1, "total_tokens": 1},
}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, OK),
        ({"created_at": NOW * 1000}, NO),
        ({"status": "completed"}, NO),
        (DONE, OK),
        ({**DONE, "usage": ...}, NO),
        ({**DONE, "content": {}}, NO),
        ({**DONE, "ratio": "adaptive"}, NO),
        ({**DONE, "status": "running"}, OPEN),
        ({"status": "failed"}, NO),
        ({"status": "failed", "error": {"code": "a", "message": "b"}}, OK),
        ({"error": {"code": "a", "message": "b"}}, OPEN),
    ],
    ids=short_id,
)
def test_a_task_of_ark_is_judged_by_its_state(changes, state):
    operation = loaded().task_operations["getVideo"]

    found = operation.success.bodies[JSON].judge.state(changed(ARK_TASK, changes))

    assert found is state


@pytest.mark.parametrize(
    ("operation", "parameter", "value", "state"),
    [
        ("listVideos", "page_num", 500, OK),
        ("listVideos", "page_num", 501, NO),
        ("listVideos", "page_size", 0, NO),
        ("listVideos", "page_size", 501, NO),
        ("listVideos", "filter.status", "failed", OK),
        ("listVideos", "filter.status", "expired", OPEN),
        ("listVideos", "filter.status", "done", NO),
        ("listVideos", "filter.task_ids", ["cgt-1", "cgt-2"], OK),
        ("listVideos", "filter.service_tier", "flex", OK),
        ("listVideos", "filter.service_tier", "fast", NO),
    ],
    ids=short_id,
)
def test_a_parameter_of_a_list_is_judged(operation, parameter, value, state):
    query = loaded().task_operations[operation].parameters["query"]

    assert query.judge.state({parameter: value}) is state


@pytest.mark.parametrize("kind", ["video"])
def test_the_states_of_a_task_are_those_of_the_pages(kind):
    task = loaded().tasks[kind]
    finals = {"succeeded", "failed", "cancelled", "expired"}
    first = next(iter(task.states))

    assert {each.name for each in task.states.values() if each.is_final} == finals
    assert task.result_lifetime.value == 86400
    assert not any(task.moves.after(final) for final in finals)
    assert task.moves.after(first) == set(task.states) - {first}


@pytest.mark.parametrize(
    ("request_", "facts"),
    [
        ({}, (1280, 720, 5, 24, True)),
        ({"model": M10}, (1920, 1088, 5, 24, False)),
        ({"model": M10, "frames": 48}, (1920, 1088, 2, 24, False)),
        ({"resolution": "480p", "ratio": "21:9"}, (992, 432, 5, 24, True)),
        ({"model": M20, "resolution": "4k", "ratio": "3:4"}, (2494, 3326, 5, 24, True)),
        ({"duration": 12, "generate_audio": False}, (1280, 720, 12, 24, False)),
        ({"draft": True}, (864, 496, 5, 24, True)),
    ],
    ids=short_id,
)
def test_a_video_of_ark_is_as_its_table_says(request_, facts):
    dialect = loaded().dialect
    asked = {**SEEDANCE, **request_}

    found = dialect.video.facts(dialect.with_canonical_names("createVideo", asked))

    seen = (found.width, found.height, found.duration, found.frame_rate, found.sound)
    assert seen == facts


def test_the_tokens_of_the_sample_are_those_of_the_page():
    dialect = loaded().dialect

    facts = dialect.video.facts({"model": SEEDANCE["model"]})

    assert dialect.video.tokens.count(facts) == 108900
