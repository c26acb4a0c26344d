"""Any body gets a response in the provider's format, never a crash."""

import gzip
import http.client
import json
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.http import (
    BOUNDARY,
    FORM,
    JSON,
    KEY,
    ask,
    data_uri,
    edit,
    form,
    generation,
    key_of,
    picture,
    saved,
    url_of,
)
from support.properties import examples
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs
from mockserver.pipeline.request.body_parsing import MAX_BODY_ON_LOOP

MULTIPART = f"{FORM}; boundary={BOUNDARY}"
GOOD = json.dumps({"model": "gpt-image-2", "prompt": "x"})


def refused(answer, provider, operation_id="createImage", status=400):
    """True if a response is the documented error response."""
    response = provider.operations[operation_id].response_for(400)
    assert answer.headers["Content-Type"].startswith(JSON)
    assert response.bodies[JSON].judge.is_valid(answer.json), answer.body
    assert b"Traceback" not in answer.body
    return answer.status == status


def is_an_answer(answer, provider, operation_id):
    """True if a response fits the schemas of the document."""
    response = provider.operations[operation_id].response_for(answer.status)
    if response is None or answer.status in {413, 415}:
        return refused(answer, provider, operation_id, answer.status)
    media_type = answer.headers["Content-Type"].partition(";")[0]
    return media_type != JSON or not response.bodies[JSON].judge.is_invalid(answer.json)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"prompt"', id="text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{'prompt': 'x'}", id="single-quotes"),
        pytest.param(b'{"prompt": "x",}', id="comma"),
        pytest.param(b'{"prompt": "x"} {}', id="two"),
        pytest.param(b'{"prompt": "x", "n": NaN}', id="nan"),
        pytest.param(b'{"prompt": "x", "n": -Infinity}', id="infinity"),
        pytest.param(b'{"prompt": "x", "n": 1e999}', id="too-large-a-number"),
        pytest.param(b'{"prompt": "x", "of_ours": -1e999}', id="too-small-a-number"),
        pytest.param(b'{"prompt": "x", "n": ' + b"9" * 5000 + b"}", id="digits"),
        pytest.param(b'{"prompt": "\xff"}', id="not-utf-8"),
        pytest.param(b'\xef\xbb\xbf{"prompt": "x"}', id="byte-order-mark"),
        pytest.param(b'{"prompt": "\\ud83d"}', id="half-a-pair"),
        pytest.param(b'{"prompt": "x", "\\uDC00": 1}', id="half-a-pair-as-name"),
        pytest.param(b'{"a": ' * 100 + b"1" + b"}" * 100, id="deep"),
        pytest.param(b"[" * 200_000, id="deeper"),
        pytest.param(b'{"a": ' * 50_000 + b"1" + b"}" * 50_000, id="deepest"),
        pytest.param(b"\0" * 100, id="zeros"),
    ],
)
def test_what_is_not_a_json_object_is_refused(mock, provider, body):
    answer = ask(url_of(mock, provider), body=body, Content_Type=JSON)

    assert refused(answer, provider)
    assert "cannot be read as JSON" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("name", "operation_id", "more"),
    [
        ("tokenhub", "createImage", {"output_format": []}),
        ("tokenhub", "createImage", {"quality": "high", "size": []}),
        ("tokenhub", "createImage", {"image": {"sha256": "x"}}),
        ("tokenhub", "createImage", {"stream": True, "partial_images": []}),
        ("llmapi", "createImageEdit", {"quality": []}),
        ("llmapi", "createImageEdit", {"quality": {}, "output_format": {}}),
        ("llmapi", "createImageEdit", {"output_compression": "x"}),
        ("llmapi", "createImageEdit", {"background": [[]]}),
        ("aihubmix", "createImageEdit", {"background": "", "quality": "ultra"}),
    ],
)
def test_a_member_that_a_document_does_not_list_may_have_any_value(
    mock, name, operation_id, more
):
    """It is accepted or rejected, but never a crash."""
    provider = specs.load(name)
    sent = {"body": generation(provider, **more)}
    if operation_id == "createImageEdit":
        media_type = list(provider.operations[operation_id].bodies)[-1]
        sent = edit(provider, media_type, picture(), **more)

    answer = ask(url_of(mock, provider, operation_id), **sent)

    assert answer.status in {200, 400}
    assert is_an_answer(answer, provider, operation_id)


def test_one_part_with_brackets_is_a_list_of_one(mock):
    provider = specs.load("openai")
    sent = form(*generation(provider).items(), ("image[]", picture()))

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert answer.status == 200
    assert len(mock.journal("openai")[-1]["payload"]["image"]) == 1


def test_a_pair_of_surrogates_is_a_character_like_any_other(mock, provider):
    payload = generation(provider, prompt="A \N{FROG FACE}")
    body = json.dumps(payload, ensure_ascii=True)

    answer = ask(url_of(mock, provider), body=body, Content_Type=JSON)

    assert answer.status == 200
    assert mock.journal(provider.id)[-1]["payload"]["prompt"] == "A \N{FROG FACE}"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "json", "image/png", ";"],
)
def test_another_content_type_is_refused_with_the_right_ones(
    mock, provider, content_type
):
    for operation in provider.operations.values():
        url = url_of(mock, provider, operation.id)

        answer = ask(url, body=GOOD, Content_Type=content_type, **key_of(operation))

        assert refused(answer, provider, operation.id, 415)
        for known in operation.bodies:
            assert known in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON", " application/json "],
)
def test_a_content_type_may_have_parameters_and_any_case(mock, provider, content_type):
    body = json.dumps(generation(provider))

    answer = ask(url_of(mock, provider), body=body, Content_Type=content_type)

    assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", MULTIPART, id="empty"),
        pytest.param(b"garbage", MULTIPART, id="garbage"),
        pytest.param(b"garbage", FORM, id="no-boundary"),
        pytest.param(b"garbage", f"{FORM}; boundary=", id="empty-boundary"),
        pytest.param(b"garbage", f'{FORM}; boundary="\xe9"', id="foreign-boundary"),
        pytest.param(b"garbage", f'{FORM}; boundary="', id="open-quote"),
        pytest.param(b"garbage", f"{FORM}; boundary={'x' * 2000}", id="long-boundary"),
        pytest.param(form(("prompt", "x"))["body"][:-8], MULTIPART, id="cut"),
        pytest.param(
            form(*[("prompt", "x")] * 100)["body"], MULTIPART, id="too-many-parts"
        ),
        pytest.param(
            f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(),
            MULTIPART,
            id="no-name",
        ),
        pytest.param(
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=prompt\r\n"
            "Content-Type: text/plain; charset=no-such\r\n\r\nx\r\n"
            f"--{BOUNDARY}--\r\n".encode(),
            MULTIPART,
            id="unknown-charset",
        ),
        pytest.param(
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
            f'name="\x00\x01"\r\n\r\nx\r\n--{BOUNDARY}--\r\n'.encode(),
            MULTIPART,
            id="control-characters",
        ),
        pytest.param(
            form(("prompt", "x"))["body"].replace(b"x\r\n--", b"\xff\r\n--"),
            MULTIPART,
            id="not-utf-8",
        ),
    ],
)
def test_what_is_not_a_form_is_refused(mock, provider, body, content_type):
    url = url_of(mock, provider, "createImageEdit")

    answer = ask(url, body=body, Content_Type=content_type)

    # Two documents require nothing, so a form without a known part is let through.
    assert answer.status in {200, 400}
    assert is_an_answer(answer, provider, "createImageEdit")


def test_a_form_is_read_by_the_types_that_its_members_have(mock):
    provider = specs.load("openai")
    sent = edit(provider, FORM, picture(), n=2, partial_images=0, stream="false")

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    payload = mock.journal("openai")[-1]["payload"]
    assert answer.status == 200
    assert (payload["n"], payload["stream"], payload["prompt"]) == (
        2,
        False,
        "A paper boat",
    )


def test_a_number_that_is_none_is_named(mock):
    provider = specs.load("openai")
    sent = edit(provider, FORM, picture(), n="two")

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert answer.status == 400
    assert answer.json["error"]["param"] == "n"


def test_a_file_that_is_no_picture_is_refused_where_a_picture_is_needed(mock):
    provider = specs.load("openai")
    sent = edit(provider, FORM, b"GIF89 is what I am not")

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert answer.status == 400
    assert answer.json["error"]["param"] == "image"


def test_a_coded_body_is_decoded(mock, provider):
    body = gzip.compress(json.dumps(generation(provider)).encode())

    answer = ask(
        url_of(mock, provider), body=body, Content_Type=JSON, Content_Encoding="gzip"
    )

    assert answer.status == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_is_not_coded_as_it_says_is_refused(mock, provider, coding):
    answer = ask(
        url_of(mock, provider), body=GOOD, Content_Type=JSON, Content_Encoding=coding
    )

    assert refused(answer, provider)


@pytest.fixture(scope="module")
def small():
    """All providers, with a body limit of 2,000 bytes."""
    loaded = [specs.load(name) for name in specs.names()]
    bounded = [
        replace(
            each,
            dialect=replace(
                each.dialect, mock=replace(each.dialect.mock, max_body_bytes=2000)
            ),
        )
        for each in loaded
    ]
    with mockserver.running(*bounded) as running:
        yield running


@pytest.mark.parametrize("media_type", [JSON, MULTIPART])
def test_too_large_a_body_is_refused_by_its_length(small, provider, media_type):
    answer = ask(url_of(small, provider), body=b"x" * 2001, Content_Type=media_type)

    assert refused(answer, provider, status=413)
    assert "2000 bytes" in answer.json["error"]["message"]


def test_too_large_a_body_is_refused_before_it_has_come(small, provider):
    """The Content-Length is sent, but no byte of the body."""
    parts = urlsplit(url_of(small, provider))
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.putrequest("POST", parts.path)
        connection.putheader("Authorization", f"Bearer {KEY}")
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()

    assert response.status == 413
    assert b"2000 bytes" in body


def test_too_large_a_body_is_refused_without_a_length(small, provider):
    chunks = (b"x" * 500 for _ in range(5))

    answer = ask(
        url_of(small, provider),
        body=chunks,
        Content_Type=JSON,
    )

    assert refused(answer, provider, status=413)


def test_too_large_a_body_is_refused_after_decoding(small, provider):
    body = gzip.compress(b" " * 1_000_000)

    answer = ask(
        url_of(small, provider), body=body, Content_Type=JSON, Content_Encoding="gzip"
    )

    assert refused(answer, provider, status=413)


def test_a_body_of_just_the_limit_is_read(small, provider):
    body = json.dumps(generation(provider))

    answer = ask(url_of(small, provider), body=body.ljust(2000), Content_Type=JSON)

    assert answer.status == 200


def test_large_json_is_read_as_small_json_is():
    openai = specs.load("openai")
    grain = Image.effect_noise((700, 700), 50)
    uris = [data_uri(saved(each)) for each in (grain, grain.rotate(90))]
    assert min(map(len, uris)) > MAX_BODY_ON_LOOP
    first, other = (
        {"prompt": "A cube", "images": [{"image_url": each}]} for each in uris
    )
    reordered = dict(reversed(first.items()))
    wrong = {**first, "n": 0}

    with mockserver.running(openai) as running:
        url = url_of(running, openai, "createImageEdit")
        bodies = (first, reordered, other, wrong)
        answers = [ask(url, body=each) for each in bodies]
        cut = ask(url, body=json.dumps(first).encode()[:-1], content_type=JSON)
        entries = running.journal()

    same, again, different, _ = [each["request"] for each in entries[:4]]
    assert [each.status for each in answers] == [200, 200, 200, 400]
    assert answers[3].json["error"]["param"] == "n"
    assert cut.status == 400
    assert same == again != different
    assert answers[0].json["data"] == answers[1].json["data"]
    assert answers[0].json["data"] != answers[2].json["data"]


@pytest.mark.parametrize(
    "path", ["/images", "/images/generations/", "/images/generation", "/", "/chat"]
)
def test_an_unknown_address_is_a_404_in_the_envelope(mock, provider, path):
    answer = ask(f"{mock.base_urls[provider.id]}{path}", body=generation(provider))

    assert refused(answer, provider, status=404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_a_405_in_the_envelope(mock, provider, method):
    answer = ask(url_of(mock, provider), method=method)

    assert refused(answer, provider, status=405)
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("host", ["127.0.0.1:1", "mock.localhost"])
def test_an_unknown_address_of_a_provider_names_its_base_url(mock, provider, host):
    answer = ask(f"{mock.url}/{provider.id}/gibberish", body={}, Host=host)

    base_url = f"http://{host}/{provider.id}{provider.base_path}"
    text = answer.body.decode()
    assert f"POST /{provider.id}/gibberish: unknown endpoint" in text
    assert base_url in text


def test_an_address_of_no_provider_is_a_404_that_lists_them(mock):
    answer = ask(f"{mock.url}/v1/images/generations", body={})

    assert answer.status == 404
    for name in specs.names():
        base_path = f"/{name}{specs.load(name).base_path}"
        assert base_path in answer.json["error"]["message"]


def test_a_host_name_stands_for_the_prefix(mock, provider):
    path = provider.base_path + provider.operations["createImage"].path

    answer = ask(
        f"{mock.url}{path}", body=generation(provider), Host=f"{provider.id}.localhost"
    )

    assert answer.status == 200


def test_a_lone_provider_answers_the_bare_path(provider):
    with mockserver.running(provider) as running:
        path = provider.base_path + provider.operations["createImage"].path

        answer = ask(f"{running.url}{path}", body=generation(provider))

    assert answer.status == 200


# Keys of a request: the members that documents know, and what else there may be.
words = st.sampled_from(
    [
        "prompt", "model", "n", "size", "quality", "stream", "partial_images", "image",
        "images", "mask", "background", "output_format", "format", "style", "user",
        "output_compression", "response_format", "moderation", "input_fidelity", "x",
    ]
)  # fmt: skip
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 12)
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["auto", "1024x1024", "16x16", "9x99999", "png", "webp", "transparent", "high"]
    )
    | st.sampled_from(
        ["data:image/png;base64,", "data:image/png;base64,é", "http://x"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["image_url", "file_id", "sha256", "x"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)
PROVIDERS = {name: specs.load(name) for name in IMAGE_PROVIDERS}
OPERATIONS = ("createImage", "createImageEdit")
fuzz = settings(
    deadline=None,
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(
    st.sampled_from(sorted(PROVIDERS)),
    st.sampled_from(OPERATIONS),
    st.binary(max_size=300),
    st.sampled_from([JSON, MULTIPART, FORM]),
)
@example("openai", "createImage", b"", JSON)
@fuzz
def test_no_bytes_are_answered_by_a_crash(mock, name, operation_id, body, content_type):
    url = url_of(mock, PROVIDERS[name], operation_id)

    answer = ask(url, body=body, Content_Type=content_type)

    assert answer.status < 500
    assert is_an_answer(answer, PROVIDERS[name], operation_id)


@given(
    st.sampled_from(sorted(PROVIDERS)),
    st.sampled_from(OPERATIONS),
    st.dictionaries(words, values, max_size=4),
)
@fuzz
def test_no_json_object_is_answered_by_a_crash(mock, name, operation_id, more):
    """Fields with any value, besides a model and a prompt."""
    provider = PROVIDERS[name]
    url = url_of(mock, provider, operation_id)
    body = json.dumps(generation(provider) | more)

    answer = ask(url, body=body, Content_Type=JSON)

    assert answer.status < 500
    assert is_an_answer(answer, provider, operation_id)


@given(
    st.sampled_from(sorted(PROVIDERS)),
    st.lists(
        st.tuples(
            words | words.map("{}[]".format),
            st.binary(max_size=40) | st.integers() | st.sampled_from(["true", "webp"]),
        ),
        max_size=5,
    ),
    st.integers(0, 60),
)
@fuzz
def test_no_form_is_answered_by_a_crash(mock, name, parts, cut):
    """Any parts; the form may be truncated."""
    provider = PROVIDERS[name]
    sent = form(*generation(provider).items(), ("image", picture()), *parts)
    sent["body"] = sent["body"][: len(sent["body"]) - (cut - 30 if cut > 30 else 0)]

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    assert answer.status < 500
    assert is_an_answer(answer, provider, "createImageEdit")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60))
@fuzz
def test_no_content_type_is_answered_by_a_crash(mock, text):
    for content_type in (text, f"{FORM}; {text}", f'{FORM}; boundary="{text}"'):
        answer = ask(
            f"{mock.base_urls['openai']}/images/edits",
            body=b"--\r\n",
            Content_Type=content_type,
        )

        assert answer.status in {400, 415}
