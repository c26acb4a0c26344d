"""Every documented error can be triggered, and each rejection is correct."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.http import (
    JSON,
    WAYS,
    ask,
    form,
    generation,
    picture,
    provoked,
    request_for,
    url_of,
)
from support.properties import examples
from support.providers import IMAGE_OPERATIONS

import mockserver
import specs
from mockserver.errors import example_headers
from mockserver.json_text import fill_placeholders

pytestmark = pytest.mark.slow

CATALOGUE = [
    pytest.param(name, operation.id, error, id=f"{name}-{operation.id}-{error}")
    for name, operation in IMAGE_OPERATIONS
    for error in operation.errors
]


def expected(example, message, operation_id):
    """The body of an error that was triggered; one about uploads names the first."""
    details = {"message": message, "param": None, "value": message, "given": ""}
    if "{label}" in str(example.body):
        details["label"] = "application/octet-stream"
        if operation_id == "createImageEdit":
            details["param"] = "image"
    return fill_placeholders(example.body, details)


@pytest.fixture(scope="module")
def strict():
    settings = mockserver.Settings(strict=True)
    with mockserver.running(settings=settings) as running:
        yield running


@pytest.mark.parametrize(("name", "operation_id", "error"), CATALOGUE)
def test_an_error_comes_in_each_way(mock, name, operation_id, error):
    """Each has its documented body, status and headers."""
    provider = specs.load(name)
    example = provider.operations[operation_id].errors[error]
    url = url_of(mock, provider, operation_id)
    for way in WAYS:
        asked = provoked(mock, provider, way, error)
        prompt = asked.pop("prompt", "A paper boat")
        sent = request_for(provider, operation_id, prompt=prompt)

        answer = ask(url, **sent, **asked)

        assert answer.status == example.status
        message = f"Triggered by {way}."
        assert answer.json == expected(example, message, operation_id)
        for header, value in example_headers(example).items():
            assert answer.headers[header] == value


def test_an_error_asked_for_comes_before_anything_wrong_with_the_body(mock, provider):
    answer = ask(
        url_of(mock, provider), body="{", Content_Type=JSON, X_Mock_Error="rate_limited"
    )

    assert answer.status == 429


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dGVzdA==", "sk-test", "bearer\t"],
)
def test_without_a_bearer_token_nothing_is_answered(mock, provider, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = ask(url_of(mock, provider), body=generation(provider), key=None, **headers)

    example = provider.operations["createImage"].errors["unauthenticated"]
    assert (answer.status, answer.json) == (401, example.body)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(mock, provider, scheme):
    answer = ask(
        url_of(mock, provider),
        body=generation(provider),
        key=None,
        Authorization=f"{scheme} anything",
    )

    assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "content_type"), [("{", JSON), ("{}", JSON), ("x", "text/plain")]
)
def test_the_key_is_asked_for_before_the_body_is_judged(
    mock, provider, body, content_type
):
    url = url_of(mock, provider)

    assert ask(url, body=body, Content_Type=content_type, key=None).status == 401
    assert ask(url, body=body, Content_Type=content_type).status != 401


def spoilt(provider):
    """Invalid payloads by the document: one invalid field each."""
    body = provider.operations["createImage"].bodies[JSON]
    for name in body.properties:
        for value in (0, -1, 10**6, True, "no such value", 1.5, ["x"], {"x": 1}):
            payload = generation(provider) | {name: value}
            if body.judge.judge(payload).state is specs.State.INVALID:
                yield payload


def test_the_first_documented_violation_is_the_answer(mock, provider):
    """Status, body and `param` belong to the first documented violation."""
    operation = provider.operations["createImage"]
    judge = operation.bodies[JSON].judge
    seen = set()
    for payload in spoilt(provider):
        first = judge.judge(payload).documented_violations[0]
        example = operation.errors[first.evidence.error]

        answer = ask(url_of(mock, provider), body=payload)

        assert answer.status == example.status
        details = {"message": str(first), "param": first.param, "value": str(first)}
        assert answer.json == fill_placeholders(example.body, details)
        seen.add(first.param)
    assert len(seen) >= 5


def test_of_two_faults_the_documents_first_is_named(mock):
    """`n` precedes `quality` in the document; the order in the request is ignored."""
    provider = specs.load("aihubmix")
    payload = {"quality": "ultra", "n": 11, "prompt": "x"}

    answer = ask(url_of(mock, provider), body=payload)

    assert answer.json["error"]["param"] == "n"
    assert answer.json["error"]["code"] == "n_not_within_range"


def test_a_missing_member_is_named(mock):
    answer = ask(f"{mock.base_urls['openai']}/images/generations", body={"n": 1})

    assert answer.status == 400
    assert answer.json["error"]["param"] == "prompt"


def test_a_wrong_value_inside_a_list_is_named_by_its_place(mock):
    body = {"prompt": "x", "images": [{"image_url": "https://a.b/c"}, {"image_url": 1}]}

    answer = ask(f"{mock.base_urls['openai']}/images/edits", body=body)

    assert answer.json["error"]["param"] == "images[1].image_url"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("llmapi", {"n": 11}),
        ("llmapi", {"quality": "ultra"}),
        ("tokenhub", {"of_ours": 1}),
        ("tikhub", {"n": 11}),
        ("openai", {"background": "transparent"}),
    ],
)
def test_what_a_document_leaves_open_is_served_unless_strict(mock, strict, name, more):
    provider = specs.load(name)
    body = generation(provider, **more)

    lenient = ask(url_of(mock, provider), body=body)
    refused = ask(url_of(strict, provider), body=body)

    assert (lenient.status, refused.status) == (200, 400)
    assert mock.journal(name)[-1]["decision"]["state"] == "unspecified"


def test_a_strict_mock_serves_what_is_valid(strict, provider):
    assert ask(url_of(strict, provider), body=generation(provider)).status == 200


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 1000}, "n"),
        ({"size": "20000x16"}, "size"),
        ({"size": "99999x99999"}, "size"),
        ({"output_format": "bmp"}, "output_format"),
    ],
)
def test_what_cannot_be_drawn_is_refused_where_it_is_not_ruled_out(mock, more, param):
    provider = specs.load("tikhub")

    answer = ask(url_of(mock, provider), body=generation(provider, **more))

    assert answer.status == 400
    assert answer.json["error"]["param"] == param


def test_an_unreadable_picture_is_refused_under_the_providers_own_name(mock):
    body = {"prompt": "x", "images": [{"image_url": "data:image/png;base64,AAAA"}]}

    answer = ask(f"{mock.base_urls['openai']}/images/edits", body=body)

    assert answer.status == 400
    assert answer.json["error"]["param"] == "images"


@pytest.mark.parametrize("uri", ["data:image/png;base64,", "data:image/png;base64,é?"])
def test_a_data_uri_without_base64_is_refused(mock, uri):
    provider = specs.load("tokenhub")
    body = generation(provider, image=uri)

    answer = ask(url_of(mock, provider, "createImageEdit"), body=body)

    assert answer.status == 400
    assert answer.json["error"]["param"] == "image"


def test_an_address_of_a_picture_is_never_fetched(mock):
    """The edit succeeds although nothing listens on port 9."""
    provider = specs.load("tokenhub")
    body = generation(provider, image="http://127.0.0.1:9/in.png")

    answer = ask(url_of(mock, provider, "createImageEdit"), body=body)

    assert answer.status == 200


def test_a_mask_must_be_as_large_as_its_picture(mock):
    provider = specs.load("tikhub")
    mask = picture(32, 64, mode="RGBA", colour=(0, 0, 0, 0))
    sent = form(
        *generation(provider).items(), ("image", picture(64, 64)), ("mask", mask)
    )

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert answer.status == 400
    assert answer.json["error"]["param"] == "mask"


def test_a_mask_must_have_an_alpha_channel(mock):
    provider = specs.load("tikhub")
    sent = form(
        *generation(provider).items(), ("image", picture()), ("mask", picture())
    )

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert answer.status == 400
    assert answer.json["error"]["param"] == "mask"


def test_several_pictures_are_for_one_model_only(mock):
    provider = specs.load("tikhub")
    url = url_of(mock, provider, "createImageEdit")

    def send(model):
        fields = generation(provider, model=model).items()
        two = (("image[]", picture()), ("image[]", picture()))
        return ask(url, **form(*fields, *two))

    assert send("gpt-image-2-vip").status == 200
    assert send("gpt-image-2").json["error"]["param"] == "image"


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=examples(40))
def test_an_answer_never_repeats_the_key(mock, text):
    """Not even the end of the key, which may look like a trigger."""
    secret = "5ecret" + "".join(
        each for each in text if each.isalnum() and each.isascii()
    )
    answer = ask(
        f"{mock.base_urls['openai']}/images/generations",
        body={"prompt": text},
        key=f"sk-mock-{secret}",
    )

    assert answer.status == 400
    assert secret.encode() not in answer.body
