"""
Two small gateways between responses and tasks, written without our packages.

`at_once` offers images in the response and creates tasks at its upstream; `later` does
the reverse. Each takes the name of one fault; "" is a right gateway.
"""

import asyncio
import json
import time
import uuid
from typing import Any

import aiohttp
from aiohttp import web

KEY = {"Authorization": "Bearer sk-of-the-gateway"}
FIELDS = ("model", "prompt", "n", "size", "output_format", "quality", "background")
TASK_FIELDS = FIELDS[:5]  # those of the tasks at the upstream
PAUSE = 0.05  # seconds between two reads
PATIENCE = 10.0  # seconds for a task


class UpstreamError(Exception):
    """An error for the caller: status, message, and headers."""

    def __init__(self, status: int, message: str, pause: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.pause = status, message, pause


def wanted_fields(
    asked: dict[str, Any], fault: str, names: tuple[str, ...] = FIELDS
) -> dict[str, Any]:
    """The fields to send; a gateway with a fault loses one of them."""
    fields = {name: asked[name] for name in names if name in asked}
    lost = {"size": "size", "count": "n"}.get(fault)
    return {name: value for name, value in fields.items() if name != lost}


async def call(
    session: aiohttp.ClientSession, method: str, url: str, body: Any = None
) -> dict[str, Any]:
    """The JSON of a success. Raises `UpstreamError`."""
    limit = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with session.request(
            method, url, json=body, headers=KEY, timeout=limit
        ) as response:
            value = json.loads(await response.read())
            if response.status >= 300:
                message = value["error"]["message"]
                pause = response.headers.get("Retry-After")
                raise UpstreamError(response.status, message, pause)
            return value
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError):
        raise UpstreamError(502, "The upstream gave no answer.") from None


def refusal(error: UpstreamError) -> web.Response:
    headers = {"Retry-After": error.pause} if error.pause else {}
    value = {"message": error.message, "type": "upstream_error", "code": None}
    return web.json_response({"error": value}, status=error.status, headers=headers)


def at_once(upstream: str, fault: str = "") -> web.Application:
    """`POST /v1/images/generations` by tasks of `{upstream}/ai/v1/images`."""
    tasks = f"{upstream}/ai/v1/images"

    async def make(session: aiohttp.ClientSession, asked: dict[str, Any]) -> list[Any]:
        body = {**wanted_fields(asked, fault, TASK_FIELDS), "async": True}
        body["response_format"] = "b64_json"
        task = await call(session, "POST", f"{tasks}/generations", body)
        deadline = time.monotonic() + PATIENCE
        while task["status"] not in {"completed", "failed", "cancelled"}:
            if time.monotonic() > deadline:
                raise UpstreamError(504, "The task has not ended in time.")
            await asyncio.sleep(PAUSE)
            task = await call(session, "GET", f"{tasks}/{task['id']}")
        if task["status"] == "completed":
            return [{"b64_json": each["b64_json"]} for each in task["output"]]
        if fault == "failure":
            return []
        message = (task.get("error") or {}).get("message")
        raise UpstreamError(502, message or f"The task was {task['status']}.")

    async def handle(request: web.Request) -> web.Response:
        try:
            async with aiohttp.ClientSession() as session:
                data = await make(session, await request.json())
        except UpstreamError as error:
            if fault == "html":
                text = "<h1>Bad gateway</h1>"
                return web.Response(status=502, text=text, content_type="text/html")
            return refusal(error)
        return web.json_response({"created": int(time.time()), "data": data})

    app = web.Application()
    app.router.add_post("/v1/images/generations", handle)
    return app


def later(upstream: str, fault: str = "") -> web.Application:
    """`/v1/images/tasks` by responses of `{upstream}/images/generations`."""
    tasks: dict[str, dict[str, Any]] = {}
    running: set[asyncio.Task[None]] = set()

    async def work(id_: str, asked: dict[str, Any]) -> None:
        tasks[id_]["status"] = "running"
        try:
            async with aiohttp.ClientSession() as session:
                url = f"{upstream}/images/generations"
                made = await call(session, "POST", url, wanted_fields(asked, fault))
        except UpstreamError as error:
            if fault == "failure":
                done = {"status": "succeeded", "result": {"data": []}}
            else:
                told = {"type": "upstream_error", "message": error.message}
                done = {"status": "failed", "error": told}
        else:
            done = {"status": "succeeded", "result": {"data": made["data"]}}
        tasks[id_].update(done)

    async def create(request: web.Request) -> web.Response:
        asked = await request.json()
        id_ = uuid.uuid4().hex
        tasks[id_] = {
            "id": id_,
            "task_id": id_,
            "object": "image.task",
            "status": "queued",
            "model": asked.get("model"),
            "n": asked.get("n", 1),
        }
        job = asyncio.create_task(work(id_, asked))
        running.add(job)
        job.add_done_callback(running.discard)
        return web.json_response(tasks[id_], status=202)

    async def read(request: web.Request) -> web.Response:
        task = tasks.get(request.match_info["id"])
        if task is None:
            return refusal(UpstreamError(404, "No such task."))
        return web.json_response(task)

    app = web.Application()
    app.router.add_post("/v1/images/tasks", create)
    app.router.add_get("/v1/images/tasks/{id}", read)
    return app


def passing(upstream: str, fault: str = "") -> web.Application:
    """Everything below `/api/v3` as it came; with a fault, no cancellation."""

    async def handle(request: web.Request) -> web.Response:
        if request.method == "DELETE" and fault:
            return web.json_response({})
        kept = {"Authorization": KEY["Authorization"]}
        if "Content-Type" in request.headers:
            kept["Content-Type"] = request.headers["Content-Type"]
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                upstream + request.path_qs.removeprefix("/api/v3"),
                data=await request.read(),
                headers=kept,
            ) as answer,
        ):
            headers = {"Content-Type": answer.headers.get("Content-Type", "")}
            body = await answer.read()
            return web.Response(body=body, status=answer.status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/api/v3/{path:.*}", handle)
    return app
