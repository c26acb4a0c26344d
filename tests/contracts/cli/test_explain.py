"""The command `explain`, for rules of documents."""

import shutil

import pytest
from click.testing import CliRunner
from support.paths import ROOT

import specs
from contracts.cli.main import main
from contracts.compare import compare
from contracts.reporters.document_rules import (
    document_rules,
    explain_document_rules,
    find_rules,
)

pytestmark = pytest.mark.slow

PROVIDERS = [specs.load(name) for name in specs.names()]
RULES = document_rules(PROVIDERS)


def run(*words: str):
    return CliRunner().invoke(main, ["explain", *words])


def squeezed(*words: str) -> str:
    return " ".join(run(*words).stdout.split())


def test_a_rule_is_explained_in_words_for_each_provider_that_has_it():
    text = squeezed("size-gpt-image-2")

    for said in (
        "size-gpt-image-2: OpenAI, createImage/request",
        "size-gpt-image-2: AIHubMix, createImageEdit/request",
        "applies if model is one of gpt-image-2, gpt-image-2-2026-04-21",
        "auto or WIDTHxHEIGHT, both edges divisible by 16",
        "S2#size (documented): AIHubMix: Generate Images https://docs.aihubmix.com/",
        "R-guide#size (reference): OpenAI: image generation guide",
        "openai/openapi.yaml#/components/schemas/SizeOfGptImage2/then/properties/size",
    ):
        assert said in text


def test_a_rule_that_the_mock_enforces_says_so():
    text = squeezed("what-it-cannot-do-without")

    assert "rule prompt: required" in text
    assert "mock rejects a violation, although no page states the rule" in text


def test_every_rule_of_a_document_can_be_explained():
    for name in sorted({each.name for each in RULES}):
        text = "\n".join(explain_document_rules(find_rules(name, RULES)))

        assert text.startswith(f"{name}: ")
        for label in ("rule", "source", "document"):
            assert f"\n  {label} " in text


def test_every_rule_that_compare_prints_is_known():
    rows = compare(PROVIDERS).rows
    names = {
        fact.rpartition("rule/")[2]
        for row in rows
        for cell in row.cells.values()
        for fact in cell.facts
        if "rule/" in fact
    }

    assert len(names) > 20
    assert [name for name in names if not find_rules(name, RULES)] == []


def test_a_name_without_its_field_as_in_the_readme_is_enough():
    assert run("is-as-large-as-the-image").stdout.startswith(
        "mask-is-as-large-as-the-image: "
    )


def test_an_unknown_rule_is_answered_with_the_nearest():
    typo, migration = run("size-gpt-imge-2"), run("REQ-RENAMD")

    assert typo.exit_code == migration.exit_code == 2
    assert "did you mean 'size-gpt-image-2'?" in typo.stderr
    assert "did you mean 'REQ-RENAMED'?" in migration.stderr


def test_all_rules_are_listed_without_a_name():
    listed = run().stdout

    for rule in RULES:
        assert f"\n{rule.name} " in listed
    assert "REQ-RENAMED " in listed


def test_rules_of_ones_own_provider_are_known(tmp_path):
    shutil.copytree(ROOT / "specs" / "tokenhub", tmp_path / "mine")
    shutil.copy(ROOT / "specs" / "sources.yaml", tmp_path)

    text = squeezed("one-name-for-the-format", "--specs", str(tmp_path))

    assert "mine/openapi.yaml#" in text
