"""
Responses, journal entries and costs for a fixed seed and time, as they were recorded.

After a change on purpose, `PYTHONPATH=.:tests python tests/mockserver/test_golden.py`
writes the file again; its diff is reviewed. An image is replaced by its metadata, since
the bytes of a file depend on the libraries that compress it.
"""

import base64
import json
import re
from pathlib import Path

import pytest
from support.http import ask, control, edit, generation, url_of
from support.http import events as events_of

import mockserver
import specs
from mockserver.media.image.provenance import read_provenance

GOLDEN = Path(__file__).with_name("golden.json")
NOON = 1_777_896_000.0
PORTS = re.compile(r"127\.0\.0\.1:\d+")
# URLs of edits hold the inputs, compressed.
TOKENS_WITH_INPUTS = re.compile(r"[\w=-]{900,}\.(?=png$|jpeg$|webp$)")
VOLATILE = {"Date", "Content-Length", "Server"}
IDS = ("openai", "llmapi", "aihubmix", "tikhub", "tokenhub")
REQUESTS = {
    "plain": {},
    "two": {"n": 2, "size": "1024x1024"},
    "url": {"response_format": "url"},
    "base64": {"response_format": "b64_json", "output_format": "jpeg"},
    "stream": {"stream": True, "partial_images": 1},
    "invalid": {"n": 99},
}
FAULTS = ("fewer-images", "other-format", "both-deliveries", "empty-data", "bad-base64")
SQUARE = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAAAAAA6mKC9AAAAD0lEQVR42mNoQAMMI1sAAAUM"
    "gAHjM1mKAAAAAElFTkSuQmCC"
)
RESPONSE_ID = re.compile(r"req_[0-9a-f]{24}")


def recorded(name: str) -> dict[str, object]:
    """The responses of a provider by request, and its journal and costs."""
    provider, found = specs.load(name), {}
    with mockserver.running(name, seed=7, frozen=NOON) as server:

        def shoot(label, operation="createImage", **request):
            answer = ask(url_of(server, provider, operation), **request)
            found[label] = {
                "status": answer.status,
                "headers": sorted(
                    f"{name}: {RESPONSE_ID.sub('req_', value)}"
                    for name, value in answer.headers.items()
                    if name not in VOLATILE
                ),
                "body": described(answer),
            }

        for label, more in REQUESTS.items():
            shoot(label, body=generation(provider, **more))
        if "createImageEdit" in provider.operations:
            media_type = next(iter(provider.operations["createImageEdit"].bodies))
            asked = edit(provider, media_type, base64.b64decode(SQUARE))
            shoot("edit", "createImageEdit", **asked)
        for fault in FAULTS:
            body = generation(provider, n=2)
            shoot(fault, body=body, X_Mock_Fault=fault)
        found["journal"] = [
            {key: entry[key] for key in ("request", "images", "cost", "decision")}
            for entry in server.journal()
        ]
        found["costs"] = control(server, "/costs").json
    return json.loads(PORTS.sub("HOST", json.dumps(found)))


def described(answer):
    """The body of a response with images replaced by their metadata."""
    if answer.headers["Content-Type"].startswith("text/event-stream"):
        return [[name, without_images(data)] for name, data in events_of(answer.body)]
    return without_images(answer.json)


def without_images(value):
    if isinstance(value, list):
        return [without_images(each) for each in value]
    if isinstance(value, dict):
        return {key: without_images(each) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    value = TOKENS_WITH_INPUTS.sub("TOKEN.", value)
    if len(value) < 2000:
        return RESPONSE_ID.sub("req_", value)
    prefix = re.match("data:.*?,", value)
    start = prefix[0] if prefix else ""
    text = value.removeprefix(start)
    if text.endswith("!"):
        return f"{start}(damaged)"
    return f"{start}{read_provenance(base64.b64decode(text, validate=True))}"


@pytest.mark.parametrize("name", IDS)
def test_responses_are_as_recorded(name):
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    start = f"{name}: "

    for label, found in recorded(name).items():
        assert found == golden.pop(f"{start}{label}"), label
    assert not [each for each in golden if each.startswith(start)]


if __name__ == "__main__":
    lines = [
        f"{json.dumps(f'{name}: {label}')}: {json.dumps(found, sort_keys=True)}"
        for name in IDS
        for label, found in recorded(name).items()
    ]
    text = ",\n".join(lines)
    GOLDEN.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
