"""A picture comes as its document says: at an address, in the text, as a data URI."""

import base64
import random

import pytest
from PIL import Image
from support.http import (
    FORM,
    JSON,
    ask,
    edit,
    form,
    generation,
    opened,
    picture,
    saved,
    url_of,
)
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs

NOON = 1_777_896_000.0
SECRET = b"known to both"


def at(seconds, *providers):
    """Mocks whose clock stands still, and which believe each other's addresses."""
    settings = mockserver.Settings(frozen=seconds, secret=SECRET)
    return mockserver.running(*providers, settings=settings)


def gives(provider):
    """Requests that a document calls valid, by the delivery that they lead to."""
    judge = provider.operations["createImage"].bodies[JSON].judge
    found = {}
    for more in ({}, {"response_format": "url"}, {"response_format": "b64_json"}):
        payload = generation(provider, **more)
        if judge.judge(payload).state is not specs.State.INVALID:
            found[provider.dialect.delivery_for(payload).give] = payload
    return found


def test_each_delivery_of_a_document_is_what_it_is_called(mock, provider):
    begins = {"url": f"{mock.url}/_images/", "data_uri": "data:image/png;base64,"}
    for give, payload in gives(provider).items():
        item = ask(url_of(mock, provider), body=payload).json["data"][0]

        if give == "b64_json":
            assert "url" not in item
            data = base64.b64decode(item["b64_json"], validate=True)
            assert opened(data).size == (1024, 1024)
        else:
            assert "b64_json" not in item
            assert item["url"].startswith(begins[give])


def test_a_data_uri_names_the_format_of_its_picture(mock):
    provider = specs.load("tokenhub")
    for format in ("png", "jpeg", "webp"):
        body = generation(provider, format=format)

        url = ask(url_of(mock, provider), body=body).json["data"][0]["url"]

        head, _, data = url.partition(",")
        assert head == f"data:image/{format};base64"
        assert opened(base64.b64decode(data)).format.lower() == format


@pytest.fixture(scope="module")
def addressing():
    """A provider that gives addresses, so that they can be looked into."""
    return next(
        each for each in map(specs.load, IMAGE_PROVIDERS) if "url" in gives(each)
    )


def address(running, provider, **more):
    answer = ask(url_of(running, provider), body=gives(provider)["url"] | more)
    return answer.json["data"][0]["url"]


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_an_address_resolves_to_the_picture(mock, addressing, format):
    url = address(mock, addressing, output_format=format, size="1536x1024")

    answer = ask(url, method="GET", key=None)

    assert url.endswith(f".{format}")
    assert answer.headers["Content-Type"] == f"image/{format}"
    assert opened(answer.body).size == (1536, 1024)
    assert opened(answer.body).format.lower() == format


def test_an_address_gives_the_same_picture_each_time(mock, addressing):
    url = address(mock, addressing)

    assert len({ask(url, method="GET", key=None).body for _ in range(3)}) == 1


def test_every_picture_has_an_address_of_its_own(mock, addressing):
    body = gives(addressing)["url"] | {"n": 3}

    answer = ask(url_of(mock, addressing), body=body)

    urls = [each["url"] for each in answer.json["data"]]
    assert len({ask(each, method="GET", key=None).body for each in urls}) == 3


def test_a_picture_can_be_shown_by_a_page_of_any_origin(mock, addressing):
    url = address(mock, addressing)

    answer = ask(url, method="GET", key=None, Origin="https://app.example")

    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_token_that_was_tampered_with_is_nowhere(mock, addressing):
    url = address(mock, addressing)
    start = url.index("/_images/") + len("/_images/")
    for place in (start, start + 12, start + 40, len(url) - 6):
        other = "A" if url[place] != "A" else "B"
        forged = f"{url[:place]}{other}{url[place + 1 :]}"

        assert ask(forged, method="GET", key=None).status == 404


@pytest.mark.parametrize(
    "token",
    ["", ".png", "AAAA.png", "%C3%A9.png", "%FF.png", "A" * 7000, "../../etc.png"],
)
def test_what_is_no_token_is_nowhere(mock, token):
    answer = ask(f"{mock.url}/_images/{token}", method="GET")

    assert answer.status == 404


def test_an_address_of_another_server_is_nowhere(mock, addressing):
    with mockserver.running(addressing) as other:
        path = address(other, addressing).removeprefix(other.url)

    assert ask(f"{mock.url}{path}", method="GET", key=None).status == 404


@pytest.mark.parametrize(("passed", "status"), [(0, 200), (3599, 200), (3600, 403)])
def test_an_address_lives_as_long_as_documented(addressing, passed, status):
    """Drawn again by a second server, whose clock stands later."""
    assert addressing.dialect.url_lifetime.seconds == 3600
    with at(NOON, addressing) as running:
        path = address(running, addressing).removeprefix(running.url)

    with at(NOON + passed, addressing) as later:
        answer = ask(f"{later.url}{path}", method="GET", key=None)

    assert answer.status == status


def test_created_is_what_the_clock_says(provider):
    with at(NOON, provider) as running:
        answer = ask(url_of(running, provider), body=generation(provider))

    assert answer.json["created"] == NOON


def test_the_address_of_an_edit_resolves_though_its_picture_is_large(mock):
    """Noise, which nothing makes small, in four pictures."""
    provider = specs.load("tikhub")
    data = random.Random(3).randbytes(200 * 200 * 4)
    noise = saved(Image.frombytes("RGBA", (200, 200), data))
    more = {"model": "gpt-image-2-vip", "response_format": "url"}
    fields = generation(provider, **more)
    sent = form(*fields.items(), *[("image[]", noise)] * 4, ("mask", noise))

    answer = ask(url_of(mock, provider, "createImageEdit"), **sent)

    found = ask(answer.json["data"][0]["url"], method="GET", key=None)
    assert found.status == 200
    assert opened(found.body).size == (1024, 1024)


def test_an_edit_is_delivered_like_a_generation(mock, provider):
    operation = provider.operations["createImageEdit"]
    media_type = FORM if FORM in operation.bodies else JSON

    answer = ask(
        url_of(mock, provider, operation.id), **edit(provider, media_type, picture())
    )

    item = answer.json["data"][0]
    give = provider.dialect.delivery_for(generation(provider)).give
    member = "b64_json" if give == "b64_json" else "url"
    assert member in item
    assert give != "data_uri" or item["url"].startswith("data:")
