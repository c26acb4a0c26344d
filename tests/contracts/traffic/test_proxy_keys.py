"""A proxy finds the key where the document has it, and keeps it nowhere."""

import asyncio
import json
import subprocess
import sys

import pytest
from support.http import ask
from support.providers import API_KEY_QUERY, write_provider

import mockserver
from contracts.traffic.proxy.app import serve_relay
from contracts.traffic.proxy.relay import Relay
from mockserver.recordings.recorder import Recorder

pytestmark = pytest.mark.slow

KEY = "abc/0815+very secret"
# A name that no list of names for secrets has.
HEADER = {"type": "apiKey", "in": "header", "name": "x-caller"}
SCHEMES = {"header": HEADER, "query": API_KEY_QUERY}
ASKED = {"model": "gpt-image-2", "prompt": "A boat"}


@pytest.mark.parametrize("place", SCHEMES)
def test_the_key_is_in_neither_journal_nor_recording(place, tmp_path):
    provider = write_provider(tmp_path / "p", "mine", schemes=[SCHEMES[place]])
    entries = []
    query = "?subscription=abc/0815%2Bvery%20secret" if place == "query" else ""
    headers = {"x_caller": KEY} if place == "header" else {}

    async def conduct() -> None:
        recorder = Recorder(tmp_path / "kept")
        relay = Relay(
            provider, mock.base_url, recorder=recorder, on_entry=entries.append
        )
        async with serve_relay(relay) as url:
            base_url = f"{url}/mine{provider.base_path}/images/generations"
            body = {**ASKED, "prompt": f"A boat for {KEY}"}
            await asyncio.to_thread(
                ask, base_url + query, body=body, key=None, **headers
            )
            await asyncio.to_thread(ask, base_url, body=ASKED, key=None)
            await relay.drain()

    with mockserver.running(provider) as mock:
        asyncio.run(conduct())

    first, second = entries
    assert (first["status"], first["key"], first["findings"]) == (200, "***", [])
    assert first["payload"]["prompt"] == "A boat for ***"
    assert first["decision"]["error"] is None
    assert (second["status"], second["key"]) == (401, "")
    assert second["decision"]["error"] == "unauthenticated"
    (recording,) = (tmp_path / "kept").glob("*.json")
    kept = recording.read_text()
    assert KEY not in kept + json.dumps(entries)
    assert "0815" not in kept + json.dumps(entries)
    if place == "header":
        assert json.loads(kept)["request"]["headers"]["x-caller"] == "***"


def test_a_short_key_is_not_recorded_either(tmp_path):
    provider = write_provider(tmp_path / "p", "mine", schemes=[HEADER])
    command = [sys.executable, "-m", "contracts", "proxy", "mine", "--port=0"]
    command += [f"--specs={tmp_path / 'p'}", f"--record={tmp_path / 'kept'}", "--json"]
    with (
        mockserver.running(provider) as mock,
        subprocess.Popen(
            [*command, f"--upstream={mock.base_url}"],
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            base_url = json.loads(process.stdout.readline())["providers"]["mine"]
            address = f"{base_url}/images/generations"
            answer = ask(address, body=ASKED, key=None, x_caller="4f7a")
            line = process.stdout.readline()
        finally:
            process.terminate()

    assert answer.status == 200
    (recording,) = (tmp_path / "kept").glob("*.json")
    headers = json.loads(recording.read_text())["request"]["headers"]
    assert headers["x-caller"] == "***"
    assert json.loads(line)["key"] == "***"
