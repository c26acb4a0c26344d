"""Downloads of image URLs are in the journal, and in the metrics."""

import pytest
from support.http import ask, control, generation, url_of

import specs
from mockserver.state.transcript import transcript


@pytest.fixture(params=["tikhub", "llmapi"])
def image(request, own):
    """The URL of an image, and the journal entry of its request."""
    provider = specs.load(request.param)
    body = generation(provider, response_format="url")
    answer = ask(url_of(own, provider), body=body)
    assert answer.status == 200
    return answer.json["data"][0]["url"], own.journal(provider.id)[-1]


def test_a_download_is_known_by_provider_and_request(own, image):
    url, created = image

    assert ask(url, method="GET", key=None).status == 200

    (entry,) = own.journal(operation="image")
    assert entry["provider"] == created["provider"]
    assert entry["image_of"] == created["request"]
    assert entry["decision"] == {"error": None, "because": None}
    assert (entry["method"], entry["status"], entry["images"]) == ("GET", 200, 0)
    assert own.url + entry["path"] == url
    assert own.count(created["provider"], image_of=created["request"]) == 1


def test_it_can_be_counted_over_the_control_api(own, image):
    url, created = image
    query = f"operation=image&image_of={created['request']}"
    for number in range(3):
        found = control(own, f"/journal/count?{query}").json
        assert found == {"count": number}
        ask(url, method="GET", key=None)


def test_an_expired_url(own, image):
    url, created = image
    own.advance(7300)

    assert ask(url, method="GET", key=None).status == 403

    (entry,) = own.journal(operation="image")
    assert (entry["status"], entry["decision"]["error"]) == (403, "expired")
    assert entry["decision"]["because"]
    assert entry["provider"] == created["provider"]


@pytest.mark.parametrize("path", ["/x.png", "/openai/x.png", "/none-such/x.png"])
def test_an_unknown_image(own, path):
    assert ask(f"{own.url}/_images{path}", method="GET").status == 404

    (entry,) = own.journal()
    assert (entry["operation"], entry["decision"]["error"]) == ("image", "not_found")
    assert entry["provider"] == ("openai" if "openai" in path else "")


def test_it_is_counted_in_the_metrics_and_costs_nothing(own, image):
    url, created = image
    before = own.costs()

    ask(url, method="GET", key=None)

    labels = f'operation="image",provider="{created["provider"]}",status="200"'
    assert f"requests_total{{{labels}}} 1.0" in control(own, "/metrics").body.decode()
    assert own.costs() == before
    assert "image downloaded" in transcript(own.journal(operation="image"))
