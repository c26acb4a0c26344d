"""Costs of calls by the documented prices."""

import pytest

import specs
from specs import Cost

pytestmark = pytest.mark.slow


def price(name: str, size: str | None, count: int = 1) -> Cost:
    dialect = specs.load(name).dialect
    request = {"model": dialect.model, **({"size": size} if size else {})}
    return specs.cost(dialect, "createImage", request, count=count)


@pytest.mark.parametrize(
    ("size", "amount"),
    [
        ("1024x1024", 0.125),
        ("1536x1024", 0.125),
        ("1024x1536", 0.125),
        ("1536x1536", 0.125),
        ("1537x1024", 0.25),
        ("1024x1537", 0.25),
        ("2048x2048", 0.25),
        ("2048x1152", 0.25),
        ("2048x16", 0.25),
        ("2049x16", 0.5),
        ("16x2049", 0.5),
        ("3840x2160", 0.5),
        ("2160x3840", 0.5),
        ("4096x4096", 0.5),
    ],
)
def test_tokenhub_asks_a_price_by_the_longest_edge(size, amount):
    assert price("tokenhub", size) == Cost(amount, "USD")


@pytest.mark.parametrize(
    ("count", "amount"), [(0, 0.0), (1, 0.125), (3, 0.375), (10, 1.25)]
)
def test_tokenhub_asks_it_for_each_picture(count, amount):
    assert price("tokenhub", "1024x1024", count).amount == pytest.approx(amount, abs=0)


@pytest.mark.parametrize("size", ["auto", None])
def test_tokenhub_has_no_tier_for_a_size_left_to_it_so_the_picture_counts(size):
    """A26: the picture that the mock draws then is 1024x1024."""
    assert price("tokenhub", size) == Cost(0.125, "USD")


def test_tokenhub_asks_the_same_for_an_edit():
    dialect = specs.load("tokenhub").dialect
    request = {"model": dialect.model, "size": "3840x2160"}

    assert specs.cost(dialect, "createImageEdit", request, count=2) == Cost(1.0, "USD")


@pytest.mark.parametrize(
    ("quality", "size", "amount"),
    [
        ("low", "1024x1024", 0.011),
        ("low", "1536x1024", 0.016),
        ("medium", "1024x1024", 0.042),
        ("medium", "1024x1536", 0.063),
        ("high", "1024x1024", 0.167),
        ("high", "1024x1536", 0.25),
        ("auto", "1024x1024", None),
        ("low", "512x512", None),
    ],
)
def test_aihubmix_has_prices_for_gpt_image_1_only(quality, size, amount):
    dialect = specs.load("aihubmix").dialect
    request = {"model": "gpt-image-1", "quality": quality, "size": size}

    cost = specs.cost(dialect, "createImage", request, count=1)

    assert cost.amount == amount
    newer = {**request, "model": "gpt-image-2"}
    assert specs.cost(dialect, "createImage", newer, count=1).amount is None


USAGE = {
    "input_tokens": 30,
    "output_tokens": 1756,
    "total_tokens": 1786,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 20},
}


def test_openai_asks_by_the_token():
    dialect = specs.load("openai").dialect
    request = {"model": "gpt-image-2", "size": "1024x1024"}

    cost = specs.cost(dialect, "createImage", request, count=1, usage=USAGE)

    millionths = 10 * 5 + 20 * 8 + 1756 * 30
    assert cost == Cost(round(millionths / 1_000_000, 6), "USD")


@pytest.mark.parametrize("usage", [None, {}])
def test_a_price_by_the_token_is_unknown_without_the_tokens(usage):
    dialect = specs.load("openai").dialect
    request = {"model": "gpt-image-2"}

    cost = specs.cost(dialect, "createImage", request, count=1, usage=usage)

    assert cost == Cost(None)


def test_a_model_that_no_price_is_given_for_has_none():
    dialect = specs.load("openai").dialect
    request = {"model": "dall-e-3"}

    cost = specs.cost(dialect, "createImage", request, count=1, usage=USAGE)

    assert cost == Cost(None)


@pytest.mark.parametrize("name", ["tikhub", "llmapi"])
def test_an_unknown_price_is_none_and_not_nothing(name):
    assert price(name, "1024x1024") == Cost(None)
    assert price(name, "1024x1024").amount is None


@pytest.mark.parametrize(
    "usage",
    [
        {"output_tokens": "many"},
        {"output_tokens": -5},
        {"output_tokens": 5, "input_tokens_details": [7]},
        {"output_tokens": None, "input_tokens_details": {"text_tokens": {}}},
    ],
    ids=str,
)
def test_whatever_a_server_counts_its_price_is_a_number(usage):
    dialect = specs.load("openai").dialect

    cost = specs.cost(
        dialect, "createImage", {"model": "gpt-image-2"}, count=1, usage=usage
    )

    assert cost.amount is not None
    assert cost.amount >= 0


@pytest.mark.every_provider
def test_every_price_has_a_source(provider):
    prices = provider.dialect.prices

    for entry in prices.image_entries if prices else ():
        assert provider.source(entry.source).grade != "GUESS"
