"""The documents of Veo and of the deprecated videos: true to the pages."""

from functools import cache
from typing import Any

import pytest

import specs
from specs import Phase, Provider, Role, State, Upload

OK, NO, OPEN = State.VALID, State.INVALID, State.UNSPECIFIED
J, F = "application/json", "multipart/form-data"
PNG = {"bytesBase64Encoded": "iVBORw0KGgo=", "mimeType": "image/png"}
BUCKET = {"gcsUri": "gs://bucket/a.png", "mimeType": "image/png"}
LINK = "https://example.com/a.png"

loaded = cache(specs.load)


def judged(name: str, operation: str, payload: Any, media_type: str = J) -> State:
    body = loaded(name).operations[operation].bodies[media_type]
    return body.judge.judge(payload).state


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, OK),
        ({"prompt": ""}, NO),
        ({"prompt": "a" * 32000}, OK),
        ({"prompt": "a" * 32001}, NO),
        ({"model": "sora-2-2025-12-08"}, OK),
        ({"model": "sora-3"}, OPEN),
        ({"seconds": "12"}, OK),
        ({"seconds": "16"}, OPEN),
        ({"seconds": "5"}, NO),
        ({"seconds": 4}, NO),
        ({"size": "1280x720"}, OK),
        ({"size": "1024x1792"}, OPEN),
        ({"size": "1024x1792", "model": "sora-2-pro"}, OK),
        ({"size": "1920x1080", "model": "sora-2-pro"}, OPEN),
        ({"size": "1024x1024"}, NO),
        ({"input_reference": {"image_url": LINK}}, OK),
        ({"input_reference": {"file_id": "file-1"}}, OK),
        ({"input_reference": {"image_url": LINK, "file_id": "file-1"}}, NO),
        ({"input_reference": {}}, NO),
        ({"characters": [{"id": "char_123"}]}, OPEN),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_video_of_the_reference_is_asked_for_as_its_pages_say(change, state):
    assert judged("openai", "createVideo", {"prompt": "a", **change}) is state


@pytest.mark.parametrize(
    ("format", "state"), [("png", OK), ("jpeg", OK), ("webp", OK), ("gif", NO)]
)
def test_a_first_frame_is_uploaded_in_one_of_three_formats(format, state):
    picture = Upload(
        filename=f"a.{format}",
        content_type=f"image/{format}",
        bytes=1000,
        sha256="0" * 64,
        format=format,
        width=720,
        height=1280,
        alpha=False,
    ).facts()
    payload = {"prompt": "a", "input_reference": picture}

    assert judged("openai", "createVideo", payload, F) is state


@pytest.mark.parametrize(
    ("operation", "payload", "state"),
    [
        ("createVideoRemix", {"prompt": "a"}, OK),
        ("createVideoRemix", {}, NO),
        ("createVideoEdit", {"prompt": "a"}, NO),
        ("createVideoEdit", {"prompt": "a", "video": {}}, NO),
        ("createVideoExtension", {"prompt": "a", "video": {"id": "video_1"}}, NO),
    ],
    ids=str,
)
def test_a_video_is_changed_as_the_description_says(operation, payload, state):
    assert judged("openai", operation, payload) is state


def test_operations_that_were_shut_down_are_deprecated():
    operations = loaded("openai").all_operations

    deprecated = {each.id for each in operations.values() if each.is_deprecated}
    assert deprecated == {each for each in operations if "Video" in each}
    assert "2026-09-24" in operations["createVideo"].note


def test_a_video_is_deleted_only_after_its_end():
    task = loaded("openai").all_operations["deleteVideo"].task

    assert task.role is Role.CANCEL
    assert (task.cancels, task.deletes) == ((), ("completed", "failed"))


GEMINI = [
    ({"prompt": "a"}, {}, OK),
    ({}, {}, NO),
    ({"image": PNG}, {}, OK),
    ({"image": {"bytesBase64Encoded": "AAAA"}}, {}, OPEN),
    ({"image": {"mimeType": "image/png"}}, {}, NO),
    ({"image": {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}}, {}, OPEN),
    ({"prompt": "a", "lastFrame": PNG}, {}, NO),
    ({"prompt": "a", "image": PNG, "lastFrame": PNG}, {}, OK),
    ({"prompt": "a", "image": PNG, "video": {"uri": LINK}}, {}, NO),
    ({"prompt": "a", "video": {"uri": LINK}}, {"durationSeconds": 8}, OK),
    ({"prompt": "a", "video": {"uri": LINK}}, {"resolution": "1080p"}, NO),
    ({"prompt": "a", "video": {"uri": LINK}}, {"durationSeconds": 4}, NO),
    ({"prompt": "a", "referenceImages": [{"image": PNG}] * 3}, {}, OK),
    ({"prompt": "a", "referenceImages": [{"image": PNG}] * 4}, {}, NO),
    ({"referenceImages": [{"image": PNG}]}, {}, NO),
    (
        {"prompt": "a", "referenceImages": [{"image": PNG}]},
        {"durationSeconds": 6},
        NO,
    ),
    ({"prompt": "a", "image": PNG, "referenceImages": [{"image": PNG}]}, {}, NO),
    (
        {
            "prompt": "a",
            "referenceImages": [{"image": PNG, "referenceType": "style"}],
        },
        {},
        NO,
    ),
    ({"prompt": "a"}, {"aspectRatio": "9:16"}, OK),
    ({"prompt": "a"}, {"aspectRatio": "4:3"}, NO),
    ({"prompt": "a"}, {"durationSeconds": 4}, OK),
    ({"prompt": "a"}, {"durationSeconds": "4"}, OPEN),
    ({"prompt": "a"}, {"durationSeconds": 5}, NO),
    ({"prompt": "a"}, {"resolution": "4k"}, OK),
    ({"prompt": "a"}, {"resolution": "4k", "durationSeconds": 8}, OK),
    ({"prompt": "a"}, {"resolution": "1080p", "durationSeconds": 4}, NO),
    ({"prompt": "a"}, {"resolution": "480p"}, NO),
    ({"prompt": "a"}, {"personGeneration": "allow_all"}, OK),
    ({"prompt": "a"}, {"personGeneration": "allow_adult"}, OPEN),
    ({"prompt": "a"}, {"personGeneration": "dont_allow"}, OPEN),
    ({"prompt": "a"}, {"personGeneration": "all"}, NO),
    ({"image": PNG}, {"personGeneration": "allow_adult"}, OK),
    ({"image": PNG}, {"personGeneration": "allow_all"}, NO),
    ({"prompt": "a"}, {"sampleCount": 1}, OK),
    ({"prompt": "a"}, {"sampleCount": 2}, OPEN),
    ({"prompt": "a"}, {"sampleCount": 0}, NO),
    ({"prompt": "a"}, {"seed": 7}, OK),
    ({"prompt": "a"}, {"seed": "7"}, NO),
    ({"prompt": "a"}, {"generateAudio": True}, OPEN),
]


@pytest.mark.parametrize(("instance", "parameters", "state"), GEMINI, ids=str)
def test_a_video_of_the_gemini_api_is_asked_for_as_its_pages_say(
    instance, parameters, state
):
    payload = {"instances": [instance], "parameters": parameters}

    assert judged("veo", "createVideo", payload) is state


VERTEX = [
    ({"prompt": "a"}, {}, OK),
    ({"prompt": "a"}, {"generateAudio": ...}, OPEN),
    ({"prompt": "a", "lastFrame": BUCKET}, {}, NO),
    ({"image": BUCKET, "lastFrame": PNG}, {}, OK),
    ({"image": {**PNG, **BUCKET}}, {}, NO),
    ({"image": {"bytesBase64Encoded": "AAAA", "mimeType": "image/webp"}}, {}, NO),
    ({"prompt": "a"}, {"sampleCount": 4}, OK),
    ({"prompt": "a"}, {"sampleCount": 5}, NO),
    ({"prompt": "a"}, {"sampleCount": "1"}, NO),
    ({"prompt": "a"}, {"durationSeconds": 6}, OK),
    ({"prompt": "a"}, {"durationSeconds": 5}, OPEN),
    ({"prompt": "a"}, {"durationSeconds": 9}, NO),
    ({"prompt": "a"}, {"resolution": "1080p", "durationSeconds": 4}, NO),
    ({"prompt": "a"}, {"seed": 4294967295}, OK),
    ({"prompt": "a"}, {"seed": 4294967296}, NO),
    ({"prompt": "a"}, {"personGeneration": "dont_allow"}, OK),
    ({"prompt": "a"}, {"personGeneration": "disallow"}, OPEN),
    ({"prompt": "a"}, {"storageUri": "gs://bucket/out/"}, OK),
    ({"prompt": "a"}, {"storageUri": "https://bucket/out/"}, NO),
    ({"prompt": "a"}, {"compressionQuality": "LOSSLESS"}, OK),
    ({"prompt": "a"}, {"resizeMode": "stretch"}, NO),
]


@pytest.mark.parametrize(("instance", "parameters", "state"), VERTEX, ids=str)
def test_a_video_of_vertex_ai_is_asked_for_as_its_pages_say(
    instance, parameters, state
):
    told = {"generateAudio": True, **parameters}
    parameters = {name: value for name, value in told.items() if value is not ...}
    payload = {"instances": [instance], "parameters": parameters}

    assert judged("veo", "createVertexVideo", payload) is state


NAME = "models/veo-3.1-generate-preview/operations/abc"
SAMPLE = {"video": {"uri": LINK}}


def operation_body(**members: Any) -> dict[str, Any]:
    return {"name": NAME, **members}


def gemini(*samples: Any, **members: Any) -> dict[str, Any]:
    return {"generateVideoResponse": {"generatedSamples": list(samples), **members}}


@pytest.mark.parametrize(
    ("body", "state", "phase"),
    [
        (operation_body(), "running", Phase.RUNNING),
        (operation_body(done=False), "running", Phase.RUNNING),
        (
            operation_body(done=True, response=gemini(SAMPLE)),
            "succeeded",
            Phase.SUCCEEDED,
        ),
        (
            operation_body(done=True, error={"code": 13, "message": "No."}),
            "failed",
            Phase.FAILED,
        ),
        (
            operation_body(done=True, response=gemini(raiMediaFilteredCount=1)),
            "filtered",
            Phase.FAILED,
        ),
        (
            operation_body(done=True, response=gemini(SAMPLE, raiMediaFilteredCount=1)),
            "succeeded",
            Phase.SUCCEEDED,
        ),
    ],
    ids=lambda value: str(value)[:70],
)
def test_the_state_of_an_operation_is_seen_without_a_word_for_it(body, state, phase):
    found = loaded("veo").tasks["video"].state_of(body)

    assert found is not None
    assert (found.name, found.phase) == (state, phase)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (operation_body(), OK),
        (operation_body(done=True, response=gemini(SAMPLE)), OK),
        (operation_body(done=True), NO),
        (operation_body(done=True, error={}, response=gemini(SAMPLE)), NO),
        (operation_body(error={"code": 3, "message": "No."}), NO),
        (operation_body(done=False, response=gemini(SAMPLE)), NO),
        ({"name": "abc"}, NO),
        ({}, NO),
    ],
    ids=str,
)
def test_an_operation_that_is_done_has_an_error_or_a_response(body, state):
    response = loaded("veo").all_operations["getVideo"].success.bodies[J]

    assert response.judge.judge(body).state is state


@pytest.mark.parametrize(
    ("name", "kind", "lifetime", "interval"),
    [
        ("openai", "video", 3600, 10),
        ("veo", "video", 172800, 10),
        ("veo", "vertexVideo", None, 10),
    ],
)
def test_a_task_is_kept_and_polled_as_the_pages_say(name, kind, lifetime, interval):
    task = loaded(name).tasks[kind]

    assert (task.result_lifetime and task.result_lifetime.value) == lifetime
    assert task.poll_interval is not None
    assert task.poll_interval.value == interval


def price(provider: Provider, operation: str, **request: Any) -> float | None:
    found = specs.cost(provider.dialect, operation, request, count=1, medium="video")
    return found.amount


@pytest.mark.parametrize(
    ("name", "operation", "request_", "amount"),
    [
        ("openai", "createVideo", {"model": "sora-2", "duration": "8"}, 0.8),
        (
            "openai",
            "createVideo",
            {"model": "sora-2-pro", "size": "1792x1024", "duration": "12"},
            6.0,
        ),
        ("openai", "createVideo", {"model": "dall-e-2"}, None),
        ("veo", "createVideo", {"model": "veo-3.1-generate-preview"}, 3.2),
        (
            "veo",
            "createVideo",
            {"model": "veo-3.1-fast-generate-preview", "resolution": "4k"},
            2.4,
        ),
        (
            "veo",
            "createVertexVideo",
            {"model": "veo-3.1-generate-001", "sound": False, "duration": 4},
            0.8,
        ),
    ],
    ids=str,
)
def test_a_video_costs_its_seconds(name, operation, request_, amount):
    assert price(loaded(name), operation, **request_) == amount


def test_both_interfaces_of_veo_have_paths_of_their_own():
    provider = loaded("veo")
    paths = {
        each.id: provider.full_path(each) for each in provider.all_operations.values()
    }

    model = "/v1/projects/{project}/locations/{location}/publishers/google/models"
    assert paths == {
        "createVideo": "/v1beta/models/{model}:predictLongRunning",
        "getVideo": "/v1beta/models/{model}/operations/{operation}",
        "getVideoContent": "/v1beta/files/{id}:download",
        "createVertexVideo": f"{model}/{{model}}:predictLongRunning",
        "getVertexVideo": f"{model}/{{model}}:fetchPredictOperation",
    }
