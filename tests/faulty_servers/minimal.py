"""
A minimal image server, the base of all correct and faulty test servers.

It shares no code with the packages under test, so that it has none of their errors. An
`Operation` serves one path; each of its steps is an attribute that a fault replaces.
"""

import asyncio
import base64
import hashlib
import io
import json
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from PIL import Image, ImageDraw, ImageStat

Members = dict[str, Any]
Check = Callable[[Any], None]


class Refusal(Exception):
    """An error response."""

    def __init__(self, message: str, param: str | None = None, **more: Any):
        super().__init__(message)
        self.message = message
        self.param = param
        self.status: int = more.get("status", 400)
        self.type: str = more.get("type", "invalid_request_error")
        self.code: str | None = more.get("code")


@dataclass
class Asked:
    """A parsed request: its fields by name, its images, its sender."""

    operation: str
    members: Members
    origin: str = ""
    key: str = ""
    is_form: bool = False
    images: list[bytes] = field(default_factory=list)
    mask: bytes | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field; null counts as absent."""
        value = self.members.get(name)
        return default if value is None else value


# -- checks of fields


def text(*, least: int = 0, most: int | None = None, null: bool = False) -> Check:
    def check(value: Any) -> None:
        if value is None and null:
            return
        if not isinstance(value, str):
            raise Refusal("must be a string", code="invalid_type")
        if len(value) < least or (most is not None and len(value) > most):
            raise Refusal("is too short or too long", code="invalid_length")

    return check


def integer(low: int, high: float = float("inf"), *, null: bool = False) -> Check:
    def check(value: Any) -> None:
        if value is None and null:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1:
            raise Refusal("must be an integer", code="invalid_type")
        if not low <= value <= high:
            raise Refusal(f"must be from {low} to {high}", code="out_of_range")

    return check


def flag(*, null: bool = False) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, bool) and not (null and value is None):
            raise Refusal("must be true or false", code="invalid_type")

    return check


def one_of(*values: str, null: bool = False) -> Check:
    def check(value: Any) -> None:
        if value is None and null:
            return
        if not isinstance(value, str):
            raise Refusal("must be a string", code="invalid_type")
        if value not in values:
            raise Refusal(f"must be one of {', '.join(values)}", code="invalid_value")

    return check


def anything(value: Any) -> None:
    """Accept any value of a field."""


# -- images


@dataclass(frozen=True)
class Wanted:
    """The properties of a requested image."""

    size: tuple[int, int]
    format: str
    compression: int
    is_transparent: bool
    seed: bytes


def opened(data: bytes, param: str) -> Image.Image:
    unreadable = Refusal("is no readable picture", param, code="invalid_image_file")
    try:
        image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"])
        is_huge = image.width * image.height > 50_000_000
        if not is_huge:
            image.load()
    except Exception:
        raise unreadable from None
    if is_huge:
        raise unreadable
    return image


def drawn(wanted: Wanted, images: tuple[bytes, ...], mask: bytes | None) -> Image.Image:
    """Blocks of colour; for an edit, blended with the first image."""
    chance = random.Random(wanted.seed)
    tile = Image.frombytes("P", (16, 16), chance.randbytes(16 * 16))
    tile.putpalette(chance.randbytes(256 * 3))
    fresh = tile.resize(wanted.size, Image.Resampling.NEAREST)
    if images:
        fresh = fresh.convert("RGB")
        layers = [opened(each, "image").convert("RGBA") for each in images]
        first = layers[0].convert("RGB").resize(wanted.size)
        fresh = Image.blend(first, fresh, 0.5)
        for place, layer in enumerate(layers[1:]):
            small = layer.convert("RGB").resize((64, 64))
            fresh.paste(small, (64 * (place % 8), 64 * (place // 8)))
        if mask is not None:
            keep = opened(mask, "mask").convert("RGBA").getchannel("A")
            fresh = Image.composite(first, fresh, keep.resize(wanted.size))
    if wanted.is_transparent:
        alpha = Image.new("L", wanted.size)
        right, bottom = wanted.size[0] * 3 // 4, wanted.size[1] * 3 // 4
        ImageDraw.Draw(alpha).ellipse((right // 3, bottom // 3, right, bottom), 255)
        fresh = fresh.convert("RGB")
        fresh.putalpha(alpha)
    return fresh


def encoded(image: Image.Image, format: str, compression: int = 100) -> bytes:
    out = io.BytesIO()
    if format == "jpeg" or (format == "webp" and image.mode == "P"):
        image = image.convert("RGB")
    options = {"compress_level": 1, "quality": max(1, compression), "method": 0}
    image.save(out, format.upper(), **options)
    return out.getvalue()


RECENT: dict[Hashable, bytes] = {}
"""Encoded images by all that they depend on; of uploads, which are large, the hash."""
MAX_RECENT = 256


def painted(wanted: Wanted, images: tuple[bytes, ...], mask: bytes | None) -> bytes:
    """The encoded image."""
    uploads = [hashlib.sha256(each).digest() for each in images]
    key = (wanted, *uploads, mask and hashlib.sha256(mask).digest())
    image = RECENT.get(key)
    if image is None:
        image = encoded(drawn(wanted, images, mask), wanted.format, wanted.compression)
        if len(RECENT) >= MAX_RECENT:
            RECENT.clear()
        RECENT[key] = image
    return image


def grey(address: str) -> bytes:
    """The stand-in for an image at a URL, which is never fetched."""
    shade = hashlib.sha256(address.encode("utf-8", "replace")).digest()[0] // 2
    return encoded(Image.new("RGB", (256, 256), (64 + shade,) * 3), "png")


def from_data_uri(value: str, param: str) -> bytes:
    """The image of a data URI, or a stand-in for a URL; raises `Refusal` for others."""
    if re.match(r"https?://[^/\s]", value):
        return grey(value)
    match = re.fullmatch(r"data:image/[\w.+-]+;base64,(.+)", value, re.DOTALL)
    if match is None:
        raise Refusal("must be an address or a data URI", param, code="invalid_value")
    try:
        data = base64.b64decode(match[1], validate=True)
    except ValueError:
        raise Refusal("is no base64", param, code="invalid_value") from None
    opened(data, param)
    return data


def mask_fits(asked: Asked) -> None:
    """Check that a mask is a partly transparent PNG of the size of the first image."""
    if asked.mask is None:
        return
    mask, image = opened(asked.mask, "mask"), opened(asked.images[0], "image")
    if mask.format != "PNG" or mask.size != image.size:
        raise Refusal("must be a PNG of the image's size", "mask", code="invalid_mask")
    alpha = mask.convert("RGBA").getchannel("A")
    if ImageStat.Stat(alpha).extrema[0][0] == 255:
        raise Refusal("has no transparent part", "mask", code="invalid_mask")


# -- one operation


def number(value: Any, default: int) -> int:
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        return default


class Operation:
    """
    One path of a service. A dialect overrides the steps in which it differs.

    `members` has the check of each field, `required` the names of required fields, and
    `rules` the checks of several fields. Checks raise `Refusal`.
    """

    uploads = ("image", "image[]")
    forms = False  # takes multipart/form-data
    jsons = True  # takes application/json
    is_strict = True  # rejects unknown fields
    numbers = ("n", "output_compression", "partial_images")
    success_type = "application/json"
    stream_type = "text/event-stream"

    methods: tuple[str, ...] = ("POST",)
    is_identified = True  # each response has a request id

    def __init__(self, name: str, path: str):
        self.name = name
        self.path = path
        self.members: dict[str, Check] = {}
        self.required: list[str] = []
        self.rules: dict[str, Callable[[Asked], None]] = {}
        self.files: dict[str, tuple[bytes, str]] = {}

    # parsing

    def is_at(self, path: str) -> bool:
        return path == self.path

    def authenticate(self, header: str) -> str:
        scheme, _, key = header.strip().partition(" ")
        if scheme.lower() != "bearer" or not self.is_known(key.strip()):
            raise self.unauthenticated()
        return key.strip()

    def is_known(self, key: str) -> bool:
        """True for each key that a test calls right."""
        return bool(key) and not key.endswith("unauthenticated")

    def unauthenticated(self) -> Refusal:
        return Refusal("A bearer token is needed.", status=401, code="invalid_api_key")

    async def read(self, request: web.Request) -> Asked:
        origin = f"{request.scheme}://{request.host}"
        kind = request.content_type
        if kind == "application/json" and self.jsons:
            asked = Asked(self.name, self.from_json(await request.read()), origin)
            self.take_images(asked)
        elif kind == "multipart/form-data" and self.forms:
            asked = Asked(self.name, {}, origin, is_form=True)
            await self.from_form(request, asked)
        else:
            raise Refusal(f"A body of {kind} is not taken here.", code="content_type")
        return asked

    def from_json(self, body: bytes) -> Members:
        def refuse(constant: str) -> None:
            raise ValueError(constant)

        try:
            value = json.loads(body, parse_constant=refuse)
        except (ValueError, RecursionError):
            raise Refusal("The body is no JSON.", code="invalid_json") from None
        if not isinstance(value, dict):
            raise Refusal("The body must be an object.", code="invalid_json")
        return value

    def take_images(self, asked: Asked) -> None:
        """Take the images in a JSON body, for operations that have them."""

    async def take_parts(self, request: web.Request, asked: Asked) -> None:
        async for part in await request.multipart():
            part.chunk_size = 65_536
            data = bytes(await part.read())
            if part.name in self.uploads:
                asked.images.append(data)
            elif part.name == "mask":
                asked.mask = data
            else:
                asked.members[part.name] = self.from_text(part.name, data.decode())

    async def from_form(self, request: web.Request, asked: Asked) -> None:
        try:
            await self.take_parts(request, asked)
        except (HttpProcessingError, ValueError, AssertionError, RuntimeError):
            raise Refusal("The form cannot be read.", code="invalid_form") from None

    def from_text(self, name: str, value: str) -> Any:
        if name in self.numbers and re.fullmatch(r"-?[0-9]{1,9}", value):
            return int(value)
        if name == "stream" and value in ("true", "false"):
            return value == "true"
        return value

    # validation

    def judge(self, asked: Asked) -> None:
        for name in self.required:
            if name not in asked.members:
                raise Refusal("is required", name, code="missing_required_parameter")
        for name, value in asked.members.items():
            check = self.members.get(name)
            if check is None and self.is_strict:
                message = f"Unknown parameter: {name!r}."
                raise Refusal(message, name, code="unknown_parameter")
            try:
                (check or anything)(value)
            except Refusal as refusal:
                refusal.param = name
                raise
        for rule in self.rules.values():
            rule(asked)

    # images

    # All requests that `judge` accepts are drawn: only `judge` rejects.

    def count(self, asked: Asked) -> int:
        return number(asked.get("n"), 1)

    def size(self, asked: Asked) -> tuple[int, int]:
        match = re.fullmatch(
            "([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", str(asked.get("size"))
        )
        return (int(match[1]), int(match[2])) if match else (1024, 1024)

    def format(self, asked: Asked) -> str:
        format = asked.get("output_format", "png")
        return format if format in ("png", "jpeg", "webp") else "png"

    def compression(self, asked: Asked) -> int:
        return min(100, max(0, number(asked.get("output_compression"), 100)))

    def is_transparent(self, asked: Asked) -> bool:
        return asked.get("background") == "transparent"

    def seed(self, asked: Asked, index: int) -> bytes:
        """The seed of an image: all fields that it depends on."""
        names = ("prompt", "quality", "input_fidelity")
        told = repr([index, *(asked.get(name) for name in names)])
        seed = hashlib.sha256(told.encode("utf-8", "surrogatepass"))
        for image in asked.images:
            seed.update(hashlib.sha256(image).digest())
        return seed.digest()

    def picture(self, asked: Asked, index: int) -> bytes:
        wanted = Wanted(
            self.size(asked),
            self.format(asked),
            self.compression(asked),
            self.is_transparent(asked),
            self.seed(asked, index),
        )
        return painted(wanted, tuple(asked.images), asked.mask)

    # responses

    def created(self) -> Any:
        return int(time.time())

    def quality(self, asked: Asked) -> str:
        quality = asked.get("quality", "auto")
        return "medium" if quality == "auto" else quality

    def usage(self, asked: Asked, count: int, partials: int = 0) -> Any:
        words = len(str(asked.get("prompt"))) // 4 + 1
        images = 1024 * len(asked.images)
        each = {"low": 196, "medium": 1756, "high": 7024}.get(self.quality(asked), 1000)
        output = each * count + 100 * partials
        return {
            "input_tokens": words + images,
            "output_tokens": output,
            "total_tokens": words + images + output,
            "input_tokens_details": {"text_tokens": words, "image_tokens": images},
        }

    def item(self, asked: Asked, data: bytes) -> Members:
        return {"b64_json": base64.b64encode(data).decode()}

    def kept_at(self, asked: Asked, data: bytes) -> str:
        """The URL of a stored image."""
        name = f"/files/{uuid.uuid4().hex}.{self.format(asked)}"
        self.files[name] = data, f"image/{self.format(asked)}"
        return asked.origin + name

    def body(self, asked: Asked, pictures: list[bytes]) -> Members:
        data = [self.item(asked, each) for each in pictures]
        return {"created": self.created(), "data": data}

    def streams(self, asked: Asked) -> bool:
        return asked.get("stream") is True

    def pictures(self, asked: Asked) -> list[bytes]:
        return [self.picture(asked, index) for index in range(self.count(asked))]

    def partials(self, asked: Asked) -> int:
        return number(asked.get("partial_images"), 0)

    def events(self, asked: Asked, pictures: list[bytes]) -> list[tuple[str, Members]]:
        """The documented events of a stream: partial images, then completed ones."""
        name = {"createImage": "image_generation", "createImageEdit": "image_edit"}
        head = name[asked.operation]
        count = self.partials(asked)
        told = self.told(asked)
        events = []
        for index in range(count):
            data = base64.b64encode(self.picture(asked, 100 + index)).decode()
            kind = f"{head}.partial_image"
            partial = {"type": kind, "b64_json": data, "created_at": self.created()}
            events.append((kind, partial | told | {"partial_image_index": index}))
        for picture in pictures:
            data = base64.b64encode(picture).decode()
            kind = f"{head}.completed"
            last = {"type": kind, "b64_json": data, "created_at": self.created()}
            events.append((kind, last | told | {"usage": self.usage(asked, 1, count)}))
        return events

    def told(self, asked: Asked) -> Members:
        """The fields of an event about its image."""
        width, height = self.size(asked)
        return {
            "size": f"{width}x{height}",
            "quality": self.quality(asked),
            "background": asked.get("background", "opaque"),
            "output_format": self.format(asked),
        }

    def frames(self, events: list[tuple[str, Members]]) -> str:
        return "".join(
            f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events
        )

    def written(self, body: Any) -> str:
        return json.dumps(body)

    async def answer(self, asked: Asked) -> web.Response:
        pictures = await asyncio.to_thread(self.pictures, asked)
        if self.streams(asked):
            stream = self.frames(await asyncio.to_thread(self.events, asked, pictures))
            return web.Response(text=stream, content_type=self.stream_type)
        body = self.written(self.body(asked, pictures))
        return web.Response(text=body, content_type=self.success_type)

    # errors

    error_type = "application/json"

    def error(self, refusal: Refusal, key: str) -> Any:
        raise NotImplementedError

    def status(self, refusal: Refusal) -> int:
        return refusal.status

    def refuse(self, refusal: Refusal, key: str = "") -> web.Response:
        body = self.error(refusal, key)
        return web.Response(
            text=body if isinstance(body, str) else json.dumps(body),
            status=self.status(refusal),
            content_type=self.error_type,
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle a request: key, body, fields, rules, images."""
        header = request.headers.get("Authorization", "")
        try:
            key = self.authenticate(header)
            asked = await self.read(request)
            asked.key = key
            self.judge(asked)
            return await self.answer(asked)
        except Refusal as refusal:
            return self.refuse(refusal, header)
        except Exception:
            return self.refuse(
                Refusal("Internal error.", status=500, type="server_error"), header
            )


class Service:
    """The operations of a provider, and the responses of other paths."""

    def __init__(self, base: str, *operations: Operation):
        self.base = base
        self.operations = operations

    def __getitem__(self, name: str) -> Operation:
        return next(each for each in self.operations if each.name == name)

    def elsewhere(self) -> web.Response:
        refusal = Refusal("There is nothing here.", status=404, code="not_found")
        return self.operations[0].refuse(refusal)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        for operation in self.operations:
            if request.path in operation.files:
                data, kind = operation.files[request.path]
                return web.Response(body=data, content_type=kind)
        path = request.path.removeprefix(self.base)
        operation = next((each for each in self.operations if each.is_at(path)), None)
        if operation is None:
            return self.elsewhere()
        if request.method not in operation.methods:
            refusal = Refusal("Only POST works here.", status=405, code="method")
            response = operation.refuse(refusal)
            response.headers["Allow"] = "POST"
            return response
        return await operation.handle(request)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        response = await self.answer(request)
        if all(each.is_identified for each in self.operations):
            response.headers["X-Request-Id"] = f"req_{uuid.uuid4().hex}"
        return response

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """The base URL of a service that runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(service.app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    async def stop(runner: web.AppRunner) -> None:
        await turns()  # an accepted socket becomes a connection, which is closed
        await runner.cleanup()
        await turns()

    async def turns() -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{service.base}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(runner), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
