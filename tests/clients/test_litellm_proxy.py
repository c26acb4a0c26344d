"""LiteLLM's proxy before the mock, and openai-python before the proxy."""

import base64
import json
import os
import secrets
import socket
import subprocess
import time
import urllib.request

import openai
import pytest
from support.http import delivered, opened
from support.providers import IMAGE_PROVIDERS

import specs

pytestmark = pytest.mark.clients

KEY = f"sk-{secrets.token_hex(24)}"  # the proxy wants a strong one


@pytest.fixture(scope="session")
def proxy(mock, quiet, executable, tmp_path_factory):
    """The base URL of a proxy that knows each provider's model by the provider's id."""
    folder = tmp_path_factory.mktemp("proxy")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    models = [
        {
            "model_name": each,
            "litellm_params": {
                "model": f"openai/{specs.load(each).dialect.model}",
                "api_base": mock.base_urls[each],
                "api_key": "sk-upstream",
            },
        }
        for each in IMAGE_PROVIDERS
    ]
    config = folder / "config.yaml"  # JSON is YAML
    # With retries of the router's own it asks nine times, and takes ten seconds.
    settings = {"model_list": models, "router_settings": {"num_retries": 0}}
    config.write_text(json.dumps(settings))
    command = [executable("python/bin/litellm"), "--config", config, "--telemetry"]
    command += ["False", "--host", "127.0.0.1", "--port", str(port)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command,
            env={**os.environ, **quiet, "LITELLM_MASTER_KEY": KEY},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        ) as process,
    ):
        try:
            while not lives(port):
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def lives(port):
    try:
        address = f"http://127.0.0.1:{port}/health/liveliness"
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def client(proxy):
    with openai.OpenAI(base_url=proxy, api_key=KEY, max_retries=0) as client:
        yield client


def look(answer):
    found = [
        opened(delivered(each.model_dump(exclude_none=True))) for each in answer.data
    ]
    return [(each.format, each.size) for each in found]


def files(uploads):
    named = zip(("a.png", "b.png"), uploads["images"], strict=True)
    return [(name, base64.b64decode(data), "image/png") for name, data in named]


def test_a_picture_comes_through(client, order, provider, dialect, seen):
    asked = order("generate")

    answer = client.images.generate(model=provider.id, prompt=asked["prompt"])

    assert look(answer) == [("PNG", (1024, 1024))]
    assert getattr(answer.data[0], dialect.gives)
    (entry,) = seen(asked)
    assert entry["payload"]["model"] == asked["model"]
    assert "OpenAI/Python " in entry["client"]


def test_several_of_a_size_and_format(client, order, provider, dialect):
    answer = client.images.generate(
        model=provider.id,
        prompt=order("generate")["prompt"],
        n=2,
        size="1536x1024",
        extra_body={dialect.format: "jpeg"},
    )

    assert look(answer) == [("JPEG", (1536, 1024))] * 2


def test_an_edit_of_a_picture_under_a_mask(client, order, provider, uploads, seen):
    asked = order("edit")
    mask = ("mask.png", base64.b64decode(uploads["mask"]), "image/png")

    answer = client.images.edit(
        model=provider.id, prompt=asked["prompt"], image=files(uploads)[0], mask=mask
    )

    assert look(answer) == [("PNG", (1024, 1024))]
    (entry,) = seen(asked)
    assert len(entry["payload"]["image"]) == 1  # `image[]` even for one
    assert "mask" in entry["payload"]


def test_an_edit_of_several_pictures(client, order, provider, dialect, uploads, seen):
    if dialect.several:
        return  # the model that takes them is not the one configured
    asked = order("edit")

    answer = client.images.edit(
        model=provider.id, prompt=asked["prompt"], image=files(uploads)
    )

    assert look(answer) == [("PNG", (1024, 1024))]
    (entry,) = seen(asked)
    assert len(entry["payload"]["image"]) == 2


@pytest.mark.parametrize(
    ("name", "kind", "times"),
    [
        ("invalid_request", openai.BadRequestError, 1),
        ("rate_limited", openai.RateLimitError, 3),
        ("server_error", openai.InternalServerError, 3),
    ],
)
def test_errors_come_through(client, name, kind, times, order, provider, refusal, seen):
    asked = order("generate", f"[[mock:{name}]]")

    with pytest.raises(kind) as caught:
        client.images.generate(model=provider.id, prompt=asked["prompt"])

    expected = refusal(name)
    assert caught.value.status_code == expected.status
    assert [each["status"] for each in seen(asked)] == [expected.status] * times
    assert expected.message is None or expected.message in caught.value.message
    # What gets lost on the way.
    assert caught.value.response.headers.get("retry-after") is None


def test_it_streams_nothing(client, order, provider, dialect):
    if "generate" not in dialect.events:
        return

    with pytest.raises(openai.InternalServerError):
        client.images.generate(
            model=provider.id, prompt=order("stream")["prompt"], stream=True
        )
