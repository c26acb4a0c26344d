"""The frozen sets of requirements: unchanged, complete, and true to the document."""

import hashlib
import shutil
from functools import cache
from importlib.resources import files

import pytest

import specs
from specs.documents.reading.yaml_files import read_yaml, yaml_text
from specs.requirement_sets import load_requirements, requirement_set_names

# A set does not change after its release: a new one gets a new name.
HASHES = {
    "images-2026-12": "627a5ed41c82d3952991bb49c872971ea01440dcd03a4c97893d3b0c0e166bc7",  # noqa: E501
}


REFERENCE = specs.load("openai")


@cache
def documented() -> dict[str, specs.Claim]:
    """The documented claims of the operations on images, by id."""
    operations = {"createImage", "createImageEdit"}
    return {
        each.id: each
        for each in specs.claims(REFERENCE)
        if each.operation in operations and each.is_documented
    }


def test_no_released_set_changes():
    folder = files("specs") / "requirements"
    found = {
        name: hashlib.sha256((folder / f"{name}.yaml").read_bytes()).hexdigest()
        for name in requirement_set_names()
    }

    assert found == HASHES
    assert {load_requirements(each).sha256 for each in found} == {*HASHES.values()}


@pytest.mark.parametrize("name", HASHES)
def test_requirements_are_claims_of_the_reference_as_they_stand(name):
    claims = documented()
    for requirement in load_requirements(name).requirements:
        for id_, sentence in requirement.claims.items():
            assert claims[id_].sentence == sentence


def test_each_claim_is_required_or_excluded_with_a_reason():
    found = load_requirements("images-2026-12")
    left = [
        each
        for each in documented()
        if each not in found.claims and found.exclusion_of(each) is None
    ]

    assert left == []


@pytest.mark.parametrize("name", HASHES)
def test_excluded_sentences_name_pages_of_the_reference(name):
    for exclusion in load_requirements(name).excluded:
        for _, source in exclusion.sentences:
            assert REFERENCE.source(source), source


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(specs.SpecError, match=r"images-2026-12"):
        load_requirements("images-1999")


def renamed(raw):
    raw["name"] = "another"


def needs_a_later_one(raw):
    first, *_, last = raw["requirements"]
    raw["requirements"][first]["needs"] = last


def names_a_claim_twice(raw):
    first, *_, last = raw["requirements"].values()
    first["claims"] = last["claims"]


def has_another_level(raw):
    next(iter(raw["requirements"].values()))["level"] = "shall"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (renamed, "'another' is not the file's"),
        (needs_a_later_one, "is no earlier requirement"),
        (names_a_claim_twice, "is in an earlier requirement too"),
        (has_another_level, "shall"),
    ],
)
def test_a_set_that_is_not_understood_is_refused(tmp_path, change, problem):
    name = "images-2026-12"
    raw = read_yaml(files("specs"), f"requirements/{name}.yaml")
    change(raw)
    (tmp_path / "requirements").mkdir()
    text = yaml_text(raw)
    (tmp_path / "requirements" / f"{name}.yaml").write_text(text, encoding="utf-8")
    schema = files("specs") / "requirements.schema.yaml"
    shutil.copy(str(schema), tmp_path)

    with pytest.raises(specs.SpecError, match=problem):
        load_requirements(name, tmp_path)
