"""The response to a browser that opens the root of the server."""

from html import escape
from urllib.parse import urlsplit

from aiohttp import web

from mockserver.control.access import is_local_host
from mockserver.pipeline.public_url import root_url
from mockserver.settings import CONTROL_PREFIX, Settings

INSPECTOR_PATH = f"{CONTROL_PREFIX}/"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>imageparity mock</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem }}</style>
<h1>imageparity mock</h1>
<p>{text}</p>
</html>
"""


def accepts_html(request: web.Request) -> bool:
    """True if the Accept header names HTML, as that of a browser does."""
    accepted = request.headers.get("Accept", "").lower().split(",")
    return any(each.partition(";")[0].strip() == "text/html" for each in accepted)


def root_page(request: web.Request, settings: Settings) -> web.Response:
    """A redirect to the inspector, or a page that says why there is none."""
    prefix = urlsplit(root_url(request, settings)).path  # of a proxy
    inspector = f"{escape(prefix)}{INSPECTOR_PATH}"
    if settings.token is not None:
        text = (
            f'The inspector is at <a href="{inspector}">{inspector}</a>. It '
            "asks for the token that the server printed when it started."
        )
        return _page(text, status=200)
    if not is_local_host(request.host):
        text = (
            f"The inspector rejects the host name <b>{escape(request.host[:80])}</b>. "
            "Open this server as <b>localhost</b> or by its IP address."
        )
        return _page(text, status=403)
    headers = {**_HEADERS, "Location": f"{prefix}{INSPECTOR_PATH}"}
    return web.Response(status=302, headers=headers)


def _page(text: str, status: int) -> web.Response:
    return web.Response(
        text=_PAGE.format(text=text),
        status=status,
        content_type="text/html",
        headers=_HEADERS,
    )
