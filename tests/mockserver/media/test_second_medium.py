"""A second medium, texts as files, takes a row in the table and no other change."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import pytest
from support.http import ask, control, url_of

import mockserver
import specs
from mockserver.media.payloads import placeholder
from mockserver.media.registry import MEDIA
from mockserver.state.transcript import transcript
from specs import Cost

NOON = 1_777_896_000.0
PRICE = Cost(0.25, "USD")


@dataclass(frozen=True, slots=True)
class TextFile:
    text: str
    request: str

    medium: ClassVar[str] = "text"
    media_type: ClassVar[str] = "text/plain"
    extension: ClassVar[str] = "txt"
    uploads: ClassVar[tuple[bytes, ...]] = ()
    needs_helper: ClassVar[bool] = False

    @property
    def identity(self):
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @property
    def details(self):
        return {"length": len(self.text)}

    def render(self):
        return self.text.encode()

    def render_quickly(self):
        return None

    def unreadable_upload(self):
        return None

    def facts(self):
        return asdict(self)

    def with_small_uploads(self):
        return self

    def poster(self):
        return None


@dataclass(frozen=True)
class PlannedTexts:
    outputs: tuple[TextFile, ...]
    usage: Mapping
    cost: Cost = PRICE
    is_streaming: bool = False
    is_cacheable: bool = False

    @property
    def delivered(self):
        return len(self.outputs)

    @property
    def meter(self):
        return {"texts": len(self.outputs)}

    async def texts(self, renderer):
        return [(await renderer.url_of(each)).encode() for each in self.outputs]

    def body(self, created, project):
        return {
            "created": created,
            "data": [{"url": placeholder(at)} for at in range(len(self.outputs))],
        }


class TextMedium:
    name = "text"
    unit = "texts"
    used_fields = frozenset({"prompt", "n"})
    file_fields = frozenset()
    relay_faults: ClassVar = {}

    def plan(self, asked):
        count = asked.request.get("n", 1)
        texts = (f"{asked.request['prompt']} {at}" for at in range(count))
        return PlannedTexts(tuple(TextFile(each, asked.hash) for each in texts), {})

    def output_from(self, facts):
        return TextFile(**facts)

    def forwarded(self, payload, fault):
        return payload


@pytest.fixture
def texts(monkeypatch):
    """A provider whose operations return texts."""
    monkeypatch.setitem(MEDIA, "text", TextMedium())
    loaded = specs.load("openai")
    before = loaded.all_operations
    operations = {name: replace(before[name], medium="text") for name in before}
    return replace(loaded, all_operations=operations)


def test_it_is_planned_delivered_counted_and_downloaded(texts):
    with mockserver.running(texts, frozen=NOON) as server:
        body = {"model": texts.dialect.model, "prompt": "A poem", "n": 2}
        answer = ask(url_of(server, texts), body=body)
        files = [ask(each["url"], method="GET") for each in answer.json["data"]]
        heads = [ask(each["url"], method="HEAD") for each in answer.json["data"]]
        costs = control(server, "/costs").json
        metrics = control(server, "/metrics").body
        entry, *downloads = server.journal()
        shown = control(server, f"/pictures/{entry['request_id']}/0")

        assert answer.json["created"] == NOON
        assert [each.body for each in files] == [b"A poem 0", b"A poem 1"]
        assert {each.headers["Content-Type"] for each in files} == {"text/plain"}
        assert [each.headers["Content-Length"] for each in heads] == ["8", "8"]
        assert all(each["url"].endswith(".txt") for each in answer.json["data"])
        assert (entry["images"], entry["outputs"]) == (0, {"texts": 2})
        assert entry["cost"] == {"amount": 0.25, "currency": "USD"}
        assert {each["image_of"] for each in downloads} == {entry["request"]}
        assert costs["total"]["outputs"] == {"texts": 2}
        assert costs["total"]["images"] == 0
        assert b'unit="texts"} 2.0' in metrics
        assert "2 texts, 0.250 USD" in transcript(server.journal())
        assert shown.status == 415


def test_images_have_no_new_fields_beside_it(texts):
    with mockserver.running(texts, "llmapi") as server:
        other = specs.load("llmapi")
        body = {"model": other.dialect.model, "prompt": "A boat"}
        ask(url_of(server, other), body=body)
        (entry,) = server.journal()

        assert entry["images"] == 1
        assert "outputs" not in json.dumps(entry)
