"""Pictures by size and format: the first of their kind, and those that follow."""

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.request
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from measuring import HERE, Effort, Server, request_to
from peers import BODY
from tables import Table, figure, size

import mockserver
from mockserver.embedded.thread import serve_in_thread
from mockserver.media.image.drawing.encode import render_image
from mockserver.media.image.output import ImageOutput
from mockserver.media.rendering import RenderCache
from mockserver.server.process import SWITCH_INTERVAL

ORDER = 3
HOLE = "%" * 12
SIZES = ((256, 256), (1024, 1024), (1536, 1024), (3840, 2160))


def measure(effort: Effort) -> Iterator[Table]:
    """Each in a process of its own: what was drawn before must not help."""
    program = [sys.executable, HERE / "bench_pictures.py", str(effort.rounds * 8)]
    done = subprocess.run(program, check=True, capture_output=True)
    found = json.loads(done.stdout)
    yield Table(
        "Drawing a picture",
        ("picture", "bytes", "first ms", "new words ms", "kept µs"),
        [
            (name, size(weight), figure(first), figure(new), figure(kept))
            for name, weight, first, new, kept in found["drawn"]
        ],
        note=(
            "CPU of one thread. *First*: nothing of its kind was drawn before. *New "
            "words*: other pictures of this size were. *Kept*: the same plan again."
        ),
    )
    yield Table(
        "How long the event loop is held",
        ("while", "answers", "median ms", "99 % ms", "longest ms"),
        [
            (name, str(count), *map(figure, rest))
            for name, count, *rest in found["held"]
        ],
        note="How much later than due a timer of 1 ms comes, beside one client that "
        "asks for these without pause. In the first row it is the machine.",
    )
    yield Table(
        "Memory taken by one answer",
        ("answer", "picture as base64", "taken at the most", "of the picture"),
        [
            (name, size(weight), size(peak), f"{peak / weight:.2f}")
            for name, weight, peak in found["copies"]
        ],
        note=(
            "What Python allocates from request to answer beyond what was there, as "
            "tracemalloc counts it, when the picture is kept. Of what the socket does "
            "not take at once, asyncio makes a copy."
        ),
    )


def _plans(width: int, height: int, format: str):
    number = 0
    while True:
        number += 1
        yield ImageOutput(
            text=f"A red cube number {number:06} on a white table",
            width=width,
            height=height,
            format=format,
            caption=f"gpt-image-2 {width}x{height} 1/1",
            request=f"{number:016x}",
        )


def _drawn(rounds: int) -> Iterator[tuple]:
    for format in ("png", "jpeg", "webp"):
        for edges in SIZES:
            plans = _plans(*edges, format)
            first = _spent(render_image, next(plans))
            for plan in islice(plans, 64 if format == "png" else 0):
                render_image(plan)
            few = islice(plans, rounds if format == "png" else 3)
            new = statistics.median(_spent(render_image, plan) for plan in few)
            gallery, plan = RenderCache(), next(plans)
            weight = len(gallery.render(plan))
            kept = statistics.median(_spent(gallery.get, plan) for _ in range(99))
            name = f"{format.upper()} {edges[0]}x{edges[1]}"
            yield name, weight, first * 1e3, new * 1e3, kept * 1e6
    for format in ("png", "jpeg"):
        plan = replace(next(_plans(1024, 1024, format)), realistic=True)
        first, new = (
            _spent(render_image, plan),
            _spent(render_image, replace(plan, seed=2)),
        )
        gallery = RenderCache()
        weight = len(gallery.render(plan))
        kept = _spent(gallery.get, plan)
        name = f"{format.upper()} 1024x1024, realistic"
        yield name, weight, first * 1e3, new * 1e3, kept * 1e6


def _spent(work, plan) -> float:
    begun = time.thread_time()
    work(plan)
    return time.thread_time() - begun


def _held(seconds: float) -> Iterator[tuple]:
    asked = {
        "nothing": None,
        "new prompts, 1024x1024": {"size": "1024x1024"},
        "new prompts, 3840x2160": {"size": "3840x2160"},
        "new prompts, JPEG 3840x2160": {"size": "3840x2160", "output_format": "jpeg"},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, more in asked.items():
            request = Path(folder) / "request"
            count, lateness = asyncio.run(_beside(more, request, seconds))
            lateness.sort()
            middle, most = lateness[len(lateness) // 2], lateness[-1]
            rare = lateness[len(lateness) * 99 // 100]
            yield name, count, middle * 1e3, rare * 1e3, most * 1e3


async def _beside(
    more: dict | None, request: Path, seconds: float
) -> tuple[int, list[float]]:
    """Count the responses, and measure the delay of a timer meanwhile."""
    sys.setswitchinterval(SWITCH_INTERVAL)  # this and the next as `serve` does
    gc.freeze()
    async with mockserver.running("openai") as mock:
        if more is None:
            return 0, await _lateness(seconds)
        body = json.dumps({**BODY, "prompt": f"A cube {HOLE}", **more}).encode()
        where = urlsplit(mock.base_url)
        server = Server("mock", mock.url, 0, 0.0)
        path = f"{where.path}/images/generations"
        asked = request_to(server, path, body)
        await asyncio.to_thread(request.write_bytes, asked)
        orders = {
            "address": server.address,
            "request": str(request),
            "connections": 1,
            "seconds": seconds + 1,
        }
        client = await asyncio.create_subprocess_exec(
            sys.executable, HERE / "load.py", stdin=PIPE, stdout=PIPE
        )
        answered = asyncio.create_task(client.communicate(json.dumps(orders).encode()))
        await asyncio.sleep(0.7)  # the first of their kind are drawn now
        lateness = await _lateness(seconds)
        out, _ = await answered
        return json.loads(out)["requests"], lateness


async def _lateness(seconds: float) -> list[float]:
    loop, found = asyncio.get_running_loop(), []
    end = loop.time() + seconds
    while (due := loop.time() + 0.001) < end:
        await asyncio.sleep(0.001)
        found.append(max(0.0, loop.time() - due))
    return found


def _copies() -> Iterator[tuple]:
    """Of large answers, taken from their sockets as fast as a thread can."""
    for edges in ("1024x1024", "2048x2048", "3840x2160"):
        for name, *rest in _copied(edges):
            yield f"{name}, {edges}", *rest


def _copied(edges: str) -> Iterator[tuple]:
    payload = {"model": "gpt-image-2", "prompt": "A red cube", "size": edges}
    body = json.dumps(payload).encode()
    with mockserver.running("openai", realistic=True) as mock:
        answer = _answer(mock.base_url + "/images/generations", body)
        text = json.loads(answer)["data"][0]["b64_json"]

        async def plain(request: web.Request) -> web.Response:
            await request.json()
            return web.Response(body=answer, content_type="application/json")

        app = web.Application()
        app.router.add_post("/", plain)
        with serve_in_thread(app) as (url, _):
            for name, where in {
                "bare aiohttp": f"{url}/",
                "imageparity": mock.base_url + "/images/generations",
            }.items():
                _answer(where, body)
                tracemalloc.start()
                _answer(where, body)
                time.sleep(0.2)  # what was taken for that one is given back
                begun = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
                _answer(where, body)
                peak = tracemalloc.get_traced_memory()[1] - begun
                tracemalloc.stop()
                yield name, len(text), peak


_BUFFER = bytearray(1 << 16)


def _answer(url: str, body: bytes) -> bytes:
    """The body of an answer; while memory is traced it is read and thrown away."""
    headers = {"Authorization": "Bearer a", "Content-Type": "application/json"}
    asked = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(asked) as answer:
        if not tracemalloc.is_tracing():
            return answer.read()
        while answer.readinto(_BUFFER):
            pass
        return b""


if __name__ == "__main__":
    count = int(sys.argv[1])
    found = {
        "drawn": list(_drawn(count)),
        "held": list(_held(count / 16)),
        "copies": list(_copies()),
    }
    sys.stdout.write(json.dumps(found))
