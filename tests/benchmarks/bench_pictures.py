"""Pictures by size and format: the first of their kind, and those that follow."""

import asyncio
import base64
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
REALISTIC = "realistic edits, WebP 3840x2160"
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
        (
            *("while", "answers", "median ms", "99 % ms", "longest ms"),
            *("99 % CPU ms", "longest CPU ms"),
        ),
        [
            (name, str(count), *map(figure, rest))
            for name, count, *rest in found["held"]
        ],
        note="How much later than due a timer of 1 ms comes, beside one client that "
        "asks for these without pause. In the first row it is the machine. *CPU*: what "
        "the mock itself spent until then, which other processes do not lengthen.",
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


def _plans(width: int, height: int, format: str, **more):
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
            **more,
        )


def _upload(edge: int = 256) -> bytes:
    """A PNG with grain; a small one takes little to decode."""
    plan = next(_plans(edge, edge, "png"))
    return render_image(replace(plan, realistic=True))


def _data_uri(edge: int) -> str:
    return f"data:image/png;base64,{base64.b64encode(_upload(edge)).decode()}"


def _drawn(rounds: int) -> Iterator[tuple]:
    kinds = {
        "PNG": ("png", {}),
        "PNG, transparent": ("png", {"transparent": True}),
        "JPEG": ("jpeg", {}),
        "WebP": ("webp", {}),
        "WebP, transparent": ("webp", {"transparent": True}),
    }
    for kind, (format, more) in kinds.items():
        for edges in SIZES:
            yield _measured(kind, edges, rounds, _plans(*edges, format, **more), 64)
    upload = _upload()
    kinds = {
        "PNG, preview": ("png", {"stage": 2}),
        "PNG, edit": ("png", {"inputs": (upload,)}),
        "PNG, transparent edit": ("png", {"inputs": (upload,), "transparent": True}),
        "JPEG, edit": ("jpeg", {"inputs": (upload,)}),
        "WebP, edit": ("webp", {"inputs": (upload,)}),
    }
    for kind, (format, more) in kinds.items():
        for edges in ((1024, 1024), (3840, 2160)):
            yield _measured(kind, edges, 3, _plans(*edges, format, **more), 0)
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


def _measured(kind, edges, rounds, plans, before: int) -> tuple:
    """The row of a kind of picture; that many are drawn before those with new words."""
    first = _spent(render_image, next(plans))
    for plan in islice(plans, before):
        render_image(plan)
    new = statistics.median(
        _spent(render_image, each) for each in islice(plans, rounds)
    )
    gallery, plan = RenderCache(), next(plans)
    weight = len(gallery.render(plan))
    kept = statistics.median(_spent(gallery.get, plan) for _ in range(99))
    name = f"{kind} {edges[0]}x{edges[1]}"
    return name, weight, first * 1e3, new * 1e3, kept * 1e6


def _spent(work, plan) -> float:
    begun = time.thread_time()
    work(plan)
    return time.thread_time() - begun


def _held(seconds: float) -> Iterator[tuple]:
    large = {"size": "3840x2160"}
    small, heavy = ([{"image_url": _data_uri(edge)}] for edge in (256, 2560))
    edit = {**large, "images": small}
    asked = {
        "nothing": None,
        "new prompts, 1024x1024": {"size": "1024x1024"},
        "new prompts, 3840x2160": large,
        "new prompts, JPEG 3840x2160": {**large, "output_format": "jpeg"},
        "new prompts, WebP 3840x2160": {**large, "output_format": "webp"},
        "new prompts, transparent 3840x2160": {**large, "background": "transparent"},
        "edits, PNG 3840x2160": edit,
        "edits, JPEG 3840x2160": {**edit, "output_format": "jpeg"},
        "edits, WebP 3840x2160": {**edit, "output_format": "webp"},
        REALISTIC: {**edit, "output_format": "webp"},
        "edits, upload of 12 MB in JSON": {"size": "1024x1024", "images": heavy},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, more in asked.items():
            request = Path(folder) / "request"
            realistic = name == REALISTIC
            beside = _beside(more, request, seconds, realistic=realistic)
            count, lateness = asyncio.run(beside)
            by_clock, by_cpu = (sorted(each) for each in zip(*lateness, strict=True))
            rare = len(lateness) * 99 // 100
            found = (by_clock[len(lateness) // 2], by_clock[rare], by_clock[-1])
            held = (by_cpu[rare], by_cpu[-1])
            yield name, count, *(each * 1e3 for each in (*found, *held))


async def _beside(
    more: dict | None, request: Path, seconds: float, *, realistic: bool
) -> tuple[int, list[tuple[float, float]]]:
    """Count the responses, and measure the delay of a timer meanwhile."""
    sys.setswitchinterval(SWITCH_INTERVAL)  # this and the next as `serve` does
    gc.freeze()
    async with mockserver.running("openai", realistic=realistic) as mock:
        if more is None:
            return 0, await _lateness(seconds)
        body = json.dumps({**BODY, "prompt": f"A cube {HOLE}", **more}).encode()
        where = urlsplit(mock.base_url)
        server = Server("mock", mock.url, 0, 0.0)
        operation = "edits" if "images" in more else "generations"
        path = f"{where.path}/images/{operation}"
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
        found = json.loads(out)
        if set(found["statuses"]) - {"200"}:
            raise RuntimeError(f"{more}: {found['statuses']}")
        return found["requests"], lateness


async def _lateness(seconds: float) -> list[tuple[float, float]]:
    """The delays of a timer of 1 ms: by the clock, and in CPU time."""
    loop, found = asyncio.get_running_loop(), []
    end = loop.time() + seconds
    while (due := loop.time() + 0.001) < end:
        spent = time.process_time() + 0.001
        await asyncio.sleep(0.001)
        late = (loop.time() - due, time.process_time() - spent)
        found.append(tuple(max(0.0, each) for each in late))
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
