"""LangChain's DALL·E wrapper, which reads `url` and nothing else."""

import pytest

pytestmark = pytest.mark.clients

DALLE = "dall-e-2"  # its default
SELL_DALLE = {"aihubmix"}


@pytest.fixture(scope="session")
def langchain(driven):
    return driven("langchain_wrapper.py")


def test_addresses_are_read_and_lead_to_pictures(
    langchain, order, dialect, decoded, seen, provider
):
    asked = order("run", params={"model": provider.dialect.model, "n": 2})

    answer = langchain.one(asked)

    (entry,) = seen(asked)
    assert entry["payload"] == {
        "model": provider.dialect.model,
        "prompt": asked["prompt"],
        "n": 2,
        "size": "1024x1024",
    }
    if dialect.gives == "url":
        assert decoded(answer) == [("PNG", (1024, 1024))] * 2
    else:
        # langchain-community issue 663: the pictures came as `b64_json`.
        assert answer["error"]["class"] == "TypeError"
        assert entry["status"] == 200


def test_its_own_default_model(langchain, order, decoded, provider, seen):
    asked = order("run", params={"size": "512x512"})

    answer = langchain.one(asked)

    (entry,) = seen(asked)
    assert entry["payload"]["model"] == DALLE
    if provider.id in SELL_DALLE:
        assert decoded(answer) == [("PNG", (512, 512))]
    else:
        assert answer["error"]["class"] == "BadRequestError"
        assert entry["status"] == 400


def test_errors_are_those_of_its_sdk(langchain, order, refusal):
    asked = order("run", "[[mock:unauthenticated]]")

    error = langchain.one(asked)["error"]

    expected = refusal("unauthenticated")
    assert error["class"] == "AuthenticationError"
    assert (error["status_code"], error["code"]) == (expected.status, expected.code)
    assert expected.message in error["message"]


def test_it_asks_again_until_it_is_served(langchain, order, provider, twice, seen):
    asked = order("run", twice, params={"model": provider.dialect.model})

    langchain.one(asked)

    assert [each["status"] for each in seen(asked)] == [429, 429, 200]
