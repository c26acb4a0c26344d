"""openai-node, with nothing changed but base URL and key."""

import pytest

pytestmark = pytest.mark.clients

PNG = "PNG"


@pytest.fixture(scope="session")
def node(driven):
    return driven("openai_node.mjs")


def test_a_picture_comes_as_documented(node, order, dialect, decoded, seen):
    asked = order("generate")

    answer = node.one(asked)

    assert decoded(answer) == [(PNG, (1024, 1024))]
    assert answer["given"] == [dialect.gives]
    (entry,) = seen(asked)
    assert entry["payload"] == {"model": asked["model"], "prompt": asked["prompt"]}
    assert entry["client"].startswith("OpenAI/JS ")
    if dialect.request_id:
        assert answer["request_id"] == entry["request_id"]
    if dialect.usage:
        usage = answer["usage"]
        both = usage["input_tokens"] + usage["output_tokens"]
        assert usage["total_tokens"] == both > 0
    else:
        assert "usage" not in answer


def test_several_of_a_size_and_format(node, order, dialect, decoded):
    params = {"n": 2, "size": "1536x1024", dialect.format: "jpeg"}

    answer = node.one(order("generate", params=params))

    assert decoded(answer) == [("JPEG", (1536, 1024))] * 2
    assert len(set(answer["images"])) == 2


def test_an_edit_of_a_picture_under_a_mask(node, order, decoded, uploads, seen):
    first, _ = uploads["images"]
    asked = order("edit", images=[first], mask=uploads["mask"])

    assert decoded(node.one(asked)) == [(PNG, (1024, 1024))]
    (entry,) = seen(asked)
    assert isinstance(entry["payload"]["image"], dict)
    assert entry["payload"]["mask"]["filename"] == "mask.png"


def test_an_edit_of_several_pictures(node, order, dialect, decoded, uploads, seen):
    asked = order("edit", images=uploads["images"], params={"size": "1024x1536"})
    asked["model"] = dialect.several or asked["model"]

    assert decoded(node.one(asked)) == [(PNG, (1024, 1536))]
    (entry,) = seen(asked)
    assert [each["filename"] for each in entry["payload"]["image"]] == [
        "0.png",
        "1.png",
    ]


@pytest.mark.parametrize("call", ["generate", "edit"])
def test_events_come_where_they_are_documented(
    call, node, order, dialect, decoded, uploads
):
    asked = order("stream")
    if call == "edit":
        asked["images"] = uploads["images"][:1]
    previews = 2 if dialect.partials and call in dialect.events else 0
    if previews:
        asked["params"] = {"partial_images": previews}

    answer = node.one(asked)

    if call in dialect.events:
        event = "image_generation" if call == "generate" else "image_edit"
        parts = [f"{event}.partial_image"] * previews
        assert answer["types"] == [*parts, f"{event}.completed"]
        assert decoded(answer) == [(PNG, (1024, 1024))] * (previews + 1)
    else:
        # JSON came, and the client's loop ends without an event and without an error.
        assert answer["types"] == []


def test_models_are_listed(node, order, provider):
    assert provider.dialect.model in node.one(order("models"))["models"]


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
def test_errors_are_the_clients_own(
    call, name, kind, node, order, dialect, refusal, uploads, seen
):
    asked = order(call, f"[[mock:{name}]]", images=uploads["images"][:1])

    error = node.one(asked)["error"]

    expected = refusal(name)
    assert (error["class"], error["status_code"]) == (kind, expected.status)
    assert (error["type"], error["code"]) == (expected.type, expected.code)
    assert expected.message is None or error["message"].endswith(expected.message)
    (entry,) = seen(asked)
    if dialect.request_id:
        assert error["request_id"] == entry["request_id"]


def test_a_bad_key_is_refused(node, order):
    asked = order("generate", api_key="sk-mock-unauthenticated")

    assert node.one(asked)["error"]["class"] == "AuthenticationError"


def test_the_parameter_at_fault_is_named(node, order, provider):
    error = node.one(order("generate", params={"n": 0}))["error"]

    assert error["class"] == "BadRequestError"
    errors = provider.operations["createImage"].errors
    names = "param" in errors["invalid_request"].body["error"]
    assert error["param"] == ("n" if names else None)


def test_it_asks_again_until_it_is_served(node, order, twice, decoded, seen):
    asked = order("generate", twice, max_retries=2)

    assert decoded(node.one(asked)) == [(PNG, (1024, 1024))]
    assert [each["status"] for each in seen(asked)] == [429, 429, 200]


def test_it_gives_up_when_it_is_never_served(node, order, seen):
    asked = order("generate", "[[mock:server_error]]", max_retries=1)

    assert node.one(asked)["error"]["class"] == "InternalServerError"
    assert [each["status"] for each in seen(asked)] == [500, 500]
