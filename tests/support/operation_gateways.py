"""
Small gateways between operations that make images, written without our packages.

Each takes the URL of its upstream, and the name of one fault; "" is a right gateway.
"""

import json
import time
from typing import Any

import aiohttp
from aiohttp import web
from support.translating_gateways import UpstreamError, call, refusal

RATIOS = {"16:9": "1280x720", "9:16": "720x1280", "1:1": "1024x1024"}


def prompt_of(messages: list[dict[str, Any]], kind: str) -> str:
    """The text of the last message, or of its parts of a kind."""
    content = messages[-1]["content"]
    if isinstance(content, str):
        return content
    return " ".join(each["text"] for each in content if each["type"] == kind)


def event(data: Any, name: str = "") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


async def send_events(request: web.Request, events: list[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for frame in events:
        await response.write(frame)
    return response


async def images(url: str, body: dict[str, Any]) -> list[str]:
    async with aiohttp.ClientSession() as session:
        made = await call(session, "POST", f"{url}/images/generations", body)
    return [each["b64_json"] for each in made["data"]]


def chat_over_images(upstream: str, fault: str = "") -> web.Application:
    """`POST /api/v1/chat/completions` by images of `{upstream}/images/generations`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        body = {"model": "gpt-image-2", "prompt": prompt_of(asked["messages"], "text")}
        ratio = asked.get("image_config", {}).get("aspect_ratio")
        if ratio in RATIOS and fault != "ratio":
            body["size"] = RATIOS[ratio]
        common = {"id": "gen-1", "created": int(time.time()), "model": asked["model"]}
        try:
            made = await images(upstream, body)
        except UpstreamError as error:
            if fault != "error":
                return refusal(error)
            made = []
        urls = [f"data:image/png;base64,{each}" for each in made]
        shown = [{"type": "image_url", "image_url": {"url": each}} for each in urls]
        if asked.get("stream") and fault != "stream":
            delta = {"role": "assistant", "content": "", "images": shown}
            chunks = [
                {"index": 0, "delta": delta, "finish_reason": None},
                {"index": 0, "delta": {}, "finish_reason": "stop"},
            ]
            whole = [
                {**common, "object": "chat.completion.chunk", "choices": [each]}
                for each in chunks
            ]
            return await send_events(request, [*map(event, whole), event("[DONE]")])
        message = {"role": "assistant", "content": "", "images": shown}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(
            {**common, "object": "chat.completion", "choices": [choice]}
            | {"system_fingerprint": None}
        )

    app = web.Application()
    app.router.add_post("/api/v1/chat/completions", handle)
    return app


def images_over_responses(upstream: str, fault: str = "") -> web.Application:
    """`POST /v1/images/generations` by the image tool of `{upstream}/responses`."""
    names = ("size", "quality", "output_format", "background", "output_compression")

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        kept = [each for each in names if each in asked and each != fault]
        tool = {"type": "image_generation", **{each: asked[each] for each in kept}}
        body = {
            "model": "gpt-6-astra",
            "input": asked["prompt"],
            "tools": [tool],
            "tool_choice": {"type": "image_generation"},
        }
        try:
            async with aiohttp.ClientSession() as session:
                made = await call(session, "POST", f"{upstream}/responses", body)
        except UpstreamError as error:
            return refusal(error)
        calls = [e for e in made["output"] if e["type"] == "image_generation_call"]
        data = [{"b64_json": each["result"]} for each in calls]
        if asked.get("stream"):
            name = "image_generation.completed"
            return await send_events(
                request, [event({"type": name, **each}, name) for each in data]
            )
        return web.json_response({"created": int(time.time()), "data": data})

    app = web.Application()
    app.router.add_post("/v1/images/generations", handle)
    return app


def responses_over_images(upstream: str, fault: str = "") -> web.Application:
    """`POST /v1/responses` by images of `{upstream}/images/generations`."""
    names = ("size", "quality", "output_format", "background", "output_compression")

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        given = asked["input"]
        text = given if isinstance(given, str) else prompt_of(given, "input_text")
        tool = asked["tools"][0]
        kept = {each: tool[each] for each in names if each in tool and each != fault}
        try:
            made = await images(
                upstream, {"model": "gpt-image-2", "prompt": text, **kept}
            )
        except UpstreamError as error:
            return refusal(error)
        output = [
            {
                "type": "image_generation_call",
                "id": f"ig_{at}",
                "status": "completed",
                "result": each,
            }
            for at, each in enumerate(made)
        ]
        response = {
            "id": "resp_1",
            "object": "response",
            "created_at": int(time.time()),
            "status": "completed",
            "model": asked["model"],
            "output": output,
        }
        if not asked.get("stream"):
            return web.json_response(response)
        events = [{"type": "response.created", "response": {**response, "output": []}}]
        for at, item in enumerate(output):
            done = {"type": "response.output_item.done", "output_index": at}
            events.append({**done, "item": item})
        events.append({"type": "response.completed", "response": response})
        numbered = [{**each, "sequence_number": at} for at, each in enumerate(events)]
        return await send_events(
            request, [event(each, str(each["type"])) for each in numbered]
        )

    app = web.Application()
    app.router.add_post("/v1/responses", handle)
    return app
