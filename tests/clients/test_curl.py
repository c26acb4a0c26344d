"""curl, which sends what is typed."""

import base64
import json
import shutil
import subprocess

import pytest
from support.http import FORM, KEY, data_uri, delivered, events, opened, picture, url_of

pytestmark = pytest.mark.clients

PROMPT = "A paper boat on a pond"
JSON_EDITS = {"openai": "images", "llmapi": "images", "tokenhub": "image"}


@pytest.fixture
def curl():
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is missing")

    def run(*arguments):
        done = subprocess.run(
            [found, "--silent", "--show-error", *arguments],
            capture_output=True,
            check=True,
            timeout=30,
        )
        return done.stdout

    return run


def said(key, payload):
    headers = (f"Authorization: Bearer {key}", "Content-Type: application/json")
    return (*("-H", headers[0], "-H", headers[1]), "-d", json.dumps(payload))


def test_curl_sends_json_and_downloads_what_came_by_address(
    curl, mock, provider, dialect, tmp_path
):
    payload = {"model": provider.dialect.model, "prompt": PROMPT, "n": 2}
    payload |= {"size": "1536x1024", dialect.format: "jpeg"}

    out = curl(url_of(mock, provider), *said(KEY, payload))

    for item in json.loads(out)["data"]:
        if item.get("url", "data:").startswith("data:"):
            image = opened(delivered(item))
        else:
            curl("--fail", "--output", str(tmp_path / "picture"), item["url"])
            image = opened((tmp_path / "picture").read_bytes())
        assert (image.format, image.size) == ("JPEG", (1536, 1024))


@pytest.mark.parametrize("name", ["unauthenticated", "rate_limited", "server_error"])
def test_curl_shows_the_error_word_for_word(curl, mock, provider, name):
    payload = {"model": provider.dialect.model, "prompt": PROMPT}

    head, _, body = curl(
        "--include", url_of(mock, provider), *said(f"sk-mock-{name}", payload)
    ).partition(b"\r\n\r\n")

    example = provider.operations["createImage"].errors[name]
    assert head.split()[1] == str(example.status).encode()
    assert json.loads(body) == example.body
    assert (b"\r\nretry-after: " in head.lower()) == ("Retry-After" in example.headers)


def test_curl_without_a_key_is_refused(curl, mock, provider):
    out = curl(
        *("--output", "-", "--write-out", "%{http_code}"),
        *(url_of(mock, provider), "-H", "Content-Type: application/json"),
        *("-d", json.dumps({"model": provider.dialect.model, "prompt": PROMPT})),
    )

    assert out.endswith(b"401")


def test_curl_sends_a_form(curl, mock, provider, tmp_path):
    (tmp_path / "in.png").write_bytes(picture())

    out = curl(
        url_of(mock, provider, "createImageEdit"),
        *("-H", f"Authorization: Bearer {KEY}"),
        *("-F", f"model={provider.dialect.model}", "-F", f"prompt={PROMPT}"),
        *("-F", f"image=@{tmp_path / 'in.png'}", "-F", "size=1536x1024"),
    )

    assert opened(delivered(json.loads(out)["data"][0])).size == (1536, 1024)


def test_curl_sends_an_edit_as_json_where_that_is_documented(curl, mock, provider):
    member = JSON_EDITS.get(provider.id, "image")
    red = data_uri(picture(colour="red"))
    payload = {
        "model": provider.dialect.model,
        "prompt": PROMPT,
        member: red if member == "image" else [{"image_url": red}],
    }
    address = url_of(mock, provider, "createImageEdit")

    out = curl("--write-out", "%{http_code}", address, *said(KEY, payload))

    if provider.id in JSON_EDITS:
        assert out.endswith(b"200")
        (item,) = json.loads(out.removesuffix(b"200"))["data"]
        assert opened(delivered(item)).size == (1024, 1024)
    else:
        assert out.endswith(b"415")


def test_curl_sends_a_large_form_that_waits_to_be_welcome(
    curl, mock, provider, tmp_path
):
    """Above a megabyte curl sends `Expect: 100-continue`."""
    (tmp_path / "in.png").write_bytes(picture() + b"\0" * 2_000_000)

    out = curl(
        url_of(mock, provider, "createImageEdit"),
        *("-H", f"Authorization: Bearer {KEY}"),
        *("-F", f"model={provider.dialect.model}", "-F", f"prompt={PROMPT}"),
        *("-F", f"image=@{tmp_path / 'in.png'};type=image/png"),
    )

    assert len(json.loads(out)["data"]) == 1


def test_curl_reads_events_as_they_come(curl, mock, provider):
    operation = provider.operations["createImage"]
    if not operation.supports_streaming:
        return
    payload = {
        "model": provider.dialect.model,
        "prompt": PROMPT,
        "stream": True,
        "partial_images": 1,
    }

    out = curl(
        "--no-buffer",
        url_of(mock, provider),
        *("-H", f"Authorization: Bearer {KEY}", "-H", "Content-Type: application/json"),
        *("-d", json.dumps(payload)),
    )

    names = [name for name, _ in events(out)]
    assert names == ["image_generation.partial_image", "image_generation.completed"]


def test_several_pictures_may_be_sent_under_either_name(curl, mock, tmp_path):
    """`image` twice and `image[]` twice mean the same list."""
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        (tmp_path / name).write_bytes(picture(colour=colour))

    def send(field):
        out = curl(
            f"{mock.base_urls['openai']}/images/edits",
            *("-H", f"Authorization: Bearer {KEY}", "-F", "model=gpt-image-2"),
            *("-F", f"prompt={PROMPT}", "-F", "quality=low"),
            *("-F", f"{field}=@{tmp_path / 'a.png'};type=image/png"),
            *("-F", f"{field}=@{tmp_path / 'b.png'};type=image/png"),
        )
        return base64.b64decode(json.loads(out)["data"][0]["b64_json"])

    assert send("image") == send("image[]")
    assert mock.journal("openai")[-1]["media_type"] == FORM
