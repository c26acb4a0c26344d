"""Requests to unknown paths: their message, and where they can be seen."""

from difflib import SequenceMatcher

import pytest
from support.http import ask, control, generation, url_of

import mockserver
import specs
from mockserver.pipeline.endpoints.suggestions import meant_paths

pytestmark = pytest.mark.slow


def message(answer):
    assert answer.status == 404
    return answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/openai/v1/v1/images/generations", ["/openai/v1/images/generations"]),
        ("/openai/images/generations", ["/openai/v1/images/generations"]),
        ("/openai/v1/images/generations/", ["/openai/v1/images/generations"]),
        ("/openai/v1//images/edits", ["/openai/v1/images/edits"]),
        ("/openai/v1/Images/Edits", ["/openai/v1/images/edits"]),
        ("/openai/v1/images/generation", ["/openai/v1/images/generations"]),
        ("/openai/v1/v1/models", ["/openai/v1/models"]),
        (
            "/openai/deployments/gpt-image-2/images/generations?api-version=1",
            ["/openai/v1/images/generations"],
        ),
        ("/tokenhub/v1/images/edits", ["/tokenhub/api/v1/images/edits"]),
        ("/api/v1/images/edits", ["/tokenhub/api/v1/images/edits"]),
        (
            "/v1/images/generations",
            [f"/{each}/v1/images/generations" for each in ("aihubmix", "huawei")],
        ),
    ],
)
def test_the_url_that_was_meant_is_named(own, path, meant):
    answer = ask(f"{own.url}{path}", body={})

    said = message(answer)
    for url_path in meant:
        assert f"{own.url}{url_path}" in said.partition("did you mean ")[2]
    assert ask(f"{own.url}{meant[0]}", method="PATCH").status == 405  # it exists


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/nowhere", "/"])
def test_a_path_that_is_like_none_gets_no_guess(own, path):
    said = message(ask(f"{own.url}{path}", body={}))

    assert "did you mean" not in said
    assert "openai/v1" in said


@pytest.mark.parametrize("path", [f"/{'a' * 200}", f"/{'a/' * 100}", "/abc"])
def test_a_path_of_another_length_is_not_compared_letter_by_letter(monkeypatch, path):
    """With the paths of all providers that took 40 ms, on the event loop."""
    monkeypatch.setattr(SequenceMatcher, "find_longest_match", pytest.fail)

    assert meant_paths(path, specs.load_all(())) == []


@pytest.mark.parametrize("path", ["/", "/openai/v1", "/nowhere"])
def test_a_person_is_led_to_the_inspector(own, path):
    inspector = f"the inspector is at {own.url}/__mock__/"

    assert inspector in message(ask(f"{own.url}{path}", method="GET"))
    assert inspector not in message(ask(f"{own.url}{path}", body={}))


def test_the_nearest_endpoints_are_named_by_their_urls(own, provider):
    answer = ask(f"{own.url}/{provider.id}/chat", body={})

    assert answer.status == 404
    served = {
        f"{each.method} {own.url}/{provider.id}{provider.full_path(each)}"
        for each in provider.all_operations.values()
    }
    models = f"GET {own.base_urls[provider.id]}/models"
    text = answer.body.decode().partition("are ")[2]
    named = [each.split(" (")[0] for each in text.split('"')[0].split(", ")]
    assert len(named) == min(5, len(served) + 1)
    assert {" ".join(each.split()[:2]) for each in named} <= {*served, models}
    is_all = len(served) < 5
    assert (f"(all: {own.url}/__mock__/providers)" in text) == (not is_all)


def test_the_nearest_comes_first(own):
    path = "/aihubmix/ai/v1/video/abc/contents"

    said = message(ask(f"{own.url}{path}", method="GET"))

    listed = said.partition("the nearest of 20 are ")[2]
    assert listed.startswith(f"GET {own.url}/aihubmix/ai/v1/videos/{{id}}/content, ")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/openai/v1/v1/videos/video_1", "/openai/v1/videos/video_1"),
        ("/kling/v2/v1/videos/text2video/7", "/kling/v1/videos/text2video/7"),
        (
            "/tikhub/seedance/contents/generations/tasks/cgt-1",
            "/tikhub/seedance/v3/contents/generations/tasks/cgt-1",
        ),
        (
            "/veo/v1/models/veo-3.1-generate-preview:predictLongRunning",
            "/veo/v1beta/models/veo-3.1-generate-preview:predictLongRunning",
        ),
        ("/v1/videos/text2video", "/kling/v1/videos/text2video"),
    ],
)
def test_paths_with_parameters_and_of_other_servers_are_guessed(own, path, meant):
    answer = ask(f"{own.url}{path}", body={})

    assert answer.status == 404
    assert f"did you mean {own.url}{meant}?" in answer.body.decode()
    assert ask(f"{own.url}{meant}", method="PATCH").status == 405  # it exists


def test_it_is_in_journal_and_metrics_also_outside_of_a_provider(own):
    ask(f"{own.url}/v1/images/generations", body={}, X_Mock_Namespace="a")
    ask(f"{own.url}/openai/v1/nothing", method="GET")

    outside, inside = own.journal()
    assert (outside["provider"], outside["operation"]) == ("", None)
    assert (outside["status"], outside["path"]) == (404, "/v1/images/generations")
    assert outside["namespace"] == "a"
    assert "did you mean" in outside["decision"]["because"]
    assert (inside["provider"], inside["operation"]) == ("openai", None)
    metrics = control(own, "/metrics").body.decode()
    line = 'requests_total{operation="",provider="",status="404"} 1.0'
    assert line in metrics


def test_a_request_to_no_provider_costs_nothing(own):
    ask(f"{own.url}/v1/images/generations", body={})

    assert own.costs()["providers"] == {}
    assert own.costs()["total"]["requests"] == 0


def test_a_key_is_in_no_entry(own):
    secret = "sk-0123456789abcdef"
    ask(f"{own.url}/{secret}/v1", body={}, key=secret)

    assert secret not in str(own.journal())


def test_a_server_of_one_provider_answers_without_its_prefix():
    openai = specs.load("openai")
    with mockserver.running("openai") as own:
        bare = url_of(own, openai).replace("/openai/", "/")
        assert ask(bare, body=generation(openai)).status == 200
        said = message(ask(bare.replace("/v1/", "/v1/v1/"), body={}))

    assert f"{own.url}/openai/v1/images/generations" in said
