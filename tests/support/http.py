"""Talk to a server over real sockets in plain HTTP, with nothing of ours."""

import base64
import http.client
import http.server
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

import specs
from mockserver.simulation.faults import FAULTS

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


@contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; yields the URL."""
    handler = partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Write nothing."""


def ask(
    url: str,
    *,
    method: str = "POST",
    body: bytes | str | dict[str, Any] | list[Any] | Any = None,
    key: str | None = KEY,
    **headers: str,
) -> Answer:
    """One request on a connection of its own; dictionaries and lists go as JSON."""
    parts = urlsplit(url)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    if isinstance(body, (dict, list)):
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


def key_of(operation: specs.Operation) -> dict[str, Any]:
    """The arguments of `ask` that send the key in the header of an operation."""
    scheme = next(iter(operation.key_schemes), None)
    if scheme is None or scheme.place is not specs.KeyPlace.HEADER:
        return {}
    return {"key": None, scheme.name: KEY}


@dataclass(frozen=True)
class Wire:
    """All bytes from a socket until its end, and whether it ended in a `reset`."""

    head: str
    body: bytes
    end: str

    @property
    def status(self) -> int:
        return int(self.head.split(" ", 2)[1])

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None

    @property
    def payload(self) -> bytes:
        """The body without its framing, as far as it came."""
        return self._unframed[0]

    @property
    def is_whole(self) -> bool:
        """True if as many bytes came as were announced."""
        return self._unframed[1]

    @property
    def _unframed(self) -> tuple[bytes, bool]:
        if self.header("Transfer-Encoding") != "chunked":
            announced = self.header("Content-Length")
            return self.body, announced is None or len(self.body) == int(announced)
        payload, rest = b"", self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            if not length:
                return payload, rest == b"\r\n"
            payload, rest = payload + rest[:length], rest[length + 2 :]
        return payload, False


def begun(
    url: str, *, body: Any, key: str = KEY, method: str = "POST", **headers: str
) -> socket.socket:
    """A request that was sent and not yet answered; the last on its connection."""
    parts = urlsplit(url)
    if isinstance(body, dict):
        headers.setdefault("Content_Type", JSON)
        body = json.dumps(body).encode()
    lines = [
        f"{method} {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Authorization: Bearer {key}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    connection = socket.create_connection((parts.hostname, parts.port), 30)
    connection.sendall("\r\n".join([*lines, "\r\n"]).encode() + body)
    return connection


def wire(url: str, **asked: Any) -> Wire:
    """One request by socket, as `begun` takes it, read to the end made of it."""
    received, end = b"", "closed"
    with begun(url, **asked) as connection:
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            end = "reset"
    head, _, rest = received.partition(b"\r\n\r\n")
    return Wire(head.decode(), rest, end)


def control(
    running: Any, path: str, method: str = "GET", body: Any = None, **headers: str
) -> Answer:
    """The response of the control API."""
    url = f"{running.url}/__mock__{path}"
    return ask(url, method=method, body=body, key=None, **headers)


@contextmanager
def watching(running: Any, query: str = "") -> Iterator[Iterator[str]]:
    """The `data` of the control API's events, as they come; empty when they end."""
    parts = urlsplit(running.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request("GET", f"/__mock__/events{query}")
    response = connection.getresponse()
    assert response.status == 200, response.read()

    def lines() -> Iterator[str]:
        for line in response:
            assert line != b": heartbeat\n", "nothing came for a long while"
            if line.startswith(b"data: "):
                yield line[6:].decode()

    try:
        yield lines()
    finally:
        response.close()
        connection.close()


def provoked(running: Any, provider: specs.Provider, way: str, wish: str) -> Any:
    """
    Arguments of `ask`, beside a prompt, that request an error or a fault.

    `wish` is written as in a header: `rate_limited;times=1`. A script is posted here.
    """
    if way == "key":
        return {"key": f"sk-mock-{wish}"}
    name, *parameters = wish.split(";")
    kind = "fault" if name in FAULTS else "error"
    if way == "header":
        return {f"X_Mock_{kind.title()}": wish}
    if way == "prompt":
        return {"prompt": f"A paper boat [[mock:{wish}]] at sea"}
    members = dict(each.split("=") for each in parameters if "id=" not in each)
    item = {name.replace("-", "_"): float(value) for name, value in members.items()}
    if "times" in item:
        item["times"] = int(item["times"])
    body = [{kind: name, **item}]
    assert control(running, f"/script/{provider.id}", "POST", body).status == 200
    return {}


WAYS = ("header", "prompt", "key", "script")


def request_for(
    provider: specs.Provider, operation_id: str = "createImage", **more: Any
) -> dict[str, Any]:
    """Arguments of `ask` for a valid request; streamed only with `stream`."""
    if operation_id == "createImage":
        return {"body": generation(provider, **more)}
    media_type = next(iter(provider.operations[operation_id].bodies))
    fields = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in more.items()
    }
    return edit(provider, media_type, picture(), **fields)


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
    """Arguments of `ask` for an edit of one image, by form or by JSON."""
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


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    """A picture, decoded to its last byte."""
    Image.open(io.BytesIO(data)).verify()  # checksums, and that the file has its end
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
    """The value of a condition once it is true; fails after a timeout."""
    for _ in range(1500):
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{condition} never came true")


def url_of(
    running: Any, provider: specs.Provider, operation: str = "createImage"
) -> str:
    described = provider.all_operations[operation]
    base_url = running.base_urls[provider.id].removesuffix(provider.base_path)
    return f"{base_url}{provider.full_path(described)}"
