"""openai-python, synchronous and asynchronous, in this process."""

import asyncio
import base64
import types

import openai
import pytest
from support.http import KEY, delivered, opened

pytestmark = pytest.mark.clients

ERRORS = [
    ("invalid_request", openai.BadRequestError),
    ("unauthenticated", openai.AuthenticationError),
    ("rate_limited", openai.RateLimitError),
    ("server_error", openai.InternalServerError),
]


@pytest.fixture(params=[openai.OpenAI, openai.AsyncOpenAI], ids=["sync", "async"])
def client(request, mock, provider):
    """
    A function that has either client do `call(images, …)`, and gives what came of it.

    Nothing but base URL and key is changed; retries are off where nothing is said.
    """
    settings = {"base_url": mock.base_urls[provider.id], "api_key": KEY}

    async def at_once(call, more):
        async with openai.AsyncOpenAI(**more) as client:
            answer = await call(client)
            if isinstance(answer, openai.AsyncStream):
                return [each async for each in answer]
            return answer

    def do(call, **more):
        more = {**settings, "max_retries": 0, **more}
        if request.param is openai.AsyncOpenAI:
            return asyncio.run(at_once(call, more))
        with openai.OpenAI(**more) as client:
            answer = call(client)
            if isinstance(answer, openai.Stream):
                with answer:
                    return list(answer)
            return answer

    return do


@pytest.fixture
def files(uploads):
    named = zip(("a.png", "b.png"), uploads["images"], strict=True)
    return types.SimpleNamespace(
        images=[(name, base64.b64decode(data), "image/png") for name, data in named],
        mask=("mask.png", base64.b64decode(uploads["mask"]), "image/png"),
    )


def look(answer):
    """Format and size of each picture; what came by address is downloaded."""
    found = [
        opened(delivered(each.model_dump(exclude_none=True))) for each in answer.data
    ]
    return [(each.format, each.size) for each in found]


def said(order):
    return {"model": order["model"], "prompt": order["prompt"]}


def test_a_picture_comes_as_documented(client, order, dialect, seen):
    asked = order("generate")

    answer = client(lambda it: it.images.generate(**said(asked)))

    assert look(answer) == [("PNG", (1024, 1024))]
    assert getattr(answer.data[0], dialect.gives)
    (entry,) = seen(asked)
    assert entry["payload"] == said(asked)
    assert "OpenAI/Python " in entry["client"]
    if dialect.request_id:
        assert answer._request_id == entry["request_id"]


def test_several_of_a_size_and_format(client, order, dialect):
    more = {"n": 3, "size": "1536x1024", "extra_body": {dialect.format: "jpeg"}}

    answer = client(lambda it: it.images.generate(**said(order("generate")), **more))

    assert look(answer) == [("JPEG", (1536, 1024))] * 3
    found = [delivered(each.model_dump(exclude_none=True)) for each in answer.data]
    assert len(set(found)) == 3


def test_an_edit_of_a_picture_under_a_mask(client, order, files, seen):
    asked = order("edit")

    answer = client(
        lambda it: it.images.edit(
            **said(asked), image=files.images[0], mask=files.mask, size="1536x1024"
        )
    )

    assert look(answer) == [("PNG", (1536, 1024))]
    (entry,) = seen(asked)
    assert entry["payload"]["image"]["filename"] == "a.png"
    assert entry["payload"]["mask"]["filename"] == "mask.png"


def test_an_edit_of_several_pictures(client, order, dialect, files, seen):
    asked = order("edit")
    asked["model"] = dialect.several or asked["model"]

    answer = client(lambda it: it.images.edit(**said(asked), image=files.images))

    assert look(answer) == [("PNG", (1024, 1024))]
    (entry,) = seen(asked)
    assert [each["filename"] for each in entry["payload"]["image"]] == [
        "a.png",
        "b.png",
    ]


@pytest.mark.parametrize("call", ["generate", "edit"])
def test_events_come_where_they_are_documented(call, client, order, dialect, files):
    asked = {**said(order("stream")), "stream": True}
    previews = 2 if dialect.partials and call in dialect.events else 0
    if previews:
        asked["partial_images"] = previews
    if call == "edit":
        asked["image"] = files.images[0]

    events = client(lambda it: getattr(it.images, call)(**asked))

    if call in dialect.events:
        event = "image_generation" if call == "generate" else "image_edit"
        parts = [f"{event}.partial_image"] * previews
        assert [each.type for each in events] == [*parts, f"{event}.completed"]
        sizes = [opened(base64.b64decode(each.b64_json)).size for each in events]
        assert sizes == [(1024, 1024)] * (previews + 1)
    else:
        # JSON came, and the client's loop ends without an event and without an error.
        assert events == []


def test_models_are_listed(client, provider):
    assert provider.dialect.model in {each.id for each in client(listed).data}


def listed(client):
    return client.models.list()


@pytest.mark.parametrize(("name", "kind"), ERRORS)
@pytest.mark.parametrize("call", ["generate", "edit"])
def test_errors_are_the_clients_own(
    call, name, kind, client, order, dialect, refusal, files, seen
):
    asked = order(call, f"[[mock:{name}]]")
    more = {"image": files.images[0]} if call == "edit" else {}

    with pytest.raises(kind) as caught:
        client(lambda it: getattr(it.images, call)(**said(asked), **more))

    error, expected = caught.value, refusal(name)
    assert error.status_code == expected.status
    assert (error.type, error.code) == (expected.type, expected.code)
    assert expected.message is None or expected.message in error.message
    (entry,) = seen(asked)
    assert error.request_id == (entry["request_id"] if dialect.request_id else None)


def test_a_bad_key_is_refused(client, order):
    with pytest.raises(openai.AuthenticationError):
        client(
            lambda it: it.images.generate(**said(order("generate"))),
            api_key="sk-mock-unauthenticated",
        )


def test_the_parameter_at_fault_is_named(client, order, provider):
    with pytest.raises(openai.BadRequestError) as caught:
        client(lambda it: it.images.generate(**said(order("generate")), n=0))

    errors = provider.operations["createImage"].errors
    names = "param" in errors["invalid_request"].body["error"]
    assert caught.value.param == ("n" if names else None)


def test_it_asks_again_until_it_is_served(client, order, twice, seen):
    asked = order("generate", twice)

    answer = client(lambda it: it.images.generate(**said(asked)), max_retries=2)

    assert look(answer) == [("PNG", (1024, 1024))]
    assert [each["status"] for each in seen(asked)] == [429, 429, 200]


def test_it_gives_up_when_it_is_never_served(client, order, seen):
    asked = order("generate", "[[mock:server_error]]")

    with pytest.raises(openai.InternalServerError):
        client(lambda it: it.images.generate(**said(asked)), max_retries=1)

    assert [each["status"] for each in seen(asked)] == [500, 500]
