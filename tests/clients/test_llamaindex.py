"""LlamaIndex's image tool, which knows DALL·E and always says all it could say."""

import pytest

pytestmark = pytest.mark.clients

DALLE = {
    "model": "dall-e-3",
    "quality": "standard",
    "n": 1,
    "size": "1792x1024",
    "style": "vivid",
}
SELL_DALLE = {"aihubmix"}


@pytest.fixture(scope="session")
def tool(driven):
    return driven("llamaindex_tool.py")


@pytest.mark.parametrize("download", [False, True])
def test_what_comes_of_its_defaults(
    tool, download, order, provider, decoded, seen, tmp_path
):
    params = {"size": DALLE["size"], "download": download}
    asked = order("generate", folder=str(tmp_path), params=params)

    answer = tool.one(asked)

    (entry,) = seen(asked)
    format = "b64_json" if download else "url"
    sent = {**DALLE, "prompt": asked["prompt"], "response_format": format}
    assert entry["payload"] == sent
    if provider.id not in SELL_DALLE:
        assert answer["error"]["class"] == "BadRequestError"
        assert entry["status"] == 400
    else:
        assert decoded(answer) == [("PNG", (1792, 1024))]
        assert answer["file"].endswith(".png") if download else answer["url"]


def test_errors_are_those_of_its_sdk(tool, order, refusal):
    error = tool.one(order("generate", "[[mock:unauthenticated]]"))["error"]

    expected = refusal("unauthenticated")
    assert error["class"] == "AuthenticationError"
    assert (error["status_code"], error["code"]) == (expected.status, expected.code)


def test_it_asks_again_until_it_is_served(tool, order, twice, seen):
    asked = order("generate", twice)

    tool.one(asked)

    statuses = [each["status"] for each in seen(asked)]
    assert statuses[:2] == [429, 429]
    assert len(statuses) == 3
