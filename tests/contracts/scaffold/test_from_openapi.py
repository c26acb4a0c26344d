"""A definition that is made from any document lints, or a sentence says why not."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import ROOT

from contracts.scaffold.draft import ScaffoldError, write_folder
from contracts.scaffold.from_openapi import draft_from_openapi
from specs.documents.loading.advice import check_folder

DOCUMENTS = ROOT / "tests" / "contracts" / "scaffold" / "documents"
FASTAPI = yaml.safe_load((DOCUMENTS / "fastapi.json").read_text(encoding="utf-8"))
OLD = yaml.safe_load((DOCUMENTS / "openapi-3.0.yaml").read_text(encoding="utf-8"))


def places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = enumerate(node) if isinstance(node, list) else ()
    for step, each in node.items() if isinstance(node, dict) else parts:
        yield (*above, step)
        yield from places(each, (*above, step))


def edited(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a place, or without it for `...`."""
    copied = node = copy.deepcopy(document)
    for step in place[:-1]:
        node = node[step]
    if value is ...:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return copied


def problems(document: Any, folder: Path) -> list[str]:
    """The problems of the definition that is made from a document; [] if none is."""
    file = folder / "openapi.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    mine = folder / "providers" / "mine"
    try:
        files = draft_from_openapi("mine", file).files()
    except ScaffoldError:
        return []
    write_folder(files, mine)
    _, advice = check_folder(mine)
    shutil.rmtree(mine)
    return [each.error.problem for each in advice if not each.is_warning]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [None, [], "x", 7, {}, ["x"], ...], ids=repr)
@pytest.mark.parametrize("document", [FASTAPI, OLD], ids=["fastapi", "old"])
def test_a_document_with_anything_wrong_in_it_gives_a_definition(
    document, wrong, tmp_path
):
    every = list(places(document))[::7]

    found = {
        place: problems(edited(document, place, wrong), tmp_path) for place in every
    }

    assert {place: each for place, each in found.items() if each} == {}


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ({"type": "http", "scheme": "basic"}, "scheme HTTPBearer (http, basic)"),
        ({"type": "http", "scheme": "digest"}, "scheme HTTPBearer (http, digest)"),
    ],
)
def test_a_scheme_that_is_not_served_becomes_a_bearer_key(scheme, said, tmp_path):
    document = edited(FASTAPI, ("components", "securitySchemes", "HTTPBearer"), scheme)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document), encoding="utf-8")

    draft = draft_from_openapi("mine", file)

    assert any(said in each for each in draft.left_out)
    assert draft.document["components"]["securitySchemes"]["HTTPBearer"] == {
        "type": "http",
        "scheme": "bearer",
        "x-basis": "assumed",
        "x-source": "ours",
    }
    assert problems(document, tmp_path) == []


def test_an_invalid_default_is_left_out(tmp_path):
    place = ("components", "schemas", "GenerateRequest", "properties", "n", "default")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(edited(FASTAPI, place, 9)), encoding="utf-8")

    draft = draft_from_openapi("mine", file)

    schemas = draft.document["components"]["schemas"]
    assert "default" not in schemas["GenerateRequest"]["properties"]["n"]
    assert any("the default 9" in each for each in draft.left_out)
