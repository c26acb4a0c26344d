"""Split a body into text and files, so that an image in it is stored once."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from mockserver.recordings.request_key import MIN_BASE64_LENGTH

Part = str | Mapping[str, str]
"""A text, or the name of a `file` and what it is in the body: `as` or `link`."""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _escaped_base64(data: bytes) -> str:
    return _base64(data).replace("/", "\\/")


ENCODERS = {"base64": _base64, "escaped": _escaped_base64}


def encode_file(data: bytes, as_: str) -> bytes:
    """The bytes that a file is in a body: `bytes`, `base64` or `escaped` base64."""
    return data if as_ == "bytes" else ENCODERS[as_](data).encode()


def split_body(
    body: bytes,
    store: Callable[[bytes], str],
    links: Mapping[str, bytes] = MappingProxyType({}),
) -> list[Part]:
    """
    A body as text, with links and images replaced by files.

    `store` stores the bytes of a file and returns its name. `links` are the URLs in the
    body that are replaced, with their content.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return [{"file": store(body), "as": "bytes"}]
    parts: list[Part] = []
    at = 0
    for start, end, part, data in sorted(
        [*_find_links(text, links), *_find_images(text)], key=lambda span: span[:2]
    ):
        if start < at:
            continue
        if text[at:start]:
            parts.append(text[at:start])
        parts.append({**part, "file": store(data)})
        at = end
    return [*parts, text[at:]] if text[at:] or not parts else parts


Span = tuple[int, int, dict[str, str], bytes]  # start, end, part, content of the file
_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BASE64_RUN = re.compile(
    rf"[A-Za-z0-9+/\\]{{{MIN_BASE64_LENGTH},}}[A-Za-z0-9+/]={{0,2}}"
)


def _find_links(text: str, links: Mapping[str, bytes]) -> Iterator[Span]:
    """Yield the JSON strings in a text that are one of the links."""
    if not links:
        return
    for match in _JSON_STRING.finditer(text):
        try:
            url = json.loads(match[0])
        except ValueError:
            continue
        if url in links:
            yield match.start(), match.end(), {"link": match[0]}, links[url]


def _find_images(text: str) -> Iterator[Span]:
    """Yield the images in a text whose base64 can be restored exactly."""
    for match in _BASE64_RUN.finditer(text):
        run = match[0]
        encoding = "escaped" if "\\" in run else "base64"
        try:
            data = base64.b64decode(run.replace("\\/", "/"), validate=True)
        except (binascii.Error, ValueError):
            continue
        if image_format(data) and ENCODERS[encoding](data) == run:
            yield match.start(), match.end(), {"as": encoding}, data


def image_format(data: bytes) -> str | None:
    """Return the image format by the first bytes; None if they are no image."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    magic = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
    return next((name for start, name in magic.items() if data.startswith(start)), None)
