"""Clients of the soak: what they ask, and what makes a response a wrong one."""

import asyncio
import base64
import itertools
import json
import random
import re
import socket
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from measuring import Server, say
from soak_tasks import Conversation, Example, Failure, examples, own_urls

RATE = 60  # requests per second of all clients
TIMEOUT = 300.0  # seconds for a response, on a busy machine
EXPIRING, LIFETIME = "expiring", 2  # a provider whose URLs live for so many seconds
REPLACED = re.compile(r'("(?:prompt|text|input)": ")')
ENDINGS = {
    b"\x89PNG": b"IEND\xaeB`\x82",
    b"\xff\xd8\xff": b"\xff\xd9",
    b"GIF8": b"\x3b",
    b"<svg": b"</svg>",
    b"<?xml": b"</svg>",
}


class Lost(Failure):
    """A request without a response, or without a whole one."""


@dataclass
class Group:
    """Servers that share their state, and the processes in which they run."""

    name: str
    servers: list[Server]
    requests: Counter[str] = field(default_factory=Counter)  # by kind
    failures: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)  # lost with a worker
    kills: int = 0
    reloads: int = 0
    clients: list["Client"] = field(default_factory=list)


class Receiver:
    """Receives webhooks on loopback, and keeps their bodies by token."""

    def __init__(self) -> None:
        self.received: dict[str, list[Any]] = {}

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/hook/{token}", self._receive)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def _receive(self, request: web.Request) -> web.Response:
        kept = self.received.get(request.match_info["token"])
        if kept is not None:
            kept.append(await request.json())
        return web.Response()

    async def close(self) -> None:
        await self._runner.cleanup()


class Client:
    """A client that sends one request after the other; what it sends is drawn."""

    def __init__(self, group: Group, receiver: Receiver, name: str, rate: float):
        self.group, self.receiver, self.name = group, receiver, name
        self.chance = random.Random(name)
        self.key = f"sk-{name}"
        self.bases = itertools.cycle([each.url for each in group.servers])
        self.pause, self.due = 1 / rate, 0.0
        self.kind = ""
        self.socket: socket.socket | None = None
        self.killed: socket.socket | None = None  # whose worker was killed
        self.kinds = {
            self.small: 30,
            self.words: 14,
            self.refused: 8,
            self.address: 8,
            self.example: 12,
            self.task: 6,
            self.edit: 4,
            self.upload: 1,
            self.stream: 4,
            self.fault: 3,
            self.left: 6,
            self.format: 4,
            self.large: 0.7,
            self.expired: 1,
            self.control: 5,
            self.inspector: 2,
            self.reset: 0.5,
        }

    async def run(self, until: float) -> None:
        """Send requests until a time of the loop."""
        connector = aiohttp.TCPConnector(socket_factory=self._open)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        headers = {"X-Mock-Namespace": self.name}
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=headers
        ) as self.http:
            while asyncio.get_running_loop().time() < until:
                (kind,) = self.chance.choices(
                    list(self.kinds), list(self.kinds.values())
                )
                self.kind = kind.__name__
                try:
                    await kind()
                except Exception as error:  # recorded, and the others go on
                    self._record(error)

    def _open(self, address: tuple[Any, ...]) -> socket.socket:
        family, type_, protocol, _, _ = address
        self.socket = socket.socket(family, type_, protocol)
        return self.socket

    def _record(self, error: Exception) -> None:
        is_killed = self.killed is not None and self.socket is self.killed
        if isinstance(error, Lost) and is_killed:
            self.group.killed[self.kind] += 1
        else:
            failure = f"{self.group.name}, {self.kind}: {error!r}"
            self.group.failures.append(failure)
            say(failure)

    async def send(
        self,
        method: str,
        url: str,
        status: int | set[int] = 200,
        headers: dict[str, str] | None = None,
        **what: Any,
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """A response and its body. Raises `Failure` unless it has an awaited status."""
        await self._paced()
        url = self._here(url)
        self.group.requests[self.kind] += 1
        sent = f"{method} {url} {str(what)[:400]}"
        try:
            async with self.http.request(
                method, url, headers=headers, **what
            ) as response:
                data = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Lost(f"{sent}: {error!r}") from error
        if response.status not in ({status} if isinstance(status, int) else status):
            raise Failure(f"{sent}: {response.status} {data[:200]!r}")
        return response, data

    async def _paced(self) -> None:
        loop = asyncio.get_running_loop()
        self.due = max(self.due + self.pause, loop.time())
        await asyncio.sleep(self.due - loop.time())

    def _here(self, url: str) -> str:
        """A path, or a URL of any server, at the server whose turn it is."""
        parts = urlsplit(url)
        base = next(self.bases)
        return f"{base}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    async def generate(self, status: int = 200, provider="openai", **members) -> bytes:
        body = {"model": "gpt-image-2", "prompt": self.prompt(), **members}
        path = f"/{provider}/v1/images/generations"
        _, data = await self.send("POST", path, status, self._bearer(), json=body)
        return data

    async def pictures(self, **members) -> None:
        """Generate images, and look at each."""
        data = await self.generate(**members)
        for image in json.loads(data)["data"]:
            self.look_at(base64.b64decode(image["b64_json"]), members)

    def look_at(self, data: bytes, of: Any) -> None:
        if not is_whole(data):
            raise Failure(
                f"{of}: a file of {len(data)} bytes is not whole: {data[:20]!r}"
            )

    def prompt(self) -> str:
        return f"A red cube {self.chance.getrandbits(48):x} on a table"

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    async def small(self) -> None:
        number = self.chance.randrange(50)
        await self.pictures(prompt=f"A red cube {number}", size="1024x1024")

    async def words(self) -> None:
        prompt = self.prompt() * self.chance.randrange(1, 8)
        size = self.chance.choice(("1024x1024", "1536x1024", "1024x1536"))
        await self.pictures(prompt=prompt, size=size, n=self.chance.randint(1, 2))

    async def refused(self) -> None:
        await self.generate(400, n=self.chance.randint(11, 10**6))

    async def format(self) -> None:
        """Other formats, among them animations and vectors."""
        name = self.chance.choice(("jpeg", "webp", "gif", "svg"))
        compressed = {"output_compression": 60} if name in {"jpeg", "webp"} else {}
        await self.pictures(size="1024x1024", output_format=name, **compressed)

    async def large(self) -> None:
        await self.pictures(size="3840x2160", background="opaque")

    async def address(self) -> None:
        data = await self.generate(provider="tikhub", response_format="url")
        await self.download(json.loads(data)["data"][0]["url"])

    async def download(self, url: str, headers: dict[str, str] | None = None) -> None:
        response, data = await self.send("GET", url, headers=headers)
        self.look_at(data, url)
        has_parts = response.headers.get("Accept-Ranges") == "bytes"
        if has_parts and self.chance.random() < 0.3:
            part = {"Range": "bytes=5-9", **(headers or {})}
            _, five = await self.send("GET", url, 206, headers=part)
            if five != data[5:10]:
                raise Failure(f"{url}: another part than {data[5:10]!r}: {five!r}")

    async def expired(self) -> None:
        (example,) = (
            each
            for each in examples(are_tasks=False)
            if each.provider.id == "siliconflow"
        )
        path = example.path.replace(example.provider.id, EXPIRING, 1)
        data = await self.create(example, path)
        url = own_urls(data.decode())[0]
        await asyncio.sleep(LIFETIME + 0.5)
        await self.send("GET", url, 403)

    async def create(
        self, example: Example, path: str = "", *, marker: str = "", **members: Any
    ) -> bytes:
        words = f"\\g<1>{self.chance.getrandbits(48):x} {marker}"
        body = json.loads(REPLACED.sub(words, example.body)) | members
        headers = example.headers(self.key)
        awaited = {200, 201, 202}
        path = path or example.path
        response, data = await self.send("POST", path, awaited, headers, json=body)
        if response.content_type == "text/event-stream":
            if not data.endswith(b"\n\n"):
                raise Failure(f"{example.path}: the stream is cut: {data[-50:]!r}")
        else:
            json.loads(data)
        return data

    async def example(self) -> None:
        """The example of any operation of any provider that answers at once."""
        example = self.chance.choice(examples(are_tasks=False))
        data = await self.create(example)
        for url in own_urls(data.decode()):
            await self.download(url)

    async def task(self) -> None:
        """A task of any provider, from its creation to its files and its webhook."""
        example = self.chance.choice(examples(are_tasks=True))
        await Conversation(self, example).run()

    async def edit(self, edge: int = 0) -> None:
        form = aiohttp.FormData({"model": "gpt-image-2", "prompt": self.prompt()})
        file = picture(edge or self.chance.choice((64, 512)))
        form.add_field("image", file, filename="a.png", content_type="image/png")
        await self.send(
            "POST", "/openai/v1/images/edits", 200, self._bearer(), data=form
        )

    async def upload(self) -> None:
        await self.edit(self.chance.choice((1100, 1600)))  # 3.6 and 7.7 MB

    async def stream(self) -> None:
        partials = self.chance.randrange(4)
        data = await self.generate(stream=True, partial_images=partials)
        if data.count(b"event: ") != partials + 1:
            raise Failure(f"a stream with {partials} partial images: {data[-200:]!r}")

    async def fault(self) -> None:
        name = self.chance.choice(("reset", "empty", "truncate", "garbage", "html"))
        with suppress(Failure):
            await self.generate(prompt=f"A boat [[mock:{name}]]")

    async def left(self) -> None:
        """Leave in the middle of a request or of its response."""
        large, streams = {"size": "3840x2160"}, {"stream": True, "partial_images": 3}
        more = self.chance.choice((large, streams, {"user": "x" * 3_000_000}, None))
        body = {"model": "gpt-image-2", "prompt": self.prompt(), **(more or {})}
        data = "" if more is None else json.dumps(body)
        line = "GET /llmapi/v1/images/tasks/events"
        head = (
            f"{line if more is None else 'POST /openai/v1/images/generations'} "
            f"HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        whole = (head + data).encode()
        await self._paced()
        self.group.requests[self.kind] += 1
        parts = urlsplit(next(self.bases))
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(whole[: self.chance.choice((20, len(head), len(whole)))])
        await asyncio.sleep(self.chance.random() * 0.02)
        if self.chance.random() < 0.5:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(self.chance.random() * 0.2):
                    await reader.read(1000)
        writer.transport.abort()

    async def control(self) -> None:
        paths = (
            "journal?limit=20",
            "journal/count?operation=createImage",
            "costs",
            "metrics",
            "health",
            "ready",
            "providers",
            "faults",
            "clock",
            "openapi.json",
        )
        await self.send("GET", f"/__mock__/{self.chance.choice(paths)}")

    async def inspector(self) -> None:
        """The page, its events, and the files of the last requests of the client."""
        await self.send("GET", "/__mock__/")
        with suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(0.3):
                url = self._here("/__mock__/events")
                async with self.http.get(url) as response:
                    await response.content.read(200)
        path = f"/__mock__/journal?limit=3&namespace={self.name}"
        _, data = await self.send("GET", path)
        for entry in json.loads(data)["entries"]:
            if entry.get("images") and entry.get("request"):
                for what in ("pictures", "files"):
                    path = f"/__mock__/{what}/{entry['request']}/0"
                    await self.send("GET", path, {200, 404, 415})  # not for ever

    async def reset(self) -> None:
        """Forget journal and tasks of this client, as between two tests."""
        await self.send("POST", f"/__mock__/reset?namespace={self.name}")


def is_whole(data: bytes) -> bool:
    """True for a file that ends where its format says."""
    if data[4:8] == b"ftyp":
        at = 0
        while at + 8 <= len(data):
            at += int.from_bytes(data[at : at + 4]) or len(data)
        return at == len(data)
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 == len(data)
    return any(
        data.startswith(start) and data.rstrip(b"\n").endswith(end)
        for start, end in ENDINGS.items()
    )


@cache
def picture(edge: int) -> bytes:
    """A PNG file that does not get smaller."""
    from PIL import Image

    noise = random.Random(edge).randbytes(edge * edge * 3)
    out = BytesIO()
    Image.frombytes("RGB", (edge, edge), noise).save(out, "PNG", compress_level=1)
    return out.getvalue()
