"""LiteLLM as a library."""

import pytest

pytestmark = pytest.mark.clients


@pytest.fixture(scope="session")
def litellm(driven):
    return driven("litellm_library.py")


def test_a_picture_comes_as_documented(litellm, order, dialect, decoded, seen):
    asked = order("generate")

    answer = litellm.one(asked)

    assert decoded(answer) == [("PNG", (1024, 1024))]
    assert answer["given"] == [dialect.gives]
    # Where there is none, its own books have zeros.
    assert bool(answer["usage"]["total_tokens"]) == dialect.usage
    (entry,) = seen(asked)
    assert entry["payload"] == {"model": asked["model"], "prompt": asked["prompt"]}
    assert entry["client"].startswith("OpenAI/Python ")


def test_several_of_a_size_and_format(litellm, order, dialect, decoded):
    params = {"n": 2, "size": "1536x1024", dialect.format: "jpeg"}

    answer = litellm.one(order("generate", params=params))

    assert decoded(answer) == [("JPEG", (1536, 1024))] * 2


def test_an_edit_of_a_picture_under_a_mask(litellm, order, decoded, uploads, seen):
    first, _ = uploads["images"]
    asked = order("edit", images=[first], mask=uploads["mask"])

    assert decoded(litellm.one(asked)) == [("PNG", (1024, 1024))]
    (entry,) = seen(asked)
    # It writes `image[]` even for one.
    assert len(entry["payload"]["image"]) == 1
    assert "mask" in entry["payload"]
    assert entry["client"].startswith("litellm/")


def test_an_edit_of_several_pictures(litellm, order, dialect, decoded, uploads, seen):
    asked = order("edit", images=uploads["images"], params={"size": "1024x1536"})
    asked["model"] = dialect.several or asked["model"]

    assert decoded(litellm.one(asked)) == [("PNG", (1024, 1536))]
    (entry,) = seen(asked)
    assert len(entry["payload"]["image"]) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("invalid_request", "BadRequestError"),
        ("unauthenticated", "AuthenticationError"),
        ("rate_limited", "RateLimitError"),
        ("server_error", "InternalServerError"),
    ],
)
@pytest.mark.parametrize("call", ["generate", "edit"])
def test_errors_are_the_clients_own(litellm, call, name, kind, order, refusal, uploads):
    images = uploads["images"][:1]
    asked = order(call, f"[[mock:{name}]]", images=images, params={"max_retries": 0})

    error = litellm.one(asked)["error"]

    expected = refusal(name)
    assert (error["class"], error["status_code"]) == (kind, expected.status)
    assert expected.message is None or expected.message in error["message"]


def test_it_asks_again_until_it_is_served(litellm, order, twice, decoded, seen):
    asked = order("generate", twice)

    assert decoded(litellm.one(asked)) == [("PNG", (1024, 1024))]
    assert [each["status"] for each in seen(asked)] == [429, 429, 200]
