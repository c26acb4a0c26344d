"""The same size in the words of each document, and ratios that are substituted."""

import asyncio

import pytest
from support.relays import relay

import mockserver
import specs
from contracts.compare.servers import run as differential
from contracts.compare.servers.intents import intents
from contracts.compare.servers.sizes import canonical_size
from contracts.compare.servers.translation import Intent, Translation, translate
from contracts.execution.sending.target import Target
from contracts.execution.targets import NamedTarget
from contracts.judging.outcome import FeatureVerdict
from mockserver.embedded.starter import serve_in_thread
from specs import ratio_text

SPELLINGS = [
    ("openai", "size", "1024x1024", {"size": "1024x1024"}),
    ("xinference", "size", "1024x1024", {"size": "1024*1024"}),
    ("together", "size", "1024x1024", {"width": 1024, "height": 1024}),
    ("siliconflow", "size", "1024x1024", {"image_size": "1024x1024"}),
    ("xai", "size", "1024x1024", {"aspect_ratio": "1:1", "resolution": "1k"}),
    ("xai", "size", "2048x2048", {"aspect_ratio": "1:1", "resolution": "2k"}),
    ("xai", "size", "1536x1024", {"aspect_ratio": "3:2", "resolution": "1k"}),
    ("openai", "aspect_ratio", "16:9", {"size": "1280x720"}),
    ("recraft", "aspect_ratio", "16:9", {"size": "16:9"}),
    ("localai", "aspect_ratio", "16:9", {"size": "1280x720"}),
    ("openrouter", "aspect_ratio", "16:9", {"aspect_ratio": "16:9"}),
    ("xai", "resolution", "2K", {"resolution": "2k"}),
    ("ark", "resolution", "2K", {"size": "2K"}),
]


@pytest.mark.parametrize(("name", "field", "value", "expected"), SPELLINGS)
def test_a_size_is_spelled_as_the_document_has_it(name, field, value, expected):
    intent = Intent("createImage", ((field, value),), field)

    translation = translate(intent, specs.load(name))

    assert isinstance(translation, Translation)
    payload = translation.case.payload
    assert {key: payload[key] for key in payload if key in expected} == expected


@pytest.mark.parametrize(("name", "field"), [("openai", "resolution"), ("xai", "size")])
def test_what_a_document_cannot_say_is_not_asked(name, field):
    intent = Intent("createImage", ((field, "auto"),), field)

    assert not isinstance(translate(intent, specs.load(name)), Translation)


def test_each_size_is_asked_once():
    providers = [specs.load(each) for each in ("openai", "xinference", "xai")]

    found = [each for each in intents(providers) if each.feature == "size"]
    values = [each.value for each in found if each.operation == "createImage"]

    assert "1024x1024" in values
    assert not [each for each in values if "*" in str(each)]
    assert list(map(canonical_size, ["512*512", "2k", "auto"])) == [
        "512x512",
        "2K",
        "auto",
    ]
    assert [ratio_text(*each) for each in ((1280, 720), (1024, 1024), (1000, 610))] == [
        "16:9",
        "1:1",
        "1.64:1",
    ]


def test_a_substituted_ratio_is_found():
    def squared(message):
        asked = message.asked
        if asked.get("aspect_ratio") not in (None, "1:1"):
            return message.with_json({**asked, "aspect_ratio": "1:1"})
        return message

    only = ["createImage/size=1536x1024", "createImage/plain"]
    with (
        mockserver.running("openai", "xai") as mock,
        serve_in_thread(relay(mock.url, request=squared)) as (url, _),
    ):
        relayed = mock.base_urls["xai"].replace(mock.url, url)
        targets = [
            NamedTarget(label, specs.load(name), Target(address, "sk-x"))
            for label, name, address in (
                ("openai", "openai", mock.base_urls["openai"]),
                ("right", "xai", mock.base_urls["xai"]),
                ("faulty", "xai", relayed),
            )
        ]
        fetch_from = frozenset({"127.0.0.1"})
        found = asyncio.run(
            differential.execute(targets, only=only, fetch_from=fetch_from)
        )

    (row,) = [each for each in found.rows if each.question.endswith("=1536x1024")]
    assert row.cells["openai"].verdict is FeatureVerdict.HONOURED
    assert row.cells["right"].verdict is FeatureVerdict.RENAMED
    faulty = row.cells["faulty"]
    assert faulty.verdict in {FeatureVerdict.IGNORED, FeatureVerdict.ALTERED}
    assert faulty.note == "ratio substituted (asked 3:2, got 1:1)"
