"""The operations that make images, side by side."""

from typing import Any

import pytest

import specs
from contracts.compare import compare
from contracts.planning.values.pointers import placed_at, readable_place, schemas_at


@pytest.fixture(scope="module")
def compared():
    return compare([specs.load(each) for each in ("openai", "openrouter")])


def values(comparison: Any, row_id: str) -> dict[str, str]:
    (row,) = [e for e in comparison.operations.rows if e.id == f"operations/{row_id}"]
    return {name.partition("/")[2]: cell.value for name, cell in row.cells.items()}


def test_each_operation_has_its_places(compared):
    assert [each.id for each in compared.operations.columns] == [
        "openai/createImage",
        "openai/createImageEdit",
        "openai/createResponse",
        "openrouter/createImage",
        "openrouter/createChatCompletion",
    ]
    sizes = values(compared, "request/size")
    assert sizes["createResponse"] == "tools[].size"
    assert sizes["createChatCompletion"] == "no such field"
    ratios = values(compared, "request/aspect_ratio")
    assert ratios["createChatCompletion"] == "image_config.aspect_ratio"
    images = values(compared, "request/image")
    assert images["createImageEdit"] == "image"
    assert images["createChatCompletion"] == "messages[].content[].image_url.url"
    results = values(compared, "result")
    assert results["createResponse"] == "output[].result"
    assert values(compared, "event")["createResponse"] == "item.result"


def test_an_operation_of_one_provider_alone_has_no_rows_of_its_own(compared):
    groups = {each.group for each in compared.rows}

    assert {"createImage", "createImageEdit"} <= groups
    assert not groups & {"createResponse", "createChatCompletion"}
    selected = compared.select(["operations"])
    assert not selected.rows
    assert selected.operations == compared.operations


def test_usual_operations_need_no_table_of_their_own():
    usual = compare([specs.load(each) for each in ("tokenhub", "together")])

    assert usual.operations.columns == ()


PLACES = [
    ({}, "/input/size", {"input": {"size": 1}}),
    ({"tools": [{"type": "a"}]}, "/tools/*[type=b]/size", None),
    ({"tools": [{"type": "b"}]}, "/tools/*[type=b]/size", None),
    ({"tools": "text"}, "/tools/*/size", {"tools": "text"}),
]


@pytest.mark.parametrize(("value", "place", "wanted"), PLACES)
def test_a_value_is_placed_where_a_place_is_missing(value, place, wanted):
    if wanted is None:
        known = [e for e in value["tools"] if e["type"] != "b"]
        wanted = {"tools": [*known, {"type": "b", "size": 1}]}

    assert placed_at(value, place, 1) == wanted
    assert readable_place("/tools/*[type=b]/size") == "tools[].size"


def test_the_schema_of_a_place_is_found_in_branches():
    leaf = {"type": "string"}
    entry = {"allOf": [{"properties": {"size": leaf}}]}
    schema = {"properties": {"tools": {"items": entry}}}

    assert schemas_at(schema, "/tools/*[type=b]/size")[-1] is leaf
    assert schemas_at(schema, "/tools/*/colour") == []
