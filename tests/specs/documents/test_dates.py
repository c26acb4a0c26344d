"""The dates of a document: each day has its own claims, prices and dialect."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import specs
from specs.documents.reading.dates import as_of
from specs.documents.reading.file_names import DIALECT
from specs.documents.reading.references import ResolvedDocument
from specs.documents.reading.yaml_files import read_yaml

FIRST = "openai@2026-08-21"
loaded = cache(specs.load)
RECORDED = Path(__file__).with_name("openai-2026-08-21.txt")


def facts(value: Any, place: str) -> Iterator[str]:
    """A line per value of a dialect, in any order of its keys."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from facts(value[key], f"{place}/{key}")
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from facts(each, f"{place}/{at}")
    else:
        yield f"{place}: {value}"


def statements(name: str) -> list[str]:
    provider = loaded(name)
    dialect = as_of(read_yaml(Path(provider.file).parent, DIALECT), provider.day)
    return [
        *(
            f"{each.id} | {each.evidence.basis} | {each.evidence.source} | "
            f"{each.sentence}"
            for each in specs.claims(provider)
        ),
        *facts(dialect.content, DIALECT),
    ]


def test_the_first_day_has_the_claims_prices_and_dialect_of_august():
    recorded = RECORDED.read_text(encoding="utf-8").splitlines()

    assert sorted(statements(FIRST)) == sorted(recorded)


def test_each_day_of_each_document_is_read_and_judges():
    for name in specs.names():
        dates = specs.load(name).dates
        for day in dates.all:
            provider = loaded(f"{name}@{day}")
            for operation in provider.operations.values():
                for body in operation.bodies.values():
                    body.judge.judge({})


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("openai@2026-08-20", "from 2026-08-21 to 2026-12-01.* changes on 2026-08-21"),
        ("openai@yesterday", "from 2026-08-21 to 2026-12-01"),
        ("openai@2026-02-30", "from 2026-08-21 to 2026-12-01"),
        ("openai@", "from 2026-08-21 to 2026-12-01"),
        ("tokenhub@2026-08-21", "the document of 'tokenhub' has no dates"),
        ("opnai@2026-08-21", "is not a known provider"),
    ],
)
def test_an_unknown_day_is_an_error_that_names_the_known_ones(name: str, problem: str):
    with pytest.raises(specs.SpecError, match=problem):
        specs.load(name)


def state(name: str, **request: Any) -> specs.State:
    body = loaded(name).operations["createImage"].bodies["application/json"]
    return body.judge.state({"prompt": "a", **request})


VALID, INVALID, OPEN = specs.State.VALID, specs.State.INVALID, specs.State.UNSPECIFIED
GIF = {"model": "gpt-image-2.6-flare", "output_format": "gif"}
SVG = {"model": "gpt-image-2.6-flare", "output_format": "svg"}


@pytest.mark.parametrize(
    ("request_", "august", "december"),
    [
        ({"model": "gpt-image-1.5"}, VALID, INVALID),
        ({"model": "dall-e-3", "n": 2}, INVALID, INVALID),
        ({"model": "gpt-image-2"}, VALID, VALID),
        ({"model": "gpt-image-2", "quality": "max"}, INVALID, INVALID),
        ({"model": "gpt-image-2.5-flare", "quality": "max"}, INVALID, VALID),
        ({"model": "gpt-image-2.5-flare", "size": "1000x1000"}, OPEN, INVALID),
        ({"model": "gpt-image-2.6-flare", "quality": "max"}, INVALID, OPEN),
        ({}, VALID, OPEN),
        (GIF, INVALID, VALID),
        ({**GIF, "frame_count": 16}, INVALID, VALID),
        ({**GIF, "frame_count": 17}, INVALID, INVALID),
        ({**GIF, "stream": True}, INVALID, INVALID),
        ({**GIF, "model": "gpt-image-2"}, INVALID, OPEN),
        ({"model": "gpt-image-2", "frame_count": 4}, OPEN, INVALID),
        (SVG, INVALID, VALID),
        ({**SVG, "n": 2}, INVALID, INVALID),
        ({"model": "gpt-image-2", "safety_identifier": "a"}, OPEN, VALID),
        ({"model": "gpt-image-2.6-flare", "complexity": "low"}, OPEN, VALID),
    ],
    ids=str,
)
def test_a_request_is_judged_as_of_the_day(request_, august, december):
    assert (state(FIRST, **request_), state("openai", **request_)) == (august, december)


def tree(schemas: dict[str, Any], day: str = "2026-03-01") -> ResolvedDocument:
    return ResolvedDocument("a.yaml", {"components": {"schemas": schemas}}, day=day)


def test_parts_out_of_force_are_left_out_and_places_stay_those_of_the_file():
    late = {"type": "integer", "x-since": "2026-04-01"}
    found = tree(
        {
            "Late": late,
            "A": {
                "x-dated": [
                    {"x-until": "2026-03-01", "maximum": 1},
                    {"x-since": "2026-03-01", "maximum": 2},
                ],
                "allOf": [late, {"$ref": "#/components/schemas/Late"}, {"minimum": 0}],
                "properties": {"b": {"$ref": "#/components/schemas/Late"}},
                "anyOf": [late],
            },
        }
    )

    schema = found.root["components"]["schemas"]["A"]
    assert schema == {"maximum": 2, "allOf": [{"minimum": 0}], "properties": {}}
    place = found.pointer_of(schema["allOf"][0])
    assert place == "/components/schemas/A/allOf/2"


@pytest.mark.parametrize("key", ["if", "items", "not"])
def test_a_schema_must_not_depend_on_a_part_that_is_not_in_force(key: str):
    late = {"type": "integer", "x-since": "2026-04-01"}
    user = {key: {"$ref": "#/components/schemas/Late"}}

    with pytest.raises(specs.SpecError, match="Late is not in force on 2026-03-01"):
        tree({"Late": late, "User": user})


def test_a_date_without_the_day_of_the_document_is_a_problem(tmp_path: Path):
    source = Path(specs.load("tokenhub").file).parent
    folder = tmp_path / "undated"
    folder.mkdir()
    dialect = (source / DIALECT).read_text(encoding="utf-8")
    (folder / DIALECT).write_text(dialect, encoding="utf-8")
    document = (source / "openapi.yaml").read_text(encoding="utf-8")
    changed = document.replace(
        "servers:", 'servers-note: {x-until: "2027-01-01"}\nservers:', 1
    )
    (folder / "openapi.yaml").write_text(changed, encoding="utf-8")

    with pytest.raises(specs.SpecError, match="need 'x-as-of' in `info`"):
        specs.load("undated", tmp_path)
