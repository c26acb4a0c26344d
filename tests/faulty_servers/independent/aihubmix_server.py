"""An AIHubMix written from its public page alone: a right server, or one with a single planted fault.

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
import uuid
from pathlib import Path
from typing import Any

from aiohttp import web
from PIL import Image

GPT2 = ("gpt-image-2", "gpt-image-2-2026-04-21")
GPT = ("gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", *GPT2)
SIZES = {"dall-e-2": ("256x256", "512x512", "1024x1024"), "dall-e-3": ("1024x1024", "1792x1024", "1024x1792")}
GPT_SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
QUALITIES = {"dall-e-2": ("auto", "standard"), "dall-e-3": ("auto", "standard", "hd")}
GPT_QUALITIES = ("auto", "low", "medium", "high")
LENGTHS = {"dall-e-2": 1000, "dall-e-3": 4000}
ENUMS = {"quality": ("standard", "hd", *GPT_QUALITIES), "response_format": ("url", "b64_json"),
         "output_format": ("png", "jpeg", "webp"), "moderation": ("low", "auto"), "style": ("vivid", "natural"),
         "background": ("transparent", "opaque", "auto"), "input_fidelity": ("high", "low")}
GPT_ONLY = ("output_format", "output_compression", "moderation", "background", "stream")
TOKENS = {"low": 196, "medium": 1756, "high": 7024}
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
PATHS = {"/v1/images/generations": "", "/v1/images/edits": "edit-"}

FAULTS = Path(__file__).with_name("aihubmix_defects.txt").read_text("utf-8")
DEFECTS: dict[str, str] = dict(line.split(": ", 1) for line in FAULTS.splitlines())


class Refused(Exception):
    def __init__(self, status: int, message: str, param: str | None = None, code: str | int = "invalid_value") -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code


def need(right: object, message: str, param: str | None, code: str | int = "invalid_value", status: int = 400) -> None:
    if not right:
        raise Refused(status, message, param, code)


class Call:
    def __init__(self, request: web.Request, prefix: str, defect: str | None, files: dict[str, tuple]) -> None:
        self.request, self.prefix, self.defect, self.files = request, prefix, defect, files

    def bug(self, name: str) -> bool:
        return self.defect == self.prefix + name

    def authenticate(self) -> None:
        header = self.request.headers.get("Authorization", "")
        scheme, _, token = header.strip().partition(" ")
        right = scheme.lower() == "bearer" and not token.endswith("unauthenticated") and (token.strip() or self.bug("empty-token-accepted"))
        right = right or self.bug("auth-not-enforced") or (self.bug("basic-auth-accepted") and header)
        need(right, "Unauthorized: send a gateway key as a bearer token.", None, 401, 401)

    async def read(self) -> dict[str, Any]:
        kind, wanted = self.request.content_type, "multipart/form-data" if self.prefix else "application/json"
        need(kind == wanted, f"Send {wanted}, not {kind}.", None, "unsupported_content_type")
        try:
            if self.prefix:
                return self.form(await self.request.post())
            raw = (await self.request.read()).decode("utf-8")
            body = json.loads(raw, parse_constant=lambda word: float(f"not JSON: {word}"))
        except web.HTTPException:
            raise
        except Exception:
            raise Refused(400, "The body cannot be read.", code=400) from None
        need(isinstance(body, dict), "The body must be a JSON object.", None, 400)
        return body

    @staticmethod
    def form(parts: Any) -> dict[str, Any]:
        items = [(name, part.file.read() if isinstance(part, web.FileField) else part) for name, part in parts.items()]
        fields = dict(items)
        for name in ("n", "output_compression", "partial_images"):
            if re.fullmatch(r"-?[0-9]{1,9}", str(fields.get(name))):
                fields[name] = int(fields[name])
        if fields.get("stream") in ("true", "false"):
            fields["stream"] = fields["stream"] == "true"
        images = [value for name, value in items if name in ("image", "image[]")]
        return fields | ({"image": images} if images else {})

    def validate(self, f: dict[str, Any]) -> dict[str, Any]:
        f = ({"prompt": "anything"} if self.bug("prompt-missing-accepted") else {}) | f
        if self.bug("prompt-number-accepted") and isinstance(f.get("prompt"), (int, float)):
            f["prompt"] = str(f["prompt"])
        for name in [name for name, value in f.items() if value is None and name not in ("prompt", "user")]:
            need(not self.bug("null-refused"), f"{name} must not be null.", name)
            del f[name]
        for name in ("prompt", "user", "model", "size"):
            need(isinstance(f.get(name, ""), str), f"{name} must be a string.", name, "invalid_type")
        need(f.get("prompt"), "prompt is required.", "prompt", "prompt_missing")
        for name, options in ENUMS.items():
            if self.bug(f"bad-{name}-accepted") and f.get(name) not in options:
                f.pop(name, None)
            value = f.get(name, options[0])
            need(isinstance(value, str) and value in options, f"{name} must be one of {', '.join(options)}.", name)
        if self.bug("stream-string-accepted") and f.get("stream") == "true":
            f["stream"] = True
        need(isinstance(f.get("stream", False), bool), "stream must be a boolean.", "stream", "invalid_type")
        q = {"n": self.integer(f, "n", 2 if self.bug("default-n-wrong") else 1, 1, 10), "prompt": f["prompt"],
             "partials": self.integer(f, "partial_images", 0, 0, 3),
             "compression": self.integer(f, "output_compression", 100, 0, 100), "style": f.get("style"), "mask": None}
        gpt_asked = any(name in f for name in GPT_ONLY) or f.get("quality") in TOKENS
        q["model"] = model = f.get("model", "gpt-image-1.5" if gpt_asked and not self.prefix else "dall-e-2")
        known = not self.prefix or ("model" in f and model != "dall-e-3")
        need(known and model in (*GPT, *SIZES), "model is missing or not served here.", "model", "model_not_found")
        q["gpt"] = model in GPT
        (self.check_gpt if q["gpt"] else self.check_dalle)(f, q)
        limit = 32000 if q["gpt"] else LENGTHS[model] - self.bug("prompt-limit-refused")
        lax = self.bug(f"long-prompt-{'gpt' if q['gpt'] else model}-accepted")
        need(len(f["prompt"]) <= limit or lax, f"prompt: at most {limit} characters.", "prompt", "prompt_too_long")
        need("style" not in f or model == "dall-e-3" or self.bug("style-elsewhere-accepted"), "No style here.", "style")
        wanted, lax = f.get("quality", "auto"), self.bug("quality-of-other-model-accepted")
        right = lax or wanted in (GPT_QUALITIES if q["gpt"] else QUALITIES[model])
        need(right and not (wanted == "hd" and self.bug("hd-refused")), f"{model}: no quality {wanted}.", "quality")
        need(wanted != "hd" or not self.bug("crash-on-hd"), "Internal error.", None, 500, 500)
        q["quality"] = wanted if wanted in TOKENS else "medium"
        q["size"] = self.size(model, f.get("size"), gpt=q["gpt"])
        if self.prefix:
            images = f.get("image", [base64.b64decode(DOT)] if self.bug("image-missing-accepted") else [])
            need(1 <= len(images) <= 16, "Send 1 to 16 images.", "image")
            images = [self.picture(data, "image") for data in images]
            q["images"] = images[:1] if self.bug("second-image-ignored") else images
            mask = self.picture(f["mask"], "mask") if "mask" in f else None
            q["mask"] = None if self.bug("mask-ignored") else mask
        return q

    def integer(self, f: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
        value = f.get(name, default)
        kind = {str: "string", bool: "bool", float: "float"}.get(type(value), "other")
        lax = self.bug(f"{name}-{kind}-accepted") and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?|True|False", str(value))
        if lax or (kind == "float" and value.is_integer()):
            value, kind = int(float(value)), "int"
        need(isinstance(value, int) and kind != "bool", f"{name} must be an integer.", name, "invalid_type")
        lax = self.bug(f"{name}-below-accepted") if value < low else self.bug(f"{name}-above-accepted")
        need(low <= value <= high or lax, f"{name} must lie between {low} and {high}.", name, "n_not_within_range" if name == "n" else "not_within_range")
        return max(low, min(value, high + 1))

    def check_dalle(self, f: dict[str, Any], q: dict[str, Any]) -> None:
        for name in GPT_ONLY:
            right = f.get(name, False) is False or self.bug("gpt-only-accepted")
            need(right, f"{name} needs a GPT image model.", name, "unsupported_parameter")
        one = q["model"] != "dall-e-3" or f.get("n", 1) == 1 or self.bug("dalle3-n2-accepted")
        need(one, "dall-e-3 makes one picture at a time.", "n", "n_not_within_range")
        q["delivery"] = f.get("response_format", "b64_json" if self.bug("b64-by-default") else "url")
        q["delivery"] = "url" if self.bug("response_format-ignored") else q["delivery"]
        q |= {"format": "png", "compression": 100, "stream": False, "background": "opaque"}

    def check_gpt(self, f: dict[str, Any], q: dict[str, Any]) -> None:
        right = "response_format" not in f or self.bug("response_format-with-gpt-accepted")
        need(right, "GPT image models have no response_format.", "response_format", "unsupported_parameter")
        q["delivery"] = "url" if self.bug("url-for-gpt") else "b64_json"
        q["format"] = f.get("output_format", "jpeg" if self.bug("default-format-wrong") else "png")
        lax, full = self.bug("compression-with-png-accepted"), q["compression"] == 100
        right = lax or full or f.get("output_format", "png") != "png"
        need(right, "Compression below 100 needs jpeg or webp.", "output_compression")
        clear = f.get("background") == "transparent"
        right = not clear or f.get("output_format") != "jpeg" or self.bug("transparent-jpeg-accepted")
        need(right, "A transparent background needs png or webp.", "background")
        q["background"] = "transparent" if clear and q["format"] != "jpeg" else "opaque"
        q["stream"] = (f.get("stream", False) or self.bug("stream-unasked")) and not self.bug("stream-ignored")

    def size(self, model: str, text: str | None, *, gpt: bool) -> tuple[int, int]:
        if text is None or (gpt and text == "auto"):
            return (1024, 1536) if gpt else (1024, 1024)
        match = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text)
        width, height = map(int, match.groups()) if match else (1024, 1024)
        right = text in (GPT_SIZES if gpt else SIZES[model]) or self.bug("bad-size-accepted")
        if model in GPT2 and match:
            large = max(width, height) > 3840 or width * height > 8_294_400
            faults = {"multiple": width % 16 or height % 16, "ratio": max(width, height) > 3 * min(width, height),
                      "small": width * height < 655_360, "large": large}
            right = not any(fault and not self.bug(f"gpt2-{name}-accepted") for name, fault in faults.items())
        need(right, f"{model} does not support this size.", "size", "size_not_supported")
        return min(width, 4096), min(height, 4096)

    def picture(self, data: Any, param: str) -> Image.Image:
        try:
            formats = ("PNG", "WEBP", "JPEG")[: 3 - self.bug("jpeg-upload-refused")]
            picture = Image.open(io.BytesIO(data), formats=formats)
            need(picture.width * picture.height < 50_000_000, "too large", param)
            return picture.convert("RGBA")
        except Exception:
            if self.bug("crash-on-bad-image"):
                raise
            raise Refused(400, f"{param} must be a PNG, JPEG or WebP file.", param, "invalid_image_file") from None

    def draw(self, q: dict[str, Any], index: int, grain: int = 48) -> bytes:
        width, height = (640, 640) if self.bug("wrong-size") else q["size"]
        box = (width, height - self.bug("size-off-by-one"))
        seed = hashlib.sha256(repr((index, q["model"], q["quality"], q["style"])).encode())
        seed.update(b"" if self.bug("same-picture") else q["prompt"].encode("utf-8", "surrogatepass"))
        for image in q.get("images", ()):
            seed.update(image.tobytes())
        noise = random.Random(seed.digest()).randbytes(48 * 48 * 3)
        result = Image.frombytes("RGB", (48, 48), noise).resize((grain, grain)).resize(box, Image.Resampling.NEAREST)
        if q.get("images"):
            first, *others = [image.convert("RGB").resize(box) for image in q["images"]]
            result = Image.blend(first, result, 0.4)
            for other in others:
                result = Image.blend(result, other, 0.3)
            if q["mask"]:
                keep = q["mask"].getchannel("A").resize(box, Image.Resampling.NEAREST)
                result = Image.composite(first, result, keep)
        if q["background"] == "transparent" and not self.bug("opaque-although-transparent"):
            alpha = Image.new("L", box, 0)
            alpha.paste(255, (box[0] // 4, box[1] // 4, box[0] * 3 // 4, box[1] * 3 // 4))
            result.putalpha(alpha)
        kind = "png" if self.bug("wrong-format") else q["format"]
        quality = 100 if self.bug("compression-ignored") else max(1, q["compression"])
        out = io.BytesIO()
        result.save(out, kind.upper(), quality=quality, compress_level=1, method=0)
        return out.getvalue()

    def text(self, raw: bytes) -> str:
        text = base64.b64encode(raw).decode()
        return text[: len(text) * 2 // 3] if self.bug("truncated-base64") else text

    def usage(self, q: dict[str, Any], count: int, extra: int = 0) -> dict[str, Any]:
        words, pictures, made = len(q["prompt"]) // 4 + 1, 1024 * len(q.get("images", ())), TOKENS[q["quality"]] * count
        into, made = words + pictures, -made if self.bug("usage-negative") else made + extra
        details = {"text_tokens": words + 5 * self.bug("usage-details-sum"), "image_tokens": pictures}
        return {"input_tokens": into, "output_tokens": made, "total_tokens": into + made + 7 * self.bug("usage-sum"),
                "input_tokens_details": details}

    def echo(self, q: dict[str, Any]) -> dict[str, str]:
        size, kind = "{}x{}".format(*q["size"]), q["format"]
        kind = {"png": "webp"}.get(kind, "png") if self.bug("echo-format-wrong") else kind
        return {"background": q["background"], "quality": q["quality"], "output_format": kind, "size": size}

    def answer(self, q: dict[str, Any]) -> dict[str, Any]:
        count = (1 if self.bug("n-ignored") else q["n"]) + self.bug("extra-picture")
        now = int(time.time() * (1000 if self.bug("created-ms") else 1))
        data = [] if self.bug("empty-data") else [self.item(q, index) for index in range(count)]
        body = {"created": str(now) if self.bug("created-string") else now, "data": data}
        body |= self.echo(q) | {"usage": self.usage(q, count)} if q["gpt"] else {}
        return body | ({"score": float("nan")} if self.bug("nan-in-body") else {})

    def item(self, q: dict[str, Any], index: int) -> dict[str, str]:
        raw = self.draw(q, index)
        item = {"revised_prompt": q["prompt"] + ", in fine detail"} if q["model"] == "dall-e-3" else {}
        if q["delivery"] == "b64_json":
            return item | {"b64_json": self.text(raw)}
        name = f"/pictures/{uuid.uuid4().hex}.{q['format']}"
        if not self.bug("url-dead"):
            self.files[name] = raw, f"image/{q['format']}", time.time() + 3600
        for old in list(self.files)[:-2000]:
            self.files.pop(old, None)
        return item | {"url": f"{self.request.scheme}://{self.request.host}{name}"}

    def events(self, q: dict[str, Any], index: int) -> str:
        now, first = int(time.time()), int(self.bug("stream-index-from-1"))
        count = max(0, q["partials"] - (q["quality"] == "low")) + 2 * self.bug("stream-partials-many")
        bodies = [("partial_image", {"b64_json": self.text(self.draw(q, index, 3 + step)),
                                     "partial_image_index": first + step}) for step in range(count)]
        usage = {} if self.bug("stream-no-usage") else {"usage": self.usage(q, 1, 100 * count)}
        done = {"b64_json": self.text(self.draw(q, index)), **usage}
        times = 0 if self.bug("stream-no-completed") else 2 if self.bug("stream-two-completed") else 1
        text = ""
        for name, body in bodies + [("completed", done)] * times:
            kind = f"{'image_edit' if self.prefix else 'image_generation'}.{name}"
            line = "message" if self.bug("stream-event-name") else kind
            text += f"event: {line}\ndata: {json.dumps({'type': kind, 'created_at': now, **self.echo(q), **body})}\n\n"
        return text + ("data: goodbye\n\n" if self.bug("stream-trailing-data") else "")

    async def stream(self, q: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json" if self.bug("stream-as-json-type") else "text/event-stream"
        await response.prepare(self.request)
        for index in range(q["n"]):
            await response.write((await asyncio.to_thread(self.events, q, index)).encode())
        await response.write_eof()
        return response

    def reply(self, body: dict[str, Any]) -> web.Response:
        text = json.dumps(body) + ('\n{"done": true}' if self.bug("trailing-data") else "")
        kind = "text/plain" if self.bug("success-text-plain") else "application/json"
        return web.Response(text=text, content_type=kind, headers={"X-Request-Id": uuid.uuid4().hex})

    def refuse(self, e: Refused) -> web.Response:
        status, message, param = e.status, e.message, e.param
        if self.bug("crash-on-bad-input") and status != 401:
            status, message = 500, "Internal error."
        if self.bug("error-traceback"):
            message = 'Traceback (most recent call last):\n  File "/srv/app/main.py", line 41, in create\nValueError'
        if self.bug("error-key-echo"):
            message += f" Your key: {self.request.headers.get('Authorization', 'none')}"
        if self.bug("error-wrong-param") and param:
            param = "user" if param == "prompt" else "prompt"
        error = {"message": message, "type": "Aihubmix_api_error", "code": e.code} | ({"param": param} if param else {})
        if self.bug("error-message-missing"):
            del error["message"]
        if self.bug("error-html"):
            return web.Response(status=status, text=f"<html><h1>{message}</h1></html>", content_type="text/html")
        body = error if self.bug("error-without-envelope") else {"error": error}
        status = 200 if self.bug("error-as-200") else status
        return web.json_response(body, status=status, headers={"X-Request-Id": uuid.uuid4().hex})


def create_app(defect: str | None = None) -> web.Application:
    if defect is not None and defect not in DEFECTS:
        raise ValueError(f"unknown defect {defect!r}")
    files: dict[str, tuple[bytes, str, float]] = {}

    async def serve(request: web.Request) -> web.StreamResponse:
        call = Call(request, PATHS.get(request.path, "?"), defect, files)
        raw, mime, until = files.get(request.path, (b"", "", 0))
        if until > time.time():
            return web.Response(body=raw, content_type=mime)
        try:
            if request.path not in PATHS or request.method != "POST":
                raise Refused(404, f"{request.method} is not served at this path.", code=404)
            call.authenticate()
            query = call.validate(await call.read())
            if query["stream"]:
                return await call.stream(query)
            return call.reply(await asyncio.to_thread(call.answer, query))
        except Refused as refused:
            return call.refuse(refused)
        except web.HTTPException as error:
            return call.refuse(Refused(error.status, error.reason, code=error.status))
        except Exception as error:
            return call.refuse(Refused(500, f"Internal error ({type(error).__name__}).", code=500))

    app = web.Application(client_max_size=30 * 2**20)
    app.router.add_route("*", "/{path:.*}", serve)
    return app


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=8092)
    options.add_argument("--defect", choices=sorted(DEFECTS))
    given = options.parse_args()
    listener = socket.create_server(("127.0.0.1", given.port))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    web.run_app(create_app(given.defect), sock=listener, print=None)
