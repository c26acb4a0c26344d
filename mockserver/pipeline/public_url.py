"""The root URL of the server as its clients see it, also behind a proxy."""

import re

from aiohttp import web

from mockserver.settings import Settings

_SCHEMES = {"http", "https"}
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?")


def root_url(request: web.Request, settings: Settings) -> str:
    """
    The URL that all URLs in responses begin with, without a slash at its end.

    It is the public URL of the settings, else what a trusted proxy forwarded, else the
    scheme and host of the request.
    """
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    if not settings.trust_forwarded:
        return f"{request.scheme}://{request.host}"
    forwarded = request.forwarded[0] if request.forwarded else {}
    scheme = forwarded.get("proto") or _first(request, "X-Forwarded-Proto")
    host = forwarded.get("host") or _first(request, "X-Forwarded-Host")
    prefix = _first(request, "X-Forwarded-Prefix")
    if scheme.lower() not in _SCHEMES:
        scheme = request.scheme
    if not _HOST.fullmatch(host):
        host = request.host
    if not _PREFIX.fullmatch(prefix):
        prefix = ""
    return f"{scheme.lower()}://{host}{prefix.rstrip('/')}"


def _first(request: web.Request, name: str) -> str:
    """The first value of a list in a header: what the outermost proxy has written."""
    return request.headers.get(name, "").partition(",")[0].strip()
