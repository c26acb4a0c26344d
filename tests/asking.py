"""How the tests speak to a server: plain HTTP over real sockets, nothing of ours."""

import base64
import http.client
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

import specs

JSON, FORM = "application/json", "multipart/form-data"
KEY = "sk-test-4f7a"
BOUNDARY = "a-line-between-parts"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str,
    *,
    method: str = "POST",
    body: bytes | str | dict[str, Any] | Any = None,
    key: str | None = KEY,
    **headers: str,
) -> Answer:
    """One request on a connection of its own; a dictionary goes as JSON."""
    parts = urlsplit(url)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    if isinstance(body, dict):
        sent.setdefault("Content-Type", JSON)
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def form(*parts: tuple[str, Any]) -> dict[str, Any]:
    """Body and content type of a form; bytes become a file, everything else text."""
    lines: list[bytes] = []
    for name, value in parts:
        is_file = isinstance(value, bytes)
        end = '; filename="a.png"\r\nContent-Type: image/png' if is_file else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{end}'
        content = value if is_file else str(value).encode()
        lines += [head.encode(), b"\r\n\r\n", content, b"\r\n"]
    lines.append(f"--{BOUNDARY}--\r\n".encode())
    return {"body": b"".join(lines), "Content_Type": f"{FORM}; boundary={BOUNDARY}"}


def generation(provider: specs.Provider, **more: Any) -> dict[str, Any]:
    """A payload that each document calls valid: a model and a prompt."""
    return {"model": provider.dialect.model, "prompt": "A paper boat", **more}


def edit(
    provider: specs.Provider, media_type: str, picture: bytes, **more: Any
) -> dict[str, Any]:
    """What `ask` sends for an edit of one picture, by form or by JSON."""
    fields = generation(provider, **more)
    if media_type == FORM:
        return form(*fields.items(), ("image", picture))
    members = provider.operations["createImageEdit"].bodies[JSON].properties
    uri = data_uri(picture)
    several = {"images": [{"image_url": uri}]}
    return {"body": {**fields, **(several if "images" in members else {"image": uri})}}


def data_uri(picture: bytes, format: str = "png") -> str:
    return f"data:image/{format};base64,{base64.b64encode(picture).decode()}"


def picture(
    width: int = 64, height: int = 64, *, mode: str = "RGB", colour: Any = "teal"
) -> bytes:
    return saved(Image.new(mode, (width, height), colour))


def saved(image: Image.Image, format: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """A picture, decoded to its last byte."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def delivered(item: dict[str, str]) -> bytes:
    """The bytes of one entry of `data`, however it came."""
    if "b64_json" in item:
        return base64.b64decode(item["b64_json"], validate=True)
    if item["url"].startswith("data:"):
        return base64.b64decode(item["url"].partition(",")[2], validate=True)
    answer = ask(item["url"], method="GET", key=None)
    assert answer.status == 200, answer.body
    return answer.body


def events(body: bytes) -> list[tuple[str, Any]]:
    """Name and data of each server-sent event."""
    found = []
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        assert name.startswith("event: "), name
        assert data.startswith("data: "), data
        found.append((name[7:], json.loads(data[6:])))
    return found


def eventually(condition: Callable[[], Any]) -> Any:
    """What a condition gives once it gives something; fails after a long while."""
    for _ in range(1500):
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{condition} never came true")


def url_of(
    running: Any, provider: specs.Provider, operation: str = "createImage"
) -> str:
    path = provider.operations[operation].path
    return f"{running.base_urls[provider.id]}{path}"
