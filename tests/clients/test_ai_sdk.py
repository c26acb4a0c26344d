"""Vercel's AI SDK: `generateImage` through both providers that speak this API."""

import json

import pytest

pytestmark = pytest.mark.clients

PACKAGES = ("openai", "compatible")


@pytest.fixture(scope="session")
def sdk(driven):
    return driven("ai_sdk.mjs")


@pytest.fixture(params=PACKAGES)
def package(request):
    return request.param


def options(package, **values):
    """Options beyond the SDK's own parameters, under the provider's names."""
    if package == "compatible":
        return {"providerOptions": {"gateway": values}}
    # It has a word for OpenAI's name, and passes on no other's.
    return {
        "providerOptions": {"openai": {"outputFormat": next(iter(values.values()))}}
    }


def reads(package, dialect):
    """`@ai-sdk/openai` reads `b64_json` and nothing else."""
    return package == "compatible" or dialect.gives == "b64_json"


def assert_unread(answer):
    """A picture was made, would have been paid for, and cannot be read."""
    assert answer["error"]["last"] == "AI_APICallError"
    assert answer["error"]["message"] == "Invalid JSON response"
    assert answer["error"]["status_code"] == 200
    assert json.loads(answer["error"]["body"])["data"][0]["url"]


def test_a_picture_comes_as_documented(sdk, package, order, dialect, decoded, seen):
    asked = order("generate", package=package)

    answer = sdk.one(asked)

    (entry,) = seen(asked)
    sent = {"model": asked["model"], "prompt": asked["prompt"], "n": 1}
    assert entry["payload"] == sent
    assert entry["client"].startswith("ai/")
    if reads(package, dialect):
        assert decoded(answer) == [("PNG", (1024, 1024))]
        assert answer["types"] == ["image/png"]
        assert bool(answer["usage"].get("totalTokens")) == dialect.usage
    else:
        assert_unread(answer)


def test_several_of_a_size_and_format(sdk, package, order, dialect, decoded, seen):
    more = options(package, **{dialect.format: "jpeg"})
    params = {"n": 2, "size": "1536x1024", **more}
    asked = order("generate", package=package, params=params)

    answer = sdk.one(asked)

    assert [each["payload"]["n"] for each in seen(asked)] == [2]
    if reads(package, dialect):
        assert decoded(answer) == [("JPEG", (1536, 1024))] * 2
    else:
        assert_unread(answer)


def test_a_name_with_a_prefix_brings_in_a_response_format(sdk, package, order, seen):
    """The SDK knows by the beginning of a model's name what the model will refuse."""
    asked = order("generate", package=package)
    asked["model"] = f"openai/{asked['model']}"

    sdk.one(asked)

    (entry,) = seen(asked)
    given = entry["payload"].get("response_format")
    assert given == ("b64_json" if package == "openai" else None)


def test_an_edit_of_a_picture_under_a_mask(
    sdk, package, order, dialect, decoded, uploads, seen
):
    first, _ = uploads["images"]
    asked = order("generate", package=package, images=[first], mask=uploads["mask"])

    answer = sdk.one(asked)

    (entry,) = seen(asked)
    assert entry["payload"]["image"]["filename"] == "blob"
    assert entry["payload"]["mask"]["filename"] == "blob"
    if reads(package, dialect):
        assert decoded(answer) == [("PNG", (1024, 1024))]
    else:
        assert_unread(answer)


def test_an_edit_of_several_pictures(
    sdk, package, order, dialect, decoded, uploads, seen
):
    asked = order("generate", package=package, images=uploads["images"])
    asked["model"] = dialect.several or asked["model"]

    answer = sdk.one(asked)

    (entry,) = seen(asked)
    assert len(entry["payload"]["image"]) == 2
    if reads(package, dialect):
        assert decoded(answer) == [("PNG", (1024, 1024))]
    else:
        assert_unread(answer)


@pytest.mark.parametrize(
    ("name", "retryable"),
    [
        ("invalid_request", False),
        ("unauthenticated", False),
        ("rate_limited", True),
        ("server_error", True),
    ],
)
def test_errors_are_read(sdk, package, order, refusal, name, retryable):
    error = sdk.one(order("generate", f"[[mock:{name}]]", package=package))["error"]

    expected = refusal(name)
    assert error["class"] == "AI_APICallError"
    assert (error["status_code"], error["retryable"]) == (expected.status, retryable)
    assert expected.message is None or error["message"] == expected.message


def test_it_asks_again_until_it_is_served(
    sdk, package, order, dialect, twice, decoded, seen
):
    asked = order("generate", twice, package=package, max_retries=2)

    answer = sdk.one(asked)

    assert [each["status"] for each in seen(asked)] == [429, 429, 200]
    if reads(package, dialect):
        assert decoded(answer) == [("PNG", (1024, 1024))]
    else:
        assert_unread(answer)
