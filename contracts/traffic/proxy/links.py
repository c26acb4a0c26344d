"""Fetch the outputs behind the links of a response, from the upstream's origin."""

import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from contracts.media.base import MAX_OUTPUTS, Medium
from contracts.traffic.exchange import MAX_BODY_BYTES
from contracts.traffic.proxy.open_exchange import BoundedCopy

FETCH_TIMEOUT = 60.0  # seconds, for all outputs of a response


async def fetch_links(
    session: aiohttp.ClientSession, upstream: str, links: Iterable[str], medium: Medium
) -> dict[str, bytes | str]:
    """
    The output behind each link of the upstream's origin, or the reason for a failure.

    Links of other origins, and links after the timeout, are left out.
    """
    own = _origin(upstream)
    urls = [url for url in dict.fromkeys(links) if _origin(url) == own]
    until = time.monotonic() + FETCH_TIMEOUT
    found: dict[str, bytes | str] = {}
    for url in urls[:MAX_OUTPUTS]:
        left = until - time.monotonic()
        if left > 0:
            found[url] = await _fetch_output(session, url, left, medium)
    return found


async def _fetch_output(
    session: aiohttp.ClientSession, url: str, timeout: float, medium: Medium
) -> bytes | str:
    """The output at a URL, or the reason for a failure; no key is sent."""
    kept = BoundedCopy()
    try:
        async with session.get(
            URL(url, encoded=True),
            headers={"Accept-Encoding": "identity", "User-Agent": "imageparity"},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as response:
            if response.status != 200:
                return f"is not at its URL: {response.status}"
            if not response.content_type.startswith(medium.content_type):
                wanted = f"{medium.content_type}*"
                return f"is served as {response.content_type}, not as {wanted}"
            async for chunk in response.content.iter_any():
                kept.add(chunk)
                if kept.size > MAX_BODY_BYTES:
                    return f"has more than {MAX_BODY_BYTES} bytes"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"is not at its URL: {error or type(error).__name__}"
    return kept.partial_data


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port
