"""A provider's folder is understood whole, or it is not loaded."""

import copy
import gc
import json
import shutil
import weakref
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import specs
from specs import SpecError
from specs.documents.loading.advice import check_folder

DIALECT = """\
title: Mine
live: {base_url: https://mine.example/v1, key_env: MINE_API_KEY}
model: mine-1
delivery:
  - {give: b64_json, source: ours}
"""
DOCUMENT = """\
openapi: 3.1.0
info: {title: Mine, version: "1"}
servers:
  - url: https://mine.example/v1
x-source: ours
security:
  - bearer: []
paths:
  /images/generations:
    post:
      operationId: createImage
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Generation"}
      responses:
        "200":
          description: The pictures
          x-guarantees:
            - {name: decodes}
          content:
            application/json:
              schema: {$ref: "#/components/schemas/Answer"}
        "400":
          description: Refused
          content:
            application/json:
              schema: {type: object}
              examples:
                invalid_request: {value: {error: "{message}"}}
                unauthenticated: {value: {error: no key}}
                rate_limited: {value: {error: too many}}
                server_error: {value: {error: ours}}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
  schemas:
    Answer:
      type: object
      properties:
        created: {type: integer, x-source: ours#created}
    Size:
      type: string
      x-image-size: {maxEdge: 2048}
    Generation:
      type: object
      required: [prompt]
      properties:
        prompt: {type: string}
        size: {$ref: "#/components/schemas/Size"}
        n: {type: integer, minimum: 1, x-basis: assumed}
      allOf:
        - x-rule: large-alone
          x-error: invalid_request
          if: {required: [size]}
          then: {properties: {n: {maximum: 1}}}
        - x-rule: small-together
          then: {properties: {n: {maximum: 9}}}
"""


class Refusal(NamedTuple):
    """An edit to the good folder, and the parts of the sentence that refuses it."""

    old: str
    new: str
    pointer: str
    problem: str
    remedy: str
    file: str = "openapi.yaml"


REFUSALS = {
    "an unknown x- word": Refusal(
        "prompt: {type: string}",
        "prompt: {type: string, x-beauty: 3}",
        "/components/schemas/Generation/properties/prompt/x-beauty",
        "unknown keyword 'x-beauty'",
        "Known are: x-image-size",
    ),
    "a misspelt word of JSON Schema": Refusal(
        "prompt: {type: string}",
        "prompt: {type: string, maxlength: 3}",
        "/components/schemas/Generation/properties/prompt/maxlength",
        "unknown keyword 'maxlength'",
        "Did you mean 'maxLength'? Or remove it",
    ),
    "a null that is allowed and unspecified": Refusal(
        "prompt: {type: string}",
        'prompt: {type: [string, "null"], x-null: unspecified}',
        "/components/schemas/Generation/properties/prompt",
        "x-null says that null is unspecified, and the schema allows null",
        "Remove x-null",
    ),
    "a bound that is no number": Refusal(
        "minimum: 1",
        'minimum: "1"',
        "/components/schemas/Generation/properties/n/minimum",
        '"1" is not of type "number"',
        "Fix the schema",
    ),
    "an unknown type": Refusal(
        "created: {type: integer",
        "created: {type: number or text",
        "/components/schemas/Answer/properties/created/type",
        "'number or text' is not a type of JSON Schema",
        "Known are: string, integer, number, boolean, array, object, null",
    ),
    "a misspelt type": Refusal(
        "created: {type: integer",
        "created: {type: int",
        "/components/schemas/Answer/properties/created/type",
        "'int' is not a type of JSON Schema",
        "Did you mean 'integer'? Known are: string, integer, number, boolean, ",
    ),
    "a misspelt type in a list": Refusal(
        "created: {type: integer",
        'created: {type: [integer, "nul"]',
        "/components/schemas/Answer/properties/created/type/1",
        "'nul' is not a type of JSON Schema",
        "Did you mean 'null'? Known are: ",
    ),
    "a list without types": Refusal(
        "created: {type: integer",
        "created: {type: []",
        "/components/schemas/Answer/properties/created/type",
        "`type` is an empty list, or names a type twice",
        "Known are: string, ",
    ),
    "a required field without a property": Refusal(
        "required: [prompt]",
        "required: [promt]",
        "/components/schemas/Generation/required/0",
        "`required` names 'promt', which has no property",
        "Did you mean 'prompt'? Known are: prompt, size, n",
    ),
    "a required field of a rule without a property": Refusal(
        "if: {required: [size]}",
        "if: {required: [n, sise]}",
        "/components/schemas/Generation/allOf/0/if/required/1",
        "`required` names 'sise', which has no property",
        "Did you mean 'size'? Known are: prompt, size, n",
    ),
    "a required field of an inner object without a property": Refusal(
        "created: {type: integer, x-source: ours#created}",
        "data: {items: {required: [link], properties: {url: {type: string}}}}",
        "/components/schemas/Answer/properties/data/items/required/0",
        "`required` names 'link', which has no property",
        "Known are: url",
    ),
    "an answer that is nothing": Refusal(
        '        "400":\n',
        '        "404":\n        "400":\n',
        "/paths/~1images~1generations/post/responses/404",
        'null is not of type "object"',
        "`imageparity schema document` prints the format",
    ),
    "an example without a value": Refusal(
        "{value: {error: no key}}",
        "{summary: no key}",
        "/paths/~1images~1generations/post/responses/400"
        "/content/application~1json/examples/unauthenticated",
        "the key 'value' is missing",
        "`imageparity schema document` prints the format",
    ),
    "a rule without a name": Refusal(
        "x-rule: small-together",
        "x-rule:",
        "/components/schemas/Generation/allOf/1/x-rule",
        "'x-rule' is not valid: null is not of type",
        "It is the name of a cross-field rule",
    ),
    "a limit that is no number": Refusal(
        "{maxEdge: 2048}",
        "{maxEdge: large}",
        "/components/schemas/Size/x-image-size/maxEdge",
        "'x-image-size' is not valid: \"large\" is not of type",
        "It is limits of width and height in a text WIDTHxHEIGHT",
    ),
    "a misspelt aspect": Refusal(
        "{maxEdge: 2048}",
        "{maxEgde: 2048}",
        "/components/schemas/Size/x-image-size",
        "'x-image-size' has no limit 'maxEgde'",
        "Did you mean 'maxEdge'? Known are: multipleOf, maxEdge",
    ),
    "an unknown basis": Refusal(
        "x-basis: assumed",
        "x-basis: rumoured",
        "/components/schemas/Generation/properties/n/x-basis",
        "unknown basis 'rumoured'",
        "Choose from: documented, reference, assumed",
    ),
    "a reference that dangles": Refusal(
        "#/components/schemas/Size",
        "#/components/schemas/Sizes",
        "/components/schemas/Generation/properties/size",
        "there is no 'Sizes'",
        "Fix the reference",
    ),
    "a reference that leaves the document": Refusal(
        "#/components/schemas/Size",
        "common.yaml#/Size",
        "/components/schemas/Generation/properties/size",
        "common.yaml#/Size points outside the document",
        "use '#/…'",
    ),
    "a reference that runs in a ring": Refusal(
        "prompt: {type: string}",
        'prompt: {$ref: "#/components/schemas/Generation"}',
        "/components/schemas/Generation/properties/prompt",
        "refers to itself",
        "Remove the cycle",
    ),
    "a member that stands twice": Refusal(
        "prompt: {type: string}",
        "prompt: {type: string, type: integer}",
        "",
        "duplicate key 'type'",
        "Fix the line",
    ),
    "a status without quotes": Refusal(
        '"200":',
        "200:",
        "/paths/~1images~1generations/post/responses/200",
        "the key 200 is not text",
        "Quote it",
    ),
    "a missing required error": Refusal(
        "                rate_limited: {value: {error: too many}}\n",
        "",
        "/paths/~1images~1generations/post",
        "the error 'rate_limited' is missing",
        "Add an example 'rate_limited'",
    ),
    "an error that is not in the catalogue": Refusal(
        "x-error: invalid_request",
        "x-error: too_large",
        "/components/schemas/Generation/allOf/0",
        "x-error 'too_large' is not an error of createImage",
        "Known are: invalid_request, unauthenticated",
    ),
    "a rule that stands twice": Refusal(
        "x-rule: small-together",
        "x-rule: large-alone",
        "/components/schemas/Generation/allOf/1",
        "duplicate rule 'large-alone'",
        "Rename one",
    ),
    "an unknown source": Refusal(
        "prompt: {type: string}",
        "prompt: {type: string, x-source: S99#prompt}",
        "/components/schemas/Generation/properties/prompt/x-source",
        "unknown source 'S99'",
        "mine/sources.yaml",
    ),
    "an unknown source in an answer": Refusal(
        "ours#created",
        "S99#created",
        "/components/schemas/Answer/properties/created/x-source",
        "unknown source 'S99'",
        "mine/sources.yaml",
    ),
    "an unknown source of an answer's header": Refusal(
        "          description: The pictures\n",
        "          description: The pictures\n"
        "          headers: {X-Id: {x-source: S99#id, schema: {type: string}}}\n",
        "/paths/~1images~1generations/post/responses/200/headers/X-Id/x-source",
        "unknown source 'S99'",
        "mine/sources.yaml",
    ),
    "an unknown guarantee": Refusal(
        "name: decodes",
        "name: decode",
        "/paths/~1images~1generations/post/responses/200/x-guarantees/0",
        "unknown guarantee 'decode'",
        "Did you mean 'decodes'? Or remove it",
    ),
    "an operation without a name": Refusal(
        "      operationId: createImage\n",
        "",
        "/paths/~1images~1generations/post",
        "has no operationId",
        "Name it",
    ),
    "an operation without a source": Refusal(
        "x-source: ours\nsecurity",
        "security",
        "/paths/~1images~1generations/post",
        "has no x-source",
        "Name the page that it was read from",
    ),
    "an operation that never succeeds": Refusal(
        '"200":',
        '"404":',
        "/paths/~1images~1generations/post",
        "declares no success",
        "Add a '200' response",
    ),
    "an error without one status": Refusal(
        '"400":',
        '"4XX":',
        "/paths/~1images~1generations/post/responses/4XX"
        "/content/application~1json/examples/invalid_request",
        "'invalid_request' is under '4XX'",
        "Give it one status",
    ),
    "an unknown security scheme": Refusal(
        "  - bearer: []",
        "  - token: []",
        "/paths/~1images~1generations/post",
        "unknown security scheme 'token'",
        "Define it",
    ),
    "a missing part of the document": Refusal(
        "servers:\n  - url: https://mine.example/v1\n",
        "",
        "/servers",
        "'servers' is missing",
        "An OpenAPI 3.1 document has it",
    ),
    "another base URL than the dialect's": Refusal(
        "url: https://mine.example/v1",
        "url: https://mine.example/v2",
        "/servers/0/url",
        "'https://mine.example/v2' is not the dialect's live base URL",
        "Write the same URL in both",
    ),
    "a document that is not YAML": Refusal(
        "openapi: 3.1.0", "openapi: [3.1.0", "", "is not YAML", "Fix the line"
    ),
    "a document that is a list": Refusal(
        DOCUMENT, "- openapi\n", "", "is not a mapping", "Begin with `openapi: 3.1.0`"
    ),
    "a missing dialect member": Refusal(
        "model: mine-1\n",
        "",
        "",
        "the key 'model' is missing",
        "`imageparity schema dialect` prints the format",
        "dialect.yaml",
    ),
    "a missing member inside the dialect": Refusal(
        ", key_env: MINE_API_KEY",
        "",
        "/live",
        "the key 'key_env' is missing",
        "`imageparity schema dialect` prints the format",
        "dialect.yaml",
    ),
    "a misspelt dialect member": Refusal(
        "delivery:",
        "delivry:",
        "/delivry",
        "unknown key 'delivry'",
        "Did you mean 'delivery'? Known are: title, ",
        "dialect.yaml",
    ),
    "a misspelt member inside the dialect": Refusal(
        "source: ours",
        "sorce: ours",
        "/delivery/0/sorce",
        "unknown key 'sorce'",
        "Did you mean 'source'? Known are: when, give, source, ",
        "dialect.yaml",
    ),
    "a field name that is no text": Refusal(
        "model: mine-1\n",
        "model: mine-1\nfields: {createImage: {size: 5}}\n",
        "/fields/createImage/size",
        '5 is not of type "string" and 5 is not of type "array"',
        "`imageparity schema dialect` prints the format",
        "dialect.yaml",
    ),
    "a list of field names that is empty": Refusal(
        "model: mine-1\n",
        "model: mine-1\nfields: {createImage: {size: []}}\n",
        "/fields/createImage/size",
        "[] has less than 1 item",
        "`imageparity schema dialect` prints the format",
        "dialect.yaml",
    ),
    "an unknown delivery": Refusal(
        "give: b64_json",
        "give: carrier-pigeon",
        "/delivery/0/give",
        "carrier-pigeon",
        "`imageparity schema dialect` prints the format",
        "dialect.yaml",
    ),
    "an unknown source of the dialect": Refusal(
        "source: ours",
        "source: S99",
        "/delivery/0/source",
        "unknown source 'S99'",
        "mine/sources.yaml",
        "dialect.yaml",
    ),
    "a dialect that is not YAML": Refusal(
        "title: Mine",
        "title: {Mine",
        "",
        "is not YAML",
        "Fix the line",
        "dialect.yaml",
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of providers with one good provider in it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "openapi.yaml").write_text(DOCUMENT, encoding="utf-8")
    (folder / "dialect.yaml").write_text(DIALECT, encoding="utf-8")
    return tmp_path


def edited(root: Path, refusal: Refusal) -> Path:
    file = root / "mine" / refusal.file
    text = file.read_text(encoding="utf-8")
    assert refusal.old in text
    file.write_text(text.replace(refusal.old, refusal.new, 1), encoding="utf-8")
    return file


def test_a_good_folder_loads(root):
    provider = specs.load("mine", root)

    assert provider.title == "Mine"
    assert provider.base_path == "/v1"
    assert list(provider.operations) == ["createImage"]


def test_a_folder_of_ones_own_is_a_provider_like_any_other(root):
    names = specs.names(root)

    assert names == (*specs.names(), "mine")
    assert specs.load("mine", root).file == str(root / "mine" / "openapi.yaml")


def test_a_folder_of_ones_own_hides_ours_of_the_same_id(root):
    ours = specs.names()[0]
    (root / "mine").rename(root / ours)

    assert specs.load(ours, root).title == "Mine"
    assert specs.load(ours).title != "Mine"
    assert specs.names(root) == specs.names()


def test_only_the_last_version_of_a_folder_is_kept(root):
    first = weakref.ref(specs.load("mine", root))
    assert specs.load("mine", root) is first()
    dialect = root / "mine" / "dialect.yaml"
    dialect.write_text(DIALECT.replace("Mine", "Yours"), encoding="utf-8")

    assert specs.load("mine", root).title == "Yours"

    gc.collect()
    assert first() is None


def test_a_folder_may_bring_sources_of_its_own(root):
    edited(root, Refusal("x-source: ours\n", "x-source: M1#page\n", "", "", ""))
    (root / "sources.yaml").write_text(
        "M1: {title: My page, url: https://mine.example/docs, grade: DOC}",
        encoding="utf-8",
    )

    provider = specs.load("mine", root)

    evidence = provider.operations["createImage"].evidence
    assert provider.source(evidence.source).title == "My page"


@pytest.mark.every_provider
def test_every_shipped_folder_loads_from_elsewhere_too(provider, tmp_path):
    shutil.copytree(str(files("specs") / provider.id), tmp_path / "copy")

    copy = specs.load("copy", tmp_path)

    assert copy.document == provider.document
    assert [each.id for each in specs.claims(copy)] == [
        each.id for each in specs.claims(provider)
    ]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_folder_is_refused_for(refusal, root):
    """The sentence names file and place, what is wrong, and how to correct it."""
    file = edited(root, refusal)

    with pytest.raises(SpecError) as caught:
        specs.load("mine", root)

    place = f"{file}#{refusal.pointer}" if refusal.pointer else str(file)
    assert str(caught.value).startswith(f"{place}: ")
    assert refusal.problem in caught.value.problem
    assert refusal.remedy in caught.value.remedy
    assert str(caught.value).endswith(f"{caught.value.problem}. {caught.value.remedy}.")


def test_a_required_field_of_an_object_without_listed_properties_is_not_checked(root):
    for inner in (
        "{required: [link]}",
        "{required: [a], properties: {b: {}}, patternProperties: {a: {}}}",
    ):
        text = DOCUMENT.replace("x-source: ours#created", f"items: {inner}")
        (root / "mine" / "openapi.yaml").write_text(text, encoding="utf-8")

        assert specs.load("mine", root).title == "Mine"


def test_a_missing_dialect_is_named(root):
    (root / "mine" / "dialect.yaml").unlink()

    with pytest.raises(
        SpecError, match=r"mine/dialect\.yaml: cannot be read: .*permissions"
    ):
        specs.load("mine", root)


def test_a_folder_without_a_document_is_no_provider(root):
    (root / "mine" / "openapi.yaml").unlink()

    assert "mine" not in specs.names(root)
    with pytest.raises(SpecError, match=r"mine: is not a known provider\. Known are: "):
        specs.load("mine", root)


def test_a_file_that_is_not_utf_8_is_named(root):
    (root / "mine" / "openapi.yaml").write_bytes(b"openapi: \xff")

    with pytest.raises(SpecError, match=r"mine/openapi\.yaml: cannot be read"):
        specs.load("mine", root)


def test_a_folder_of_providers_that_is_none_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"nowhere: is not a folder"):
        specs.names(tmp_path / "nowhere")


def pointers(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document; examples are data, and may be anything."""
    parts = enumerate(node) if isinstance(node, list) else ()
    for step, each in node.items() if isinstance(node, dict) else parts:
        if step != "value":
            yield (*above, step)
            yield from pointers(each, (*above, step))


GOOD = {
    "openapi.yaml": yaml.safe_load(DOCUMENT),
    "dialect.yaml": yaml.safe_load(DIALECT),
}
PLACES = [(file, each) for file, tree in GOOD.items() for each in pointers(tree)]


def damaged(name: str, place: Sequence[Any], wrong: Any) -> Any:
    """A good file with a wrong value at a place, or without it if that is `...`."""
    tree = copy.deepcopy(GOOD[name])
    node: Any = tree
    for step in place[:-1]:
        node = node[step]
    if wrong is ...:
        del node[place[-1]]
    else:
        node[place[-1]] = wrong
    return tree


@pytest.mark.parametrize("wrong", [None, [], "x", 7, {}, ["x"], ...], ids=repr)
def test_all_problems_of_a_folder_are_found_where_it_is_refused(wrong, root):
    """
    A folder loads whole or is refused, whatever stands anywhere, or is missing.

    A check reports something exactly if the loader refuses, and never fails.
    """
    refused = 0
    for name, place in PLACES:
        file = root / "mine" / name
        before = file.read_text(encoding="utf-8")
        file.write_text(json.dumps(damaged(name, place, wrong)), encoding="utf-8")
        content, advice = check_folder(root / "mine")
        first = None
        try:
            assert list(specs.claims(specs.load("mine", root)))
        except SpecError as error:
            first = error.problem
            refused += 1
        file.write_text(before, encoding="utf-8")

        errors = [each.error.problem for each in advice if not each.is_warning]
        assert (content.provider is None) == (first is not None), place
        assert first in [*errors, None], place

    assert refused > len(PLACES) / 3
