"""The typed parts of a dialect, built from the content of dialect.yaml."""

from dataclasses import fields
from importlib.resources import files

import pytest

import specs
from specs.documents.dialect import build_dialect
from specs.documents.reading.yaml_files import read_yaml

SCHEMA = read_yaml(files("specs.documents"), "dialect.schema.yaml")["properties"]
PRICES = SCHEMA["prices"]["properties"]
MINIMAL = {
    "title": "Mine",
    "live": {"base_url": "https://mine.example/v1", "key_env": "MINE_API_KEY"},
    "model": "mine-1",
    "delivery": [{"give": "url", "source": "M1"}],
}


@pytest.mark.parametrize(
    ("part_class", "schema"),
    [
        (specs.KeyFormat, SCHEMA["key"]),
        (specs.ClientVariables, SCHEMA["clients"]),
        (specs.Delivery, SCHEMA["delivery"]["items"]),
        (specs.UrlLifetime, SCHEMA["url_lifetime"]),
        (specs.PriceList, SCHEMA["prices"]),
        (specs.ImagePrice, PRICES["per_image"]["items"]),
        (specs.TokenPrice, PRICES["per_million_tokens"]["items"]),
        (specs.UsageTable, SCHEMA["usage"]),
        (specs.MockDefaults, SCHEMA["mock"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_part_has_the_fields_of_its_schema(part_class, schema):
    assert {field.name for field in fields(part_class)} == schema["properties"].keys()


def test_parts_that_are_not_documented_are_none():
    dialect = build_dialect(MINIMAL)

    assert dialect.key is dialect.clients is dialect.url_lifetime is None
    assert dialect.prices is dialect.usage is dialect.currency is None
    assert dialect.mock == specs.MockDefaults(auto_size=(1024, 1024))


def test_values_of_a_file_become_typed():
    raw = {
        **MINIMAL,
        "url_lifetime": {"seconds": 60, "source": "M1", "basis": "assumed"},
        "prices": {
            "currency": "EUR",
            "per_image": [
                {"when": {"required": ["quality"]}, "price": 2, "source": "M1"},
                {"price": 1, "source": "M1"},
            ],
        },
        "mock": {"auto_size": "512x256"},
    }

    dialect = build_dialect(raw)

    assert dialect.url_lifetime.evidence == specs.Evidence("M1", specs.Basis.ASSUMED)
    assert dialect.currency == "EUR"
    assert dialect.mock.auto_size == (512, 256)
    first, last = dialect.prices.image_entries
    assert [first.when.applies_to(facts) for facts in ({"quality": 1}, {})] == [1, 0]
    assert last.when.applies_to({})


def test_the_first_delivery_that_applies_is_used_or_else_the_last():
    conditions = [{"required": [name]} for name in ("a", "b")]
    raw = {
        **MINIMAL,
        "delivery": [
            {"when": when, "give": give, "source": "M1"}
            for when, give in zip(conditions, ("url", "b64_json"), strict=True)
        ],
    }

    dialect = build_dialect(raw)

    requests = ({"a": 1, "b": 1}, {"b": 1}, {})
    given = [dialect.delivery_for(each).give for each in requests]
    assert given == ["url", "b64_json", "b64_json"]
