"""
Bare aiohttp that does the same input and output, and nothing else: the yardstick.

`bare.py FOLDER` serves what is in it: `NAME` is a body, answered to a JSON request that
was read; `NAME.form` one for a form; the parts of `NAME.stream` are sent as they are,
each in a chunk of its own. It prints its port.
"""

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web


def application(folder: Path) -> web.Application:
    """Every file of a folder behind its name."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for file in folder.iterdir():
        app.router.add_post(f"/{file.name}", handler(file))
    app.router.add_get("/", lambda _: _ready())
    return app


async def _ready() -> web.Response:
    return web.Response(text="up")


def handler(file: Path):
    """Read what was asked, write what is in the file."""
    body = file.read_bytes()

    async def json_in(request: web.Request) -> web.Response:
        await request.json()
        return web.Response(body=body, content_type="application/json")

    async def form_in(request: web.Request) -> web.Response:
        await request.post()
        return web.Response(body=body, content_type="application/json")

    async def stream_out(request: web.Request) -> web.StreamResponse:
        await request.json()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        await response.write_eof()
        return response

    if file.suffix == ".stream":
        parts = [part + b"\n\n" for part in body.split(b"\n\n") if part]
        return stream_out
    return form_in if file.suffix == ".form" else json_in


async def main() -> None:
    """Until the process ends."""
    runner = web.AppRunner(application(Path(sys.argv[1])), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
