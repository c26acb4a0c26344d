"""Errors of uploads: the field is named, in words, and nothing of Python is shown."""

import json
import re

import pytest
from support.http import (
    BOUNDARY,
    FORM,
    ask,
    data_uri,
    form,
    generation,
    picture,
    url_of,
)
from support.providers import IMAGE_PROVIDERS

import specs
from mockserver.pipeline.request.form_messages import upload_error

pytestmark = pytest.mark.slow

GOOD = picture(64, 64)
MASK = picture(64, 64, mode="RGBA", colour=(0, 0, 0, 0))
TRUNCATED = GOOD[:60]
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 50
WITH_FORM = [
    each for each in IMAGE_PROVIDERS
    if FORM in specs.load(each).operations["createImageEdit"].bodies
]  # fmt: skip


def broken(data):
    """An image whose header is right and whose data is not."""
    at = data.index(b"IDAT") + 6
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def edit(mock, editing, *files, **more):
    """The response to an edit with these parts."""
    parts = (*generation(editing, **more).items(), *files)
    return ask(url_of(mock, editing, "createImageEdit"), **form(*parts))


@pytest.fixture(params=WITH_FORM)
def editing(request):
    return specs.load(request.param)


def said(answer):
    """The text of an error, which shows nothing of Python."""
    assert answer.status == 400, answer.body
    text = answer.body.decode()
    assert not re.search(r"0x[0-9a-f]{6}|<_?io|\bNone\b|\bTrue\b|\bFalse\b", text)
    return text


@pytest.mark.parametrize("data", [HEIC, b"BM" + b"\0" * 60, b"<html></html>", b"x"])
def test_what_is_no_image_is_named_in_fixed_words(mock, editing, data):
    first, second = (edit(mock, editing, ("image", data)) for _ in range(2))

    assert said(first) == said(second)


@pytest.mark.parametrize("data", [TRUNCATED, broken(GOOD)])
def test_a_damaged_image_is_named(mock, editing, data):
    text = said(edit(mock, editing, ("image", data)))

    assert "damaged or incomplete" in text
    assert "image" in text


def test_heic_is_known_by_name(mock):
    tikhub = specs.load("tikhub")

    assert "HEIC" in said(edit(mock, tikhub, ("image", HEIC)))


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ([("image", broken(GOOD))], "image"),
        ([("image", GOOD), ("mask", broken(MASK))], "mask"),
        ([("image[]", GOOD), ("image[]", broken(GOOD))], "image[1]"),
        ([("image[]", broken(GOOD)), ("image[]", GOOD)], "image[0]"),
    ],
)
def test_the_part_that_cannot_be_read_is_blamed(mock, files, param):
    openai = specs.load("openai")

    error = edit(mock, openai, *files).json["error"]

    assert error["param"] == param
    assert error["code"] == "invalid_image_file"
    assert error["message"].startswith(f"{param}: ")


def test_the_part_is_blamed_for_a_url_too(mock):
    tikhub = specs.load("tikhub")
    model = {"model": "gpt-image-2-vip", "response_format": "url"}

    answer = edit(mock, tikhub, ("image[]", GOOD), ("image[]", broken(GOOD)), **model)

    assert answer.json["error"]["param"] == "image[1]"


def test_a_broken_data_uri_is_blamed_by_the_providers_name(mock):
    body = {
        "model": "gpt-image-2",
        "prompt": "x",
        "images": [{"image_url": data_uri(each)} for each in (GOOD, broken(GOOD))],
    }

    answer = ask(f"{mock.base_urls['openai']}/images/edits", body=body)

    assert answer.json["error"]["param"] == "images[1]"


def test_an_empty_file_is_refused(mock, editing):
    said(edit(mock, editing, ("image", b"")))
    said(edit(mock, editing, ("image", GOOD), ("mask", b"")))


def part(name, content, *headers):
    lines = [f'Content-Disposition: form-data; name="{name}"', *headers]
    head = "\r\n".join([f"--{BOUNDARY}", *lines, "", ""]).encode()
    return head + content + b"\r\n"


def posted(mock, editing, *parts):
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    content_type = f"{FORM}; boundary={BOUNDARY}"
    url = url_of(mock, editing, "createImageEdit")
    return ask(url, body=body, Content_Type=content_type)


@pytest.mark.parametrize("headers", [[], ["Content-Type: image/png"]])
@pytest.mark.parametrize("name", ["image", "image[]"])
def test_a_file_without_a_filename_is_named(mock, editing, name, headers):
    texts = [part(name, str(value).encode())
             for name, value in generation(editing).items()]  # fmt: skip

    answer = posted(mock, editing, *texts, part(name, GOOD, *headers))

    text = said(answer)
    assert "no filename" in text
    assert "image" in text


def test_a_text_in_place_of_a_file(mock):
    openai = specs.load("openai")

    error = edit(mock, openai, ("image", "a path.png")).json["error"]

    assert error["param"] == "image"
    assert "expected a file, got text" in error["message"]


def test_a_text_that_is_sent_twice(mock):
    openai = specs.load("openai")

    answer = edit(mock, openai, ("image", GOOD), ("prompt", "two"))

    assert "prompt: expected one part, got 2" in said(answer)


def test_numbered_parts_get_a_hint(mock):
    openai = specs.load("openai")

    answer = edit(mock, openai, ("image[0]", GOOD), ("image[1]", GOOD))

    assert "image[0] is not read" in said(answer)
    assert "image[]" in answer.json["error"]["message"]


def test_null_is_called_null(mock):
    openai = specs.load("openai")
    body = generation(openai, quality="xhigh")

    text = json.loads(said(ask(url_of(mock, openai), body=body)))["error"]["message"]

    assert "null" in text


def test_the_error_of_uploads_is_that_of_the_document():
    for name, error in (
        ("openai", "invalid_image_file"),
        ("tikhub", "invalid_request"),
    ):
        assert upload_error(specs.load(name).operations["createImageEdit"]) == error
