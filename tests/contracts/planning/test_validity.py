"""
A case is valid on the documented basis only if a page supports every value in it.

The support is read from the document itself, without the code that plans: a type, a
list or a limit that the provider's own page states, a default, or an example.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

import specs
from contracts.media.files import Sample
from contracts.planning.case import Case
from contracts.planning.plan import plan
from contracts.planning.request_model import RequestModel, request_models
from specs import Basis, State

pytestmark = pytest.mark.slow

Part = tuple[Mapping[str, Any], bool]
LISTING = ("enum", "const", "pattern")
PLAIN_FORMAT = "png"  # of the plain request: some format must be accepted


def parts(schema: Any, is_documented: bool = True) -> Iterator[Part]:
    """A schema and the parts of its `allOf`, each with whether a page states it."""
    if isinstance(schema, Mapping):
        is_documented &= schema.get("x-basis", "documented") == "documented"
        yield schema, is_documented
        for part in schema.get("allOf", ()):
            yield from parts(part, is_documented)


def unsupported(known: list[Part], value: Any) -> Iterator[str]:
    """The reasons why no page supports a value."""
    for part, _ in known:
        shown = [part["default"]] if "default" in part else []
        if value in (*shown, *part.get("examples", ())):
            return
    if value is None:
        types = [part["type"] for part, is_firm in known if is_firm and "type" in part]
        if not any("null" in each for each in types if isinstance(each, list)):
            yield "no page shows null as a type"
    for part, is_firm in known:
        if not is_firm and value is not None:
            yield from beyond(part, value)
    if isinstance(value, list):
        for entry in value:
            items = [
                inner
                for part, is_firm in known
                for inner in parts(part.get("items"), is_firm)
            ]
            yield from unsupported(items, entry)


def beyond(part: Mapping[str, Any], value: Any) -> Iterator[str]:
    """The words of a part, stated by no page, that a value is listed by or at."""
    if isinstance(value, Sample):
        limits = part.get("x-upload", {})
        if value.weight and value.weight >= limits.get("maxBytes", float("inf")):
            yield "at maxBytes"
        if "formats" in limits and value.format != PLAIN_FORMAT:
            yield f"format {value.format}"
    elif isinstance(value, list):
        if 1 < len(value) == part.get("maxItems"):
            yield "at maxItems"
    elif not isinstance(value, bool):
        yield from (f"listed by {word}" for word in LISTING if word in part)
        if value in (part.get("minimum"), part.get("maximum")):
            yield "at minimum or maximum"
        if isinstance(value, str) and len(value) == part.get("maxLength"):
            yield "at maxLength"


@cache
def planned(name: str) -> tuple[specs.Provider, list[Case]]:
    provider = specs.load(name)
    return provider, plan(provider)


def firm_cases(name: str) -> list[tuple[RequestModel, Case]]:
    """The planned cases whose rejection would fail a run."""
    provider, cases = planned(name)
    models = request_models(provider)
    return [
        (models[case.operation, case.media_type or ""], case)
        for case in cases
        if case.expectation is State.VALID and case.basis is Basis.DOCUMENTED
        if case.media_type is not None
    ]


def test_each_value_of_a_valid_case_has_support(provider):
    """The values of the plain request are left out; so is the model, which is named."""
    found = {
        f"{case.id}: {name} {reason}"
        for model, case in firm_cases(provider.id)
        for name, value in case.payload.items()
        if value != model.minimal_request.get(name) and name != "model"
        if not is_in_an_example(model, name, value)
        for reason in unsupported(list(parts(model.body.properties[name])), value)
    }

    assert found == set()


def is_in_an_example(model: RequestModel, name: str, value: Any) -> bool:
    examples = model.body.examples.values()
    return value in [each[name] for each in examples if name in each]


def test_the_files_of_a_valid_case_have_the_same_dimensions(provider):
    """No page says that a mask may have other dimensions than its image."""
    for _, case in firm_cases(provider.id):
        mask = case.payload.get("mask")
        if isinstance(mask, Sample):
            image = case.payload["image"]
            first = image[0] if isinstance(image, list) else image
            pair = pairwise([(each.width, each.height) for each in (first, mask)])
            assert all(one == other for one, other in pair), case.id


def test_a_valid_case_has_only_listed_fields(provider):
    for model, case in firm_cases(provider.id):
        assert set(unlisted(model.body.schema, case.payload)) == set(), case.id


def unlisted(schema: Any, value: Any) -> Iterator[str]:
    """The fields of a value, and of the objects inside it, that no schema lists."""
    if isinstance(value, list):
        for entry in value:
            yield from unlisted(schema.get("items", {}), entry)
    elif isinstance(value, Mapping) and "properties" in schema:
        for name, member in value.items():
            if name not in schema["properties"]:
                yield name
            else:
                yield from unlisted(schema["properties"][name], member)


def test_the_models_of_all_providers_are_kept():
    """`common` asks for them in turn, more than a thousand times."""
    assert request_models.cache_parameters()["maxsize"] >= len(specs.names())


SILENT = [
    ("aihubmix", "createImage/request/size/type/value-null"),
    ("aihubmix", "createImage/request/model/type/value-null"),
    ("tokenhub", "mask-is-as-large-as-the-image"),
]


@pytest.mark.parametrize(("name", "part"), SILENT)
def test_what_a_page_is_silent_about_is_sent_as_unspecified(name, part):
    found = [each for each in planned(name)[1] if part in each.id]

    assert found
    assert {each.expectation for each in found} == {State.UNSPECIFIED}
