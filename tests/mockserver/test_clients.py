"""The clients people have, with nothing changed but base URL and key."""

import asyncio
import base64
import json
import os
import shutil
import subprocess

import openai
import pytest
from asking import FORM, KEY, delivered, events, opened, picture, url_of

PROMPT = "A paper boat on a pond"


@pytest.fixture
def client(mock, provider):
    with openai.OpenAI(
        base_url=mock.base_urls[provider.id], api_key=KEY, max_retries=0
    ) as client:
        yield client


@pytest.fixture
def curl():
    found = shutil.which("curl")
    if found is None and os.environ.get("CI"):
        pytest.fail("curl is missing, and CI has to have it")
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


def test_the_sdk_generates_a_picture(client, provider):
    answer = client.images.generate(model=provider.dialect.model, prompt=PROMPT)

    image = opened(delivered(answer.data[0].model_dump(exclude_none=True)))
    assert (image.size, image.format) == ((1024, 1024), "PNG")


def test_the_sdk_generates_as_many_pictures_as_it_asks_for(client, provider):
    answer = client.images.generate(
        model=provider.dialect.model, prompt=PROMPT, n=3, size="1536x1024"
    )

    found = [delivered(each.model_dump(exclude_none=True)) for each in answer.data]
    assert {opened(each).size for each in found} == {(1536, 1024)}
    assert len(set(found)) == 3


def test_the_sdk_edits_a_picture_under_a_mask(client, provider):
    mask = picture(mode="RGBA", colour=(0, 0, 0, 0))

    answer = client.images.edit(
        model=provider.dialect.model,
        prompt=PROMPT,
        image=("in.png", picture(), "image/png"),
        mask=("mask.png", mask, "image/png"),
    )

    image = opened(delivered(answer.data[0].model_dump(exclude_none=True)))
    assert image.size == (1024, 1024)


def test_the_sdk_streams_where_the_document_has_a_stream(client, provider):
    if not provider.operations["createImage"].streams:
        return  # what comes instead is `test_streaming`'s to say

    with client.images.generate(
        model=provider.dialect.model, prompt=PROMPT, stream=True, partial_images=2
    ) as stream:
        types = [each.type for each in stream]

    partial, completed = "image_generation.partial_image", "image_generation.completed"
    assert types == [partial, partial, completed]


def test_the_sdk_streams_an_edit_where_the_document_has_a_stream(client, provider):
    if not provider.operations["createImageEdit"].streams:
        return

    with client.images.edit(
        model=provider.dialect.model,
        prompt=PROMPT,
        image=("in.png", picture(), "image/png"),
        stream=True,
        partial_images=1,
    ) as stream:
        types = [each.type for each in stream]

    assert types == ["image_edit.partial_image", "image_edit.completed"]


def test_the_sdk_raises_its_own_errors(client, provider):
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(
            model=provider.dialect.model, prompt="[[mock:rate_limited]]"
        )

    example = provider.operations["createImage"].errors["rate_limited"]
    assert caught.value.status_code == example.status
    assert caught.value.response.json() == example.body


def test_the_sdk_without_a_good_key_is_refused(mock, provider):
    key = "sk-mock-unauthenticated"
    base_url = mock.base_urls[provider.id]

    with (
        openai.OpenAI(base_url=base_url, api_key=key, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.images.generate(model=provider.dialect.model, prompt=PROMPT)


def test_the_sdk_lists_models(client, provider):
    assert provider.dialect.model in {each.id for each in client.models.list()}


def test_the_asynchronous_sdk_generates_edits_and_streams(mock, provider):
    async def session():
        base_url = mock.base_urls[provider.id]
        model = provider.dialect.model
        async with openai.AsyncOpenAI(
            base_url=base_url, api_key=KEY, max_retries=0
        ) as client:
            generated, edited = await asyncio.gather(
                client.images.generate(model=model, prompt=PROMPT),
                client.images.edit(
                    model=model,
                    prompt=PROMPT,
                    image=("in.png", picture(), "image/png"),
                ),
            )
            types = []
            if provider.operations["createImage"].streams:
                stream = await client.images.generate(
                    model=model, prompt=PROMPT, stream=True
                )
                types = [each.type async for each in stream]
            return generated, edited, types

    generated, edited, types = asyncio.run(session())

    assert len(generated.data) == len(edited.data) == 1
    if provider.operations["createImage"].streams:
        assert types == ["image_generation.completed"]


def test_curl_sends_a_form(curl, mock, provider, tmp_path):
    (tmp_path / "in.png").write_bytes(picture())

    out = curl(
        url_of(mock, provider, "createImageEdit"),
        *("-H", f"Authorization: Bearer {KEY}"),
        *("-F", f"model={provider.dialect.model}", "-F", f"prompt={PROMPT}"),
        *("-F", f"image=@{tmp_path / 'in.png'}", "-F", "size=1536x1024"),
    )

    assert opened(delivered(json.loads(out)["data"][0])).size == (1536, 1024)


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
    if not operation.streams:
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
