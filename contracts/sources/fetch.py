"""Read pages from the network or from a folder of saved pages."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from contracts.sources.lines import Page, looks_like_html, read_page
from contracts.text import one_line

MAX_BYTES = 16 * 1024 * 1024  # of a page
MAX_REDIRECTS = 5
MAX_HOSTS = 4  # that are asked at the same time
_SUFFIXES = (".html", ".htm", ".md", ".txt", ".yaml", ".json")
_TEXT_TYPES = ("text/", "application/json", "application/yaml", "application/xhtml")


async def fetch_pages(
    urls: Iterable[str], *, timeout: float, delay: float
) -> dict[str, Page | str]:
    """
    The page of each URL, or the reason why it cannot be read.

    Each host gets one request at a time, with `delay` seconds between two. A page may
    take `timeout` seconds.
    """
    hosts: dict[str, list[str]] = defaultdict(list)
    for url in dict.fromkeys(urls):
        hosts[urlsplit(url).netloc].append(url)
    slots = asyncio.Semaphore(MAX_HOSTS)
    agent = f"imageparity/{version('imageparity')} (sources --check)"
    async with aiohttp.ClientSession(
        headers={"User-Agent": agent, "Accept-Language": "en"}, trust_env=True
    ) as session:

        async def ask(host_urls: Sequence[str]) -> dict[str, Page | str]:
            found: dict[str, Page | str] = {}
            async with slots:
                for number, url in enumerate(host_urls):
                    if number:
                        await asyncio.sleep(delay)
                    found[url] = await _fetch(session, url, timeout)
            return found

        parts = await asyncio.gather(*map(ask, hosts.values()))
    return {url: page for part in parts for url, page in part.items()}


async def _fetch(
    session: aiohttp.ClientSession, url: str, timeout: float
) -> Page | str:
    content = bytearray()
    try:
        async with (
            asyncio.timeout(timeout),
            session.get(url, max_redirects=MAX_REDIRECTS) as response,
        ):
            if response.status != 200:
                return f"HTTP status {response.status}"
            type_ = response.content_type
            if not type_.startswith(_TEXT_TYPES):
                return f"it is {one_line(type_)}, and no text"
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > MAX_BYTES:
                    return f"it has more than {MAX_BYTES:,} bytes"
            charset = response.charset or "utf-8"
    except TimeoutError:
        return f"no whole response within {timeout:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"the request failed: {one_line(str(error)) or type(error).__name__}"
    text = _decode(content, charset)
    return read_page(text, is_html="html" in type_ or looks_like_html(text))


def _decode(content: bytes | bytearray, charset: str) -> str:
    try:
        return content.decode(charset, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def read_saved_pages(folder: Path, ids: Iterable[str]) -> dict[str, Page | str]:
    """The saved page of each source, such as M1.html, or the reason why not."""
    return {id_: _read_saved(folder, id_) for id_ in ids}


def _read_saved(folder: Path, id_: str) -> Page | str:
    for suffix in _SUFFIXES:
        path = folder / f"{id_}{suffix}"
        if path.is_file():
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                return f"{path} cannot be read: {error.strerror}"
            is_html = suffix in {".html", ".htm"} or looks_like_html(text)
            return read_page(text, is_html=is_html)
    return f"{folder} has no file {id_}.html, {id_}.md or {id_}.txt"
