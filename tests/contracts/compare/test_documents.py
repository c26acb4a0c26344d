"""Comparison of the providers' documents, feature by feature."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from support.providers import IMAGE_PROVIDERS

import specs
from contracts import compare as comparison
from contracts.compare import Comparison, ComparisonRow, DifferenceKind, ProviderCell
from contracts.compare.documents.cells import row, strip_note_numbers
from contracts.compare.documents.model import Section
from contracts.media.registry import image_operations
from contracts.planning.plan import plan
from specs import SpecError
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.engine import compile_validator

EVERY = [specs.load(name) for name in IMAGE_PROVIDERS]
OURS = Path(specs.__file__).parent


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparison.compare(EVERY)


@pytest.fixture
def of(found):
    """A row by its id."""
    rows = {each.id: each for each in found.rows}
    return rows.__getitem__


def at(provider: specs.Provider, pointer: str):
    """The node at a pointer of a comparison; raises `LookupError` if there is none."""
    file, _, path = pointer.partition("#")
    is_dialect = file == "dialect.yaml"
    node = provider.document
    if is_dialect:
        node = read_yaml(OURS / provider.id, "dialect.yaml")
    for step in filter(None, path.split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        node = node[int(key) if isinstance(node, list) else key]
    return node


def test_the_json_conforms_to_its_schema(found):
    schema = compile_validator(
        read_yaml(files("contracts.reporters.comparison"), "comparison.schema.yaml")
    )

    value = json.loads(json.dumps(found.as_json()))

    assert [each.message for each in schema.iter_errors(value)] == []


def test_each_row_has_a_unique_id_and_every_provider(found):
    ids = [each.id for each in found.rows]

    assert len(set(ids)) == len(ids)
    assert all(tuple(each.cells) == IMAGE_PROVIDERS for each in found.rows)


def test_the_same_documents_give_the_same_comparison(found):
    assert comparison.compare(EVERY) == found


def test_rows_are_few_enough_to_read():
    few = [each for each in EVERY if each.id in IMAGE_PROVIDERS]

    assert 60 <= len(comparison.compare(few).rows) <= 100


def test_every_pointer_resolves(found, provider):
    for line in found.rows:
        cell = line.cells[provider.id]
        for pointer in (cell.pointer, *(fact.pointer for fact in cell.facts.values())):
            if pointer:
                at(provider, pointer)


def test_every_source_is_known_and_every_statement_has_one(found, provider):
    for line in found.rows:
        cell = line.cells[provider.id]
        assert not cell.stated or provider.source(cell.source) is not None, line.id
        assert bool(cell.source) == bool(cell.source_title), line.id


def test_every_field_of_every_body_has_a_row(found, provider):
    known = {each.id for each in found.rows}
    groups = {each.group for each in found.rows}

    for operation in image_operations(provider).values():
        if operation.id not in groups:
            continue  # not all providers have it
        for body in operation.bodies.values():
            payload = dict.fromkeys(body.properties)
            for name in provider.dialect.with_canonical_names(operation.id, payload):
                assert f"{operation.id}/request/{name}" in known


def test_a_renamed_field_is_in_the_row_of_its_canonical_name(of):
    cell = of("createImage/request/output_format").cells["tokenhub"]

    assert cell.wire == "format"
    assert "name" in cell.differs_in
    assert cell.facts["enum"].value == ["png", "jpeg", "webp"]
    assert cell.source == "S4#format"


def test_facts_show_exactly_where_documents_differ(of):
    cells = of("createImage/request/size").cells

    assert cells["openai"].facts["default"].value == "auto"
    assert cells["tokenhub"].facts["default"].value == "1024x1024"
    assert "enum" in cells["tokenhub"].facts
    assert "rule/size-gpt-image-2" in cells["openai"].facts
    assert cells["openai"].letter != cells["aihubmix"].letter


def test_what_a_page_does_not_document_is_no_difference(of):
    """TikHub's values are from OpenAI's reference: shown, but not compared."""
    cells = of("createImage/request/style").cells

    assert cells["tikhub"].facts["enum"].basis == "reference"
    assert "enum" not in cells["llmapi"].facts
    assert cells["tikhub"].letter == cells["llmapi"].letter


def test_differences_of_a_second_body_are_shown(of):
    size = of("createImageEdit/request/moderation").cells["openai"]
    image = of("createImageEdit/request/image").cells["openai"]

    assert "not in forms" in size.value
    assert "in JSON: `images`" in image.value
    assert image.facts["JSON/type"].value == "array"
    assert image.facts["maxItems"].value == 16


def test_required_is_shown_with_its_evidence(of):
    cells = of("createImage/request/prompt").cells

    assert cells["openai"].facts["required"].basis == "documented"
    assert cells["tikhub"].facts["required"].basis == "assumed"
    assert "required" not in cells["tikhub"].value


def test_errors_delivery_events_and_prices_are_compared(of):
    assert of("createImage/errors/statuses").cells["tokenhub"].value == "none"
    assert (
        of("createImage/errors/statuses").cells["tikhub"].value == "400, 401, 429, 500"
    )
    assert of("createImage/delivery").cells["tokenhub"].value == "data_uri"
    assert "completed" in of("createImage/events/types").cells["openai"].value
    assert of("createImage/events/types").cells["tokenhub"].value == "\N{EN DASH}"
    assert of("money/price").cells["tokenhub"].value == "0.125 to 0.5 USD per image"
    assert of("createImage/errors/envelope").cells["llmapi"].value == (
        "error: type, message"
    )
    assert "body of 401" in of("createImage/errors/envelope").cells["llmapi"].facts


def test_letters_are_by_frequency_of_the_statement():
    cells = {name: ProviderCell(name[0]) for name in ("a1", "b1", "b2", "c1")}

    made = row("x", "x", "x", Section.REQUEST, cells)

    assert [each.letter for each in made.cells.values()] == ["B", "A", "A", "C"]
    assert made.majority == "b"
    assert made.kinds == (DifferenceKind.PEERS_DIFFER,)


def test_without_a_majority_none_is_named():
    made = row(
        "x", "x", "x", Section.REQUEST, {"a": ProviderCell("1"), "b": ProviderCell("2")}
    )

    assert made.majority == ""


def test_the_order_of_values_is_no_difference():
    """Two pages that list the same models in another order agree."""
    providers = map(specs.load, ("openai@2026-08-21", "aihubmix"))
    rows = comparison.compare(list(providers)).rows
    cells = next(each for each in rows if each.id == "createImage/models").cells

    one, other = cells.values()
    assert one.value != other.value
    assert one.letter == other.letter


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("createImage/request/n", {"createImage/request/n"}),
        ("*/request/n", {"createImage/request/n", "createImageEdit/request/n"}),
        ("money", {"money/price"}),
        ("createImage/errors", None),
        ("n", {"createImage/request/n", "createImageEdit/request/n"}),
    ],
)
def test_rows_are_selected_by_group_section_feature_or_glob(found, pattern, ids):
    rows = {each.id for each in found.select([pattern]).rows}

    assert rows
    if ids is None:
        assert all(each.startswith(f"{pattern}/") for each in rows)
    else:
        assert rows == ids


def test_each_contradiction_of_a_document_is_listed_once(found, provider):
    noted = [
        f"openapi.yaml#{pointer}"
        for pointer, node in provider.nodes()
        if "x-contradicts" in node
    ]

    pointers = [e.pointer for e in found.contradictions if e.provider == provider.id]

    assert noted
    assert [each for each in pointers if each.startswith("openapi")] == noted


def test_each_contradiction_has_two_sides_a_reading_and_a_place(found):
    tables = (found, found.operations, found.tasks)
    rows = {row.id for each in tables for row in each.rows}
    ids = [each.id for each in found.contradictions]

    assert len(set(ids)) == len(ids)
    for contradiction in found.contradictions:
        assert len(contradiction.statements) >= 2
        assert len({side.says for side in contradiction.statements}) == len(
            contradiction.statements
        )
        assert all(side.source_title for side in contradiction.statements)
        assert contradiction.reading, contradiction.id
        assert contradiction.place in rows, contradiction.id


def test_contradictions_follow_the_rows_that_are_shown(found):
    part = found.select(["createImage/request/size"])

    assert {each.place for each in part.contradictions} == {"createImage/request/size"}
    assert {each.provider for each in part.contradictions} >= {"tokenhub", "tikhub"}


@pytest.mark.parametrize(
    ("note", "plain"),
    [
        ("C2, A25: the list is the contract.", "the list is the contract."),
        ("A30. The rules are these.", "The rules are these."),
        ("No number: nothing goes.", "No number: nothing goes."),
        ("GPT-4: stays", "GPT-4: stays"),
    ],
)
def test_a_note_loses_the_numbers_of_its_list(note, plain):
    assert strip_note_numbers(note) == plain


@pytest.fixture
def folder(tmp_path):
    """A folder with a copy of TokenHub as the provider `mine`, to change."""
    shutil.copytree(OURS / "tokenhub", tmp_path / "mine")
    shutil.copy(OURS / "sources.yaml", tmp_path)
    return tmp_path


def changed(folder, file, change):
    path = folder / "mine" / file
    value = yaml.safe_load(path.read_text())
    change(value)
    path.write_text(yaml.safe_dump(value, sort_keys=False))


@pytest.mark.parametrize(
    ("noted", "problem"),
    [
        ("none", "not of type"),
        ([{"says": "one", "source": "S4"}], "less than 2"),
        ([{"says": "one", "source": "S4"}, {"says": "two"}], "source"),
        ([{"says": "a", "source": "S4"}, {"says": "b", "source": "S9#x"}], "S9"),
        ([{"says": "a", "source": "S4"}, {"sais": "b", "source": "S4"}], "says"),
    ],
)
def test_an_invalid_contradiction_is_rejected_with_its_place(folder, noted, problem):
    def change(document):
        document["components"]["schemas"]["N"]["x-contradicts"] = noted

    changed(folder, "openapi.yaml", change)

    with pytest.raises(SpecError, match=problem) as raised:
        specs.load("mine", folder)

    assert "/components/schemas/N/x-contradicts" in str(raised.value)


def test_a_dialect_can_contradict_itself_too(folder):
    sides = [{"says": "th-", "source": "S4#a"}, {"says": "sk-", "source": "K-en#b"}]
    changed(
        folder, "dialect.yaml", lambda value: value["key"].update(contradicts=sides)
    )

    found = comparison.compare([specs.load("mine", folder)]).contradictions

    (key,) = [each for each in found if each.pointer == "dialect.yaml#/key"]
    assert key.place == "transport/key-form"
    assert [side.source_title for side in key.statements][1].startswith("TokenHub")


def test_a_contradiction_changes_no_case(folder):
    def change(document):
        for schema in document["components"]["schemas"].values():
            schema.pop("x-contradicts", None)

    before = plan(specs.load("mine", folder))
    changed(folder, "openapi.yaml", change)

    assert plan(specs.load("mine", folder)) == before


def test_a_document_with_unusual_schemas_is_compared(folder, found):
    def change(document):
        schemas = document["components"]["schemas"]
        schemas["Error"] = {"type": "object", "properties": {"message": True}}
        schemas["ImagesResponse"]["properties"]["data"]["items"] = True
        schemas["ImagesResponse"]["properties"]["anything"] = True
        schemas["Generation"]["properties"]["user"] = False
        del document["security"]

    changed(folder, "openapi.yaml", change)
    mine = specs.load("mine", folder)

    cells = {
        each.id: each.cells["mine"]
        for each in comparison.compare([specs.load("openai"), mine]).rows
    }

    assert cells["transport/auth"].value == "none"
    assert cells["createImage/request/user"].value == "must be absent"
    assert cells["createImage/answer/data"].value == "required"
    envelope = cells["createImage/errors/envelope"]
    assert envelope.value == "body: \N{EN DASH}; optional: message"


def test_a_document_does_not_differ_from_its_copy(folder):
    twins = [specs.load("tokenhub"), specs.load("mine", folder)]

    assert comparison.compare(twins).differing_rows == []


def test_a_provider_from_another_folder_is_compared(folder):
    def change(document):
        document["components"]["schemas"]["N"]["maximum"] = 4

    changed(folder, "openapi.yaml", change)

    found = comparison.compare([specs.load("tokenhub"), specs.load("mine", folder)])
    differing: list[ComparisonRow] = found.differing_rows

    assert {each.id for each in differing} == {
        "createImage/request/n",
        "createImageEdit/request/n",
    }
    cells = differing[0].cells
    assert cells["mine"].differs_in == ("maximum",) or cells["tokenhub"].differs_in == (
        "maximum",
    )
