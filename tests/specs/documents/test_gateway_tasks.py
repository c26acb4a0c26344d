"""The tasks of the gateways: what their pages say of requests, states and errors."""

from functools import cache
from typing import Any, NamedTuple

import pytest

import specs
from specs import Provider, State
from specs.documents.tasks import Phase

J, F = "application/json", "multipart/form-data"
loaded = cache(specs.load)

PLAIN: dict[tuple[str, str], dict[str, Any]] = {
    ("llmapi", "createImageTask"): {"prompt": "x"},
    ("aihubmix", "createImageTask"): {"model": "gpt-image-2", "prompt": "x"},
    ("aihubmix", "createVideo"): {"prompt": "x"},
    ("tikhub", "createSeedanceVideo"): {
        "model": "doubao-seedance-1-5-pro-251215",
        "content": [{"type": "text", "text": "x"}],
    },
    ("tikhub", "createKlingTextToVideo"): {"model_name": "kling-v2-6", "prompt": "x"},
    ("tikhub", "createKlingImageToVideo"): {
        "model_name": "kling-v2-6",
        "prompt": "x",
        "image": "https://example.com/a.png",
    },
}


class Row(NamedTuple):
    """A change of a plain request, and what the document says of it; None removes."""

    provider: str
    operation: str
    change: dict[str, Any]
    state: str


def rows(provider: str, operation: str, state: str, *changes: Any) -> list[Row]:
    return [Row(provider, operation, change, state) for change in changes]


FRAME = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
REQUESTS = [
    *rows(
        *("llmapi", "createImageTask", "valid"),
        {},
        {"model": "image2", "n": 1, "stream": False},
        {"response_format": "b64_json"},
    ),
    *rows(
        *("llmapi", "createImageTask", "invalid"),
        {"prompt": ...},
        {"prompt": ""},
        {"n": 0},
        {"stream": True},
        {"model": "nano-banana"},
    ),
    *rows(
        *("llmapi", "createImageTask", "unspecified"),
        {"n": 2},
        {"model": "gemini-2.5-flash-image"},
        {"webhook_url": "https://example.com"},
    ),
    *rows(
        *("aihubmix", "createImageTask", "valid"),
        {},
        {"async": True, "n": 10, "size": "1024x1024", "output_format": "jpeg"},
        {"image": {"url": "https://example.com/a.png"}, "mask": "https://example.com"},
        {"webhook_url": "https://example.com/" + "a" * 492},
        {"n": None, "size": None},
    ),
    *rows(
        *("aihubmix", "createImageTask", "invalid"),
        {"prompt": ...},
        {"model": ...},
        {"quality": "low"},
        {"async": "true"},
        {"n": 0},
        {"n": 11},
        {"size": "1024x1024", "aspect_ratio": "1:1"},
        {"mask": "https://example.com/mask.png"},
        {"webhook_events_filter": ["completed"]},
        {"webhook_url": "https://example.com", "webhook_events_filter": []},
        {"webhook_url": "https://example.com", "webhook_events_filter": ["started"]},
        {"webhook_url": "http://example.com"},
        {"webhook_url": "https://example.com/" + "a" * 493},
        {"images": ["https://example.com"] * 17},
        {"output_format": "webp"},
        {"prompt": "x" * 32001},
    ),
    *rows(
        *("aihubmix", "createImageTask", "unspecified"),
        {"seed": 1},
        {"model": "flux"},
        {"output_format": "webp", "model": "flux"},
    ),
    *rows(
        *("aihubmix", "createVideo", "valid"),
        {},
        {"model": "sora-2-pro", "size": "1792x1024", "seconds": "12"},
        {"input_reference": {"image_url": "https://example.com/a.png"}},
        {"model": "wan2.6-t2v", "seconds": "5", "size": "1280x720"},
    ),
    *rows(
        *("aihubmix", "createVideo", "invalid"),
        {"seconds": "5"},
        {"size": "640x480"},
        {"aspect_ratio": "16:9"},
        {"input_reference": "https://example.com/a.png"},
        {"prompt": "x" * 32001},
        {"model": "veo-3.1-generate-preview", "seconds": "5"},
    ),
    *rows(
        *("aihubmix", "createVideo", "unspecified"),
        {"seconds": 8},
        {"model": "sora-2-pro", "seconds": "16"},
        {"size": "1792x1024"},
        {"model": "veo-3.1-generate-preview", "size": "720p"},
        {"model": "wan2.6-t2v", "seconds": "10"},
    ),
    *rows(
        *("tikhub", "createSeedanceVideo", "valid"),
        {},
        {"ratio": "9:16", "duration": 12, "watermark": True},
    ),
    *rows(*("tikhub", "createSeedanceVideo", "invalid"), {"duration": "5"}),
    *rows(
        *("tikhub", "createSeedanceVideo", "unspecified"),
        {"model": ...},
        {"model": "doubao-seedance-2-0-260128"},
        {"content": [FRAME]},
        {"duration": 3},
        {"ratio": "2:1"},
        {"resolution": "720p"},
    ),
    *rows(
        *("tikhub", "createKlingTextToVideo", "valid"),
        {"mode": "pro", "sound": "on", "duration": "10", "aspect_ratio": "1:1"},
    ),
    *rows(
        *("tikhub", "createKlingTextToVideo", "invalid"),
        {"duration": 5},
        {"model_name": "kling-v1-6", "sound": "on"},
    ),
    *rows(
        *("tikhub", "createKlingTextToVideo", "unspecified"),
        {"model_name": ...},
        {"model_name": "kling-v1-6"},
        {"sound": "on"},
        {"mode": "ultra"},
        {"cfg_scale": 0.5},
    ),
    *rows(
        *("tikhub", "createKlingImageToVideo", "valid"),
        {},
        {"image_tail": "https://example.com/b.png", "mode": "pro"},
    ),
    *rows(
        *("tikhub", "createKlingImageToVideo", "unspecified"),
        {"image": ...},
        {"image_tail": "https://example.com/b.png"},
        {"image": "data:image/png;base64,aaaa"},
    ),
]


@pytest.mark.parametrize("row", REQUESTS, ids=lambda row: f"{row[1]}-{row[2]}"[:80])
def test_a_document_says_of_a_request_what_the_pages_say(row):
    operation = loaded(row.provider).operations[row.operation]
    plain = PLAIN[row.provider, row.operation]
    changed = {**plain, **row.change}
    payload = {name: value for name, value in changed.items() if value is not ...}

    verdict = operation.bodies[J].judge.judge(payload)

    assert verdict.state is State(row.state), verdict.violations


def test_a_video_is_requested_by_json_or_by_a_form():
    operation = loaded("aihubmix").operations["createVideo"]

    assert set(operation.bodies) == {J, F}


ADDRESSES = {
    ("llmapi", "createImageTask"): "/v1/images/tasks",
    ("llmapi", "streamImageTasks"): "/v1/images/tasks/events",
    ("llmapi", "getImageTask"): "/v1/images/tasks/{task_id}",
    ("aihubmix", "createImageTask"): "/ai/v1/images/generations",
    ("aihubmix", "getImageTask"): "/ai/v1/images/{id}",
    ("aihubmix", "getImageTaskContent"): "/ai/v1/images/{id}/content/{result_id}",
    ("aihubmix", "listTasks"): "/ai/v1/tasks",
    ("aihubmix", "getTask"): "/ai/v1/tasks/{id}",
    ("aihubmix", "createNativeVideo"): "/ai/v1/videos",
    ("aihubmix", "createVideo"): "/v1/videos",
    ("aihubmix", "getVideoContent"): "/v1/videos/{video_id}/content",
    ("tikhub", "createSeedanceVideo"): "/seedance/v3/contents/generations/tasks",
    ("tikhub", "getSeedanceVideo"): "/seedance/v3/contents/generations/tasks/{id}",
    ("tikhub", "createKlingTextToVideo"): "/kling/v1/videos/text2video",
    ("tikhub", "getKlingImageToVideo"): "/kling/v1/videos/image2video/{task_id}",
}


@pytest.mark.parametrize(("place", "path"), ADDRESSES.items(), ids=str)
def test_an_operation_has_the_whole_path_of_its_page(place, path):
    name, operation = place
    provider: Provider = loaded(name)

    assert provider.full_path(provider.all_operations[operation]) == path


def test_the_events_come_before_the_task_of_that_name():
    provider = loaded("llmapi")

    first, _ = next(iter(provider.matching("/v1/images/tasks/events")))

    assert first.id == "streamImageTasks"


STATES = {
    ("llmapi", "imageTask"): "queued running succeeded failed timeout canceled",
    ("aihubmix", "imageTask"): "pending in_progress completed failed cancelled",
    ("aihubmix", "videoTask"): "queued in_progress completed failed",
    ("tikhub", "klingTextToVideo"): "submitted processing succeed failed",
    ("tikhub", "seedanceVideo"): "queued running succeeded failed cancelled expired",
}


@pytest.mark.parametrize(("place", "words"), STATES.items(), ids=str)
def test_states_are_written_as_on_the_page(place, words):
    name, kind = place
    states = loaded(name).tasks[kind].states

    assert list(states) == words.split()
    assert sum(each.phase is Phase.SUCCEEDED for each in states.values()) == 1


@pytest.mark.parametrize("name", ["llmapi", "aihubmix", "tikhub"])
def test_moves_lead_to_each_end_and_never_out_of_it(name):
    for kind in loaded(name).tasks.values():
        ends = {each.name for each in kind.states.values() if each.is_final}
        begin = next(iter(kind.states))

        assert kind.moves is not None
        assert ends <= kind.moves.after(begin)
        assert not any(kind.moves.after(end) for end in ends)


TABLE = {
    400: """invalid_request schema_violation unsupported_input_combination
        capability_not_supported unsupported_media_format invalid_media_data
        media_url_unreachable invalid_media upstream_rejected
        doubao_real_person_required invalid_cursor result_id_required""",
    401: "authentication_failed",
    402: "insufficient_quota",
    403: "permission_denied async_not_enabled",
    404: "model_not_found task_not_found result_not_found",
    409: "result_not_ready",
    410: "artifact_expired",
    413: "image_too_large request_too_large",
    422: "output_blocked",
    429: "rate_limited upstream_rate_limited too_many_downloads",
    500: "internal_error",
    502: """image_not_generated upstream_bad_response task_status_unavailable
        upstream_unreachable provider_unavailable""",
    503: "model_unavailable service_unavailable",
    504: "sync_timeout",
}


def test_the_native_protocol_has_each_error_of_its_table():
    found: dict[int, set[str]] = {}
    provider = loaded("aihubmix")
    for operation in provider.all_operations.values():
        if provider.full_path(operation).startswith("/ai/v1/"):
            for error in operation.errors.values():
                found.setdefault(error.status, set()).add(error.body["error"]["code"])

    assert found == {status: set(codes.split()) for status, codes in TABLE.items()}


def test_a_failed_native_task_has_the_codes_of_its_table():
    codes = """image_not_generated output_blocked output_policy_violation
        upstream_rejected upstream_bad_response task_status_unavailable
        result_delivery_failed upstream_rate_limited upstream_unreachable
        provider_unavailable doubao_real_person_required sync_timeout internal_error
        unsupported_media_format invalid_media_data media_url_unreachable
        invalid_media"""
    failures = loaded("aihubmix").tasks["imageTask"].failures.values()

    assert {each["code"] for each in failures} == set(codes.split())


def test_a_native_webhook_is_repeated_as_its_page_says():
    webhook = loaded("aihubmix").tasks["imageTask"].webhook

    assert webhook is not None
    assert (webhook.field, webhook.events) == ("webhook_url", "webhook_events_filter")
    assert webhook.states == ("completed", "failed", "cancelled")
    assert webhook.delays == (1, 4, 16, 64, 256)
    assert set(webhook.retry_on) == {"5xx", "timeout", "network"}
    assert webhook.signature is None


def test_what_has_no_path_is_named_and_not_described():
    names = {
        mention
        for provider in map(loaded, ("llmapi", "aihubmix", "tikhub"))
        for operation in provider.all_operations.values()
        for mention in operation.mentions
    }

    assert "cancel an image task" in names
    assert {"Veo video generation", "Fetch Veo video generation status"} <= names


def test_an_alias_of_a_model_is_the_model_in_responses():
    provider = loaded("llmapi")
    found = provider.canonical_request("createImageTask", J, {"model": "image2"})

    assert found["model"] == "gpt-image-2"
