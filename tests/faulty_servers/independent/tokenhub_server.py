"""A TokenHub written from its public page alone: a right server, or one with a single planted fault.

It shares no code with the project, so that the harness can be tried on a server it did not come with.
A fault named `edit-x` is fault `x` on the edit operation; the same name without prefix is on generations.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import io
import json
import random
import re
import socket
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from PIL import Image

MODELS = ("openai/gpt-image-2", "gpt-image-2")
SIZES = ("1024x1024", "1536x1024", "1024x1536", "2048x2048", "2048x1152", "3840x2160", "2160x3840", "auto")
QUALITIES = ("auto", "low", "medium", "high")
FORMATS = ("png", "jpeg", "webp")
TOKENS = {"low": 196, "medium": 1756, "high": 7024}
SHARED = {"model", "prompt", "n", "size", "quality", "format"}
EDIT_ONLY = {"image", "mask", "input_fidelity", "output_format", "output_compression"}
PATHS = {"/api/v1/images/generations": "", "/api/v1/images/edits": "edit-"}
READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP")

FAULTS = Path(__file__).with_name("tokenhub_defects.txt").read_text("utf-8")
DEFECTS: dict[str, str] = dict(line.split(": ", 1) for line in FAULTS.splitlines())


class Refused(Exception):
    def __init__(self, status: int, message: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code


class Call:
    """One request, from the key to the answer."""

    def __init__(self, request: web.Request, prefix: str, defect: str | None) -> None:
        self.request, self.prefix, self.defect, self.multipart = request, prefix, defect, False

    def bug(self, name: str) -> bool:
        return self.defect == self.prefix + name

    def authenticate(self) -> None:
        header = self.request.headers.get("Authorization")
        scheme, _, token = (header or "").strip().partition(" ")
        right = scheme.lower() == "bearer" and bool(token.strip()) and not token.endswith("unauthenticated")
        if self.bug("auth-not-enforced") or (self.bug("basic-auth-accepted") and header):
            return
        if right or (self.bug("empty-token-accepted") and scheme.lower() == "bearer"):
            return
        raise Refused(401, "Send your key as 'Authorization: Bearer <key>'.", code="invalid_api_key")

    async def read(self) -> dict[str, Any]:
        kind = self.request.content_type
        if kind == "application/json" and not self.bug("json-refused"):
            return await self.parse()
        if kind == "multipart/form-data" and self.prefix and not self.bug("multipart-refused"):
            return await self.form()
        raise Refused(415, f"Content type {kind} is not supported here.", code="unsupported_media_type")

    async def parse(self) -> dict[str, Any]:
        try:  # NaN and Infinity become float("not JSON"), a ValueError
            raw = (await self.request.read()).decode("utf-8")
            body = json.loads(raw, parse_constant=lambda word: float(f"not JSON: {word}"))
        except web.HTTPException:
            raise
        except Exception:
            raise Refused(400, "The body is not valid JSON.", code="invalid_json") from None
        if not isinstance(body, dict):
            raise Refused(400, "The body must be a JSON object.", code="invalid_json")
        return body

    async def form(self) -> dict[str, Any]:
        self.multipart, fields = True, {}
        try:
            parts = await self.request.post()
        except web.HTTPException:
            raise
        except Exception:
            raise Refused(400, "The multipart body cannot be read.", code="invalid_multipart") from None
        for name, part in parts.items():
            value = part.file.read() if isinstance(part, web.FileField) else part
            value = bytes(value) if isinstance(value, bytearray) else value
            if name in ("image", "image[]"):
                fields.setdefault("image", []).append(value)
            else:
                fields[name] = value
        return fields

    def validate(self, f: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(f) - SHARED - (EDIT_ONLY if self.prefix else set()))
        if unknown:
            raise Refused(400, f"Unknown parameter: {unknown[0]!r}.", unknown[0], "unknown_parameter")
        for name, stand_in in (("model", MODELS[0]), ("prompt", "anything")):
            if self.bug(f"{name}-missing-accepted"):
                f.setdefault(name, stand_in)
        if self.bug("prompt-number-accepted") and isinstance(f.get("prompt"), (int, float)):
            f["prompt"] = str(f["prompt"])
        for name in ("model", "prompt"):
            if name not in f:
                raise Refused(400, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
            if not isinstance(f[name], str):
                raise Refused(400, f"'{name}' must be a string.", name, "invalid_type")
        models = MODELS[:1] if self.bug("short-model-refused") else MODELS
        if f["model"] not in models and not self.bug("bad-model-accepted"):
            raise Refused(404, "There is no such model.", "model", "model_not_found")
        jpeg = "jpeg" if self.bug("default-format-wrong") else "png"
        count, top = 2 if self.bug("default-n-wrong") else 1, 9 if self.bug("n-10-refused") else 10
        size = "1536x1024" if self.bug("default-size-wrong") else "1024x1024"
        q = {"prompt": f["prompt"], "n": self.integer(f, "n", count, 1, top),
             "size": self.choice(f, "size", size, SIZES),
             "quality": self.choice(f, "quality", "auto", QUALITIES),
             "format": self.choice(f, "format", jpeg, FORMATS[:2] if self.bug("webp-refused") else FORMATS),
             "compression": 100, "images": [], "mask": None, "fidelity": "low"}
        loud = self.bug("crash-on-quality-high") and q["quality"] == "high"
        if loud or (self.bug("crash-on-unicode") and not q["prompt"].isascii()):
            raise RuntimeError("planted")
        if self.prefix:
            self.validate_edit(f, q)
        return q

    def validate_edit(self, f: dict[str, Any], q: dict[str, Any]) -> None:
        q["fidelity"] = self.choice(f, "input_fidelity", "low", ("low", "high"))
        wanted = self.choice(f, "output_format", q["format"], FORMATS)
        q["format"] = q["format"] if self.bug("output-format-ignored") else wanted
        q["compression"] = self.integer(f, "output_compression", 100, 0, 100)
        if q["compression"] != 100 and wanted == "png":
            raise Refused(400, "Compression needs jpeg or webp.", "output_compression")
        images = f.get("image", [])
        images = images if isinstance(images, list) else [images]
        if self.bug("image-missing-accepted") and not images:
            images = ["https://stand-in.invalid/a.png"]
        if not images:
            raise Refused(400, "Missing required parameter: 'image'.", "image", "missing_required_parameter")
        if self.bug("array-refused") and len(images) > 1:
            raise Refused(400, "Only one image is supported.", "image")
        q["images"] = [self.picture(value, "image") for value in images]
        if self.bug("second-image-ignored"):
            q["images"] = q["images"][:1]
        if "mask" in f:
            mask = self.picture(f["mask"], "mask")
            q["mask"] = None if self.bug("mask-ignored") else mask

    def picture(self, value: Any, param: str) -> Image.Image:
        if self.bug("image-number-accepted") and isinstance(value, (int, float)):
            value = "https://stand-in.invalid/a.png"
        if isinstance(value, str):
            value = value.strip() if self.multipart else value
            data = re.fullmatch(r"data:image/[a-z0-9.+-]+;base64,(.+)", value, re.S | re.I)
            if data:
                try:
                    value = base64.b64decode(data[1], validate=True)
                except ValueError:
                    raise Refused(400, f"'{param}' has broken base64.", param, "invalid_image") from None
            elif re.match(r"https?://[^/?#\s]", value, re.I) and not self.bug("url-refused"):
                grey = 64 + hashlib.sha256(value.encode("utf-8", "replace")).digest()[0] // 2
                return Image.new("RGBA", (256, 256), (grey, grey, grey, 255))
        if not isinstance(value, bytes):
            raise Refused(400, f"'{param}' must be a file, a URL or a data URI.", param, "invalid_type")
        try:
            picture = Image.open(io.BytesIO(value), formats=READABLE)
            if picture.width * picture.height > 50_000_000:
                raise ValueError("too large")
            return picture.convert("RGBA")
        except Exception:
            if self.bug("crash-on-bad-image"):
                raise RuntimeError("image") from None
            raise Refused(400, f"'{param}' is not a picture we can read.", param, "invalid_image") from None

    def choice(self, f: dict[str, Any], name: str, default: str, options: tuple[str, ...]) -> str:
        value = f.get(name, default)
        if isinstance(value, str) and value in options:
            return value
        if self.bug(f"bad-{name}-accepted"):
            return default
        raise Refused(400, f"'{name}' must be one of: {', '.join(options)}.", name)

    def integer(self, f: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
        value = f.get(name, default)
        if isinstance(value, str) and (self.multipart or self.bug(f"{name}-string-accepted")):
            value = int(value) if re.fullmatch(r"-?[0-9]{1,9}", value) else value
        if isinstance(value, bool):
            value = 1 if self.bug(f"{name}-bool-accepted") else "bool"
        if isinstance(value, float) and (value.is_integer() or self.bug(f"{name}-float-accepted")):
            value = int(value)
        if not isinstance(value, int):
            raise Refused(400, f"'{name}' must be an integer.", name, "invalid_type")
        bugs = self.bug(f"{name}-below-accepted") and value < low, self.bug(f"{name}-above-accepted") and value > high
        if not low <= value <= high and not any(bugs):
            raise Refused(400, f"'{name}' must be between {low} and {high}.", name, "out_of_range")
        return max(low, min(value, high + 1))

    def answer(self, q: dict[str, Any]) -> dict[str, Any]:
        count = (1 if self.bug("n-ignored") else q["n"]) + self.bug("extra-picture")
        data = [self.item(q, index) for index in range(count)]
        each = TOKENS["medium" if q["quality"] == "auto" else q["quality"]]
        into = len(q["prompt"]) // 4 + 1 + 256 * len(q["images"])
        now = int(time.time() * (1000 if self.bug("created-ms") else 1))
        body = {"created": str(now) if self.bug("created-string") else now,
                "data": [] if self.bug("empty-data") else data,
                "usage": {"input_tokens": into, "output_tokens": each * count, "total_tokens": into + each * count}}
        if self.bug("created-missing"):
            del body["created"]
        return body | ({"score": float("nan")} if self.bug("nan-in-body") else {})

    def item(self, q: dict[str, Any], index: int) -> dict[str, str]:
        raw = b"no picture at all" * 50 if self.bug("garbage-picture") else self.encode(self.draw(q, index), q)
        text = base64.b64encode(raw).decode()
        text = text[: len(text) * 2 // 3] if self.bug("truncated-base64") else text
        label = "png" if self.bug("format-ignored") else "gif" if self.bug("mime-mismatch") else q["format"]
        if self.bug("b64-instead-of-url"):
            return {"b64_json": text}
        return {"url": text if self.bug("url-bare-base64") else f"data:image/{label};base64,{text}"}

    def draw(self, q: dict[str, Any], index: int) -> Image.Image:
        size = "1024x1536" if q["size"] == "auto" else "512x512" if self.bug("wrong-size") else q["size"]
        width, height = map(int, size.split("x"))
        box = (width - self.bug("size-off-by-one"), height)
        seed = hashlib.sha256(repr((index, q["quality"], q["fidelity"])).encode())
        seed.update(b"" if self.bug("same-picture") else q["prompt"].encode("utf-8", "surrogatepass"))
        for image in q["images"]:
            seed.update(image.tobytes())
        tile = Image.frombytes("RGB", (48, 48), random.Random(seed.digest()).randbytes(48 * 48 * 3))
        fresh = tile.resize(box, Image.Resampling.NEAREST)
        if not q["images"]:
            return fresh
        layers = [image.convert("RGB").resize(box, Image.Resampling.BILINEAR) for image in q["images"]]
        mixed = layers[0].copy()
        for place, layer in enumerate(layers[1:]):
            mixed.paste(layer.resize((box[0] // 4, box[1] // 4)), (place % 4 * box[0] // 4, box[1] * 3 // 4))
        fresh = Image.blend(mixed, fresh, 0.25 if q["fidelity"] == "high" else 0.5)
        if q["mask"] is None:
            return fresh
        keep = q["mask"].getchannel("A").resize(box, Image.Resampling.NEAREST)
        return Image.composite(*((fresh, layers[0]) if self.bug("mask-inverted") else (layers[0], fresh)), keep)

    def encode(self, picture: Image.Image, q: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        quality = 100 if self.bug("compression-ignored") else max(1, q["compression"])
        kind = "png" if self.bug("wrong-format") or self.bug("format-ignored") else q["format"]
        picture.save(out, kind.upper(), quality=quality, compress_level=1, method=0)
        return out.getvalue()

    def reply(self, body: dict[str, Any]) -> web.Response:
        text = json.dumps(body) + ('\n{"done": true}' if self.bug("trailing-data") else "")
        kind = "text/plain" if self.bug("success-text-plain") else "application/json"
        return web.Response(text=text, content_type=kind)

    def refuse(self, e: Refused) -> web.Response:
        status, message, param = e.status, e.message, e.param
        if self.bug("crash-on-bad-input") and status != 401:
            status, message = 500, "Internal error."
        if self.bug("error-traceback"):
            message = 'Traceback (most recent call last):\n  File "/srv/app/main.py", line 41, in create\nValueError'
        if self.bug("error-key-echo"):
            message += f" Your key: {self.request.headers.get('Authorization', 'none')}"
        if self.bug("error-wrong-param") and param:
            param = "model" if param == "prompt" else "prompt"
        kind = "authentication_error" if status == 401 else "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": param, "code": e.code}
        if self.bug("error-message-missing"):
            del error["message"]
        body = error if self.bug("error-without-envelope") else {"error": error}
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        if self.bug("error-html"):
            return web.Response(status=status, text=f"<html><h1>{message}</h1></html>", content_type="text/html")
        return web.json_response(body, status=200 if self.bug("error-as-200") else status, headers=headers)


def create_app(defect: str | None = None) -> web.Application:
    if defect is not None and defect not in DEFECTS:
        raise ValueError(f"unknown defect {defect!r}")

    async def serve(request: web.Request) -> web.StreamResponse:
        call = Call(request, PATHS.get(request.path, "?"), defect)
        try:
            if request.path not in PATHS:
                raise Refused(404, "There is nothing at this path.", code="not_found")
            if request.method != "POST":
                raise Refused(405, "Only POST works here.", code="method_not_allowed")
            call.authenticate()
            query = call.validate(await call.read())
            return call.reply(await asyncio.to_thread(call.answer, query))
        except Refused as refused:
            return call.refuse(refused)
        except web.HTTPException as error:
            return call.refuse(Refused(error.status, error.reason, code="http_error"))
        except Exception as error:
            return call.refuse(Refused(500, f"Internal error ({type(error).__name__}).", code="internal_error"))

    app = web.Application(client_max_size=30 * 2**20)
    app.router.add_route("*", "/{path:.*}", serve)
    return app


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=8091)
    options.add_argument("--defect", choices=sorted(DEFECTS))
    given = options.parse_args()
    listener = socket.create_server(("127.0.0.1", given.port))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1", flush=True)
    web.run_app(create_app(given.defect), sock=listener, print=None)
