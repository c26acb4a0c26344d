"""
A day's work in minutes: memory, descriptors and tasks of a mock must stay flat.

    python tests/benchmarks/soak.py [REQUESTS]

Requests of every kind, valid and refused, 4K pictures, edits, streams, faults, and
clients that leave at any moment. Exit status 1 when the last quarter takes 5 % more
memory at its peak than the first, or when more descriptors or tasks are left than there
were. Below `ENOUGH` requests memory says nothing: what is kept is still filling up.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp
from measuring import Server, mock

REQUESTS = 200_000
CLIENTS = 16
SAMPLES = 200
QUARTERS = 4
ENOUGH = 100_000
MORE_MEMORY = 1.05
SEED = 7
KEY = {"Authorization": "Bearer sk-soak"}
BOUNDARY = "soak"


@dataclass(frozen=True)
class Sample:
    """A measurement of a server: megabytes, open descriptors, tasks of its loop."""

    memory: float
    descriptors: int
    tasks: int


class Client:
    """One of those who ask; what it asks next is drawn."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, seed: int) -> None:
        self.server, self.http = server, http
        self.chance = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.uploads = [_picture(edge) for edge in (64, 512)]
        kinds = {
            self.small: 60,
            self.words: 14,
            self.refused: 8,
            self.address: 5,
            self.edit: 4,
            self.stream: 3,
            self.fault: 2,
            self.left: 2,
            self.format: 1,
            self.large: 0.7,
            self.control: 0.3,
        }
        self.kinds, self.weights = list(kinds), list(kinds.values())

    async def ask(self) -> None:
        """One request of some kind."""
        (kind,) = self.chance.choices(self.kinds, self.weights)
        self.seen[kind.__name__] += 1
        await kind()

    async def post(self, provider: str, status: int = 200, **members) -> bytes:
        body = {"model": "gpt-image-2", "prompt": self.prompt(), **members}
        path = f"{self.server.url}/{provider}/v1/images/generations"
        async with self.http.post(path, json=body, headers=KEY) as answer:
            data = await answer.read()
            assert answer.status == status, (answer.status, data[:300])
            return data

    def prompt(self) -> str:
        return f"A red cube {self.chance.getrandbits(48):x} on a table"

    async def small(self) -> None:
        number = self.chance.randrange(50)
        await self.post("openai", prompt=f"A red cube {number}", size="1024x1024")

    async def words(self) -> None:
        prompt = self.prompt() * self.chance.randrange(1, 8)
        size = self.chance.choice(("1024x1024", "1536x1024", "1024x1536"))
        await self.post("openai", prompt=prompt, size=size, n=self.chance.randint(1, 2))

    async def refused(self) -> None:
        await self.post("openai", status=400, n=self.chance.randint(11, 10**6))

    async def format(self) -> None:
        format = self.chance.choice(("jpeg", "webp"))
        more = {"output_format": format, "output_compression": 60}
        await self.post("openai", size="1024x1024", **more)

    async def large(self) -> None:
        await self.post("openai", size="3840x2160", background="opaque")

    async def address(self) -> None:
        answer = json.loads(await self.post("tikhub", response_format="url"))
        async with self.http.get(answer["data"][0]["url"]) as picture:
            assert picture.status == 200, picture.status
            await picture.read()

    async def edit(self) -> None:
        form = aiohttp.FormData({"model": "gpt-image-2", "prompt": self.prompt()})
        upload = self.chance.choice(self.uploads)
        form.add_field("image", upload, filename="a.png", content_type="image/png")
        path = f"{self.server.url}/openai/v1/images/edits"
        async with self.http.post(path, data=form, headers=KEY) as answer:
            data = await answer.read()
            assert answer.status == 200, (answer.status, data[:300])

    async def stream(self) -> None:
        partials = self.chance.randrange(4)
        data = await self.post("openai", stream=True, partial_images=partials)
        assert data.count(b"event: ") == partials + 1

    async def fault(self) -> None:
        fault = self.chance.choice(("reset", "empty", "truncate", "garbage", "html"))
        with suppress(aiohttp.ClientError, AssertionError):
            await self.post("openai", prompt=f"A boat [[mock:{fault}]]")

    async def left(self) -> None:
        """Leave in the middle of a request or of its answer."""
        streams = self.chance.random() < 0.5
        size = "1024x1024" if streams else "3840x2160"
        body = {"model": "gpt-image-2", "prompt": self.prompt(), "size": size}
        data = json.dumps(body | {"stream": streams, "partial_images": 3 * streams})
        head = (
            "POST /openai/v1/images/generations HTTP/1.1\r\nHost: localhost\r\n"
            "Authorization: Bearer sk-soak\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        whole = (head + data).encode()
        parts = urlsplit(self.server.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(whole[: self.chance.choice((20, len(head), len(whole)))])
        await writer.drain()
        await asyncio.sleep(self.chance.random() * 0.01)
        if self.chance.random() < 0.5:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.read(1000)
        writer.transport.abort()

    async def control(self) -> None:
        path = self.chance.choice(("journal?limit=20", "costs", "metrics", "health"))
        async with self.http.get(f"{self.server.url}/__mock__/{path}") as answer:
            assert answer.status == 200, answer.status
            await answer.read()


def _picture(edge: int) -> bytes:
    from PIL import Image

    noise = random.Random(edge).randbytes(edge * edge * 3)
    out = BytesIO()
    Image.frombytes("RGB", (edge, edge), noise).save(out, "PNG")
    return out.getvalue()


async def _sampled(server: Server, http: aiohttp.ClientSession) -> Sample:
    async with http.get(f"{server.url}/__mock__/metrics") as answer:
        lines = (await answer.text()).splitlines()
    (tasks,) = (line for line in lines if line.startswith("imageparity_tasks "))
    return Sample(server.memory(), server.descriptors(), int(float(tasks.split()[1])))


async def soak(server: Server, count: int) -> list[Sample]:
    """Samples taken at equal distances while so many requests are made."""
    left = iter(range(count))
    samples: list[Sample] = []
    begun = time.monotonic()
    async with aiohttp.ClientSession() as http, aiohttp.ClientSession() as aside:
        clients = [Client(server, http, SEED * 1000 + at) for at in range(CLIENTS)]

        async def work(client: Client) -> None:
            for number in left:
                await client.ask()
                if number % max(1, count // SAMPLES) == 0:
                    samples.append(await _sampled(server, aside))
                    _tell(number, begun, samples[-1])

        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(work(client))
        asked = sum((each.seen for each in clients), Counter())
        sys.stdout.write(f"{asked.total():,} requests: {dict(asked.most_common())}\n")
    return samples


def _tell(number: int, begun: float, sample: Sample) -> None:
    if not sys.stderr.isatty():
        return
    spent = time.monotonic() - begun
    sys.stderr.write(
        f"\r{number:,} requests, {spent:.0f} s: {sample.memory:.1f} MB, "
        f"{sample.descriptors} descriptors, {sample.tasks} tasks   "
    )


def judged(
    samples: list[Sample], before: Sample, after: Sample, *, is_enough: bool
) -> bool:
    """True if memory, descriptors and tasks stayed flat; prints the figures."""
    quarter = len(samples) // QUARTERS
    first = max(each.memory for each in samples[:quarter])
    last = max(each.memory for each in samples[-quarter:])
    sys.stdout.write(
        f"at rest {before.memory:.1f} MB; peak of the first quarter {first:.1f} MB, "
        f"of the last {last:.1f} MB ({last / first:.3f}); afterwards "
        f"{after.memory:.1f} MB\n"
        f"descriptors {before.descriptors} before, {after.descriptors} after; "
        f"tasks {before.tasks} before, {after.tasks} after\n"
    )
    return (
        (last <= first * MORE_MEMORY or not is_enough)
        and after.descriptors <= before.descriptors + 1
        and after.tasks <= before.tasks
    )


async def _calm(server: Server) -> Sample:
    """A sample without load, after a pause in which connections can close."""
    await asyncio.sleep(2)
    async with aiohttp.ClientSession() as http:
        return await _sampled(server, http)


def main() -> int:
    """Exit status 0 when everything stayed flat."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with mock() as server:
        before = asyncio.run(_calm(server))
        samples = asyncio.run(soak(server, count))
        after = asyncio.run(_calm(server))
    return 0 if judged(samples, before, after, is_enough=count >= ENOUGH) else 1


if __name__ == "__main__":
    sys.exit(main())
