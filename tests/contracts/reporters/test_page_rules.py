"""Rules of documents are shown in words."""

import pytest

from contracts.reporters.page.rules import (
    plain_sentence,
    rule_texts,
    rule_words,
    without_rule_counts,
)


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("size keeps multipleOf 16", "both edges divisible by 16"),
        ("size keeps maxRatio 3", "ratio at most 3:1"),
        ("size keeps minPixels 655360", "at least 655,360 pixels"),
        ("image keeps maxBytes 52428800", "at most 52.43 MB"),
        ("image keeps formats png, webp, jpeg", "format png, webp or jpeg"),
        ("image keeps square True", "square"),
        ("image keeps depth 8", "depth 8"),
        ("size must be one of 1x1, auto, null", "1x1 \N{MIDDLE DOT} auto"),
        ("stream must be one of False, null", "false"),
        ("n must be at most 1", "at most 1"),
        ("style must be null", "null or left out"),
        ("model must be absent", "must be left out"),
        ("image has at most 1 entries", "at most 1 entry"),
        ("mask has the dimensions of image", "same dimensions as image"),
        ("image is required", "required"),
        ("size matches ^(auto|[0-9]+x[0-9]+)$", "auto or WIDTHxHEIGHT"),
        ("size matches ^[0-9]+x[0-9]+$", "WIDTHxHEIGHT"),
        ("model matches ^gpt-", "matches `^gpt-`"),
        ("model matches ^(gpt", "matches `^(gpt`"),
        ("something else", "something else"),
    ],
)
def test_a_condition_is_in_words(sentence, words):
    assert rule_words([sentence]) == words


def test_the_conditions_of_a_rule_are_joined_and_not_repeated():
    sentences = [
        "image keeps square True",
        "image[] keeps square True",
        "n is required",
    ]

    assert rule_words(sentences) == "square, required"


def test_a_claim_keeps_its_subject():
    assert plain_sentence("size keeps maxRatio 3") == "size: ratio at most 3:1"
    assert plain_sentence("n must be at most 10") == "n must be at most 10"


def test_a_value_does_not_count_rules():
    value = "string; default auto; 5 rules; in JSON: 1 rule"

    assert without_rule_counts(value) == "string; default auto"
    assert without_rule_counts("rules") == "rules"
    assert without_rule_counts("5 rules") == "5 rules"


def test_only_documented_rules_are_shown_without_the_name_of_their_field():
    facts = {
        "type": {"value": "string", "basis": "documented"},
        "rule/size-dall-e-2": {"value": ["size is required"], "basis": "documented"},
        "rule/size-guess": {"value": ["size is required"], "basis": "assumed"},
        "JSON/rule/other": {"value": ["size must be null"], "basis": "documented"},
    }

    assert [(each.name, each.words) for each in rule_texts("size", facts)] == [
        ("dall-e-2", "required"),
        ("other, in JSON", "null or left out"),
    ]
