"""Uploads by their label: reported of the service, promised by no page."""

import openai
import pytest
from support.http import BOUNDARY, FORM, ask, generation, picture, url_of

import mockserver
import specs

OPENAI = specs.load("openai")
MESSAGE = (
    "Invalid file '{}': unsupported mimetype ('{}'). "
    "Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'."
)


@pytest.fixture(scope="module")
def strict():
    with mockserver.running("openai", strict=True) as running:
        yield running


def send(running, *files, **headers):
    """Send an edit with files, each as the name of its field and its label."""
    lines = []
    for name, value in generation(OPENAI).items():
        lines += [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"']
        lines += ["", value]
    body = "\r\n".join(lines).encode()
    for name, label in files:
        head = f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; '
        head += 'filename="upload"\r\n'
        head += f"Content-Type: {label}\r\n" if label else ""
        body += f"{head}\r\n".encode() + picture(mode="RGBA", colour=(0, 0, 0, 0))
    body += f"\r\n--{BOUNDARY}--\r\n".encode()
    type_ = f"{FORM}; boundary={BOUNDARY}"
    url = url_of(running, OPENAI, "createImageEdit")
    return ask(url, body=body, Content_Type=type_, **headers)


LABELS = ["application/octet-stream", "text/plain", "image/gif"]


@pytest.mark.parametrize("label", LABELS)
def test_a_wrong_label_is_refused_as_reported(strict, label):
    answer = send(strict, ("image", label))

    assert answer.status == 400
    assert answer.json == {
        "error": {
            "message": MESSAGE.format("image", label),
            "type": "invalid_request_error",
            "param": "image",
            "code": "unsupported_file_mimetype",
        }
    }


@pytest.mark.parametrize("label", ["image/png", "image/jpeg", "image/webp", ""])
def test_another_label_is_accepted(strict, label):
    """The bytes are those of a PNG; a part without a label is not said to be wrong."""
    assert send(strict, ("image", label)).status == 200


def test_bytes_without_a_name_fail_as_in_production(strict):
    """The client labels them application/octet-stream; with a name it guesses."""
    with openai.OpenAI(base_url=strict.base_url, api_key="k", max_retries=0) as client:
        asked = {"model": OPENAI.dialect.model, "prompt": "A paper boat"}
        with pytest.raises(openai.BadRequestError) as raised:
            client.images.edit(image=picture(), **asked)
        named = client.images.edit(image=("a.png", picture()), **asked)

    assert raised.value.code == "unsupported_file_mimetype"
    assert raised.value.param == "image"
    assert len(named.data) == 1


def test_the_image_of_a_list_is_named(strict):
    one = send(strict, ("image[]", "text/plain"))
    second = send(strict, ("image[]", "image/png"), ("image[]", "text/plain"))

    assert one.json["error"]["param"] == "image[0]"
    assert second.json["error"]["param"] == "image[1]"
    assert "Invalid file 'image[1]'" in second.json["error"]["message"]


def test_the_label_of_a_mask_is_not_looked_at(strict):
    answer = send(strict, ("image", "image/png"), ("mask", "application/octet-stream"))

    assert answer.status == 200


def test_what_nobody_promised_is_accepted_and_noted(mock):
    """The journal says what is reported, and that no page says it."""
    mock.reset()
    answer = send(mock, ("image", "application/octet-stream"))

    assert answer.status == 200
    entry = mock.journal("openai")[-1]
    assert entry["payload"]["image"]["content_type"] == "application/octet-stream"
    (noted,) = entry["decision"]["violations"]
    assert noted["basis"] == "assumed"
    assert noted["source"] == "probe"
    assert noted["param"] == "image"
    assert noted["claim"] == "pictures-by-their-label/image/x-upload/mediaTypes"
    assert "application/octet-stream" in noted["says"]


@pytest.mark.parametrize(
    ("name", "param"), [("image", "image"), ("image[]", "image[0]")]
)
def test_the_error_comes_by_name(mock, name, param):
    answer = send(
        mock,
        (name, "application/octet-stream"),
        X_Mock_Error="unsupported_file_mimetype",
    )

    assert answer.status == 400
    error = answer.json["error"]
    assert error["code"] == "unsupported_file_mimetype"
    assert error["param"] == param
    assert error["message"] == MESSAGE.format(param, "application/octet-stream")
