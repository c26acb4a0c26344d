"""The inspector: a web page that shows requests, and the thumbnails in it."""

import asyncio
import re
from importlib import resources

from aiohttp import web

from mockserver.control.http import error_response
from mockserver.errors import Rejected
from mockserver.media.image.plan import BadImage
from mockserver.media.image.uploads import thumbnail
from mockserver.pipeline.server_context import ServerContext

THUMBNAIL_EDGE = 320  # pixels
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_INDEX = re.compile(r"[0-9]{1,4}\Z")


class Inspector:
    def __init__(self, context: ServerContext) -> None:
        self.context = context

    async def page(self, request: web.Request) -> web.Response:
        page = (
            resources.files("mockserver.control")
            .joinpath("inspector.html")
            .read_text("utf-8")
        )
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def image(self, request: web.Request) -> web.Response:
        """A thumbnail of a delivered image."""
        index = request.match_info["index"]
        plan = self.context.recent_outputs.plan(
            request.match_info["request_id"], int(index) if _INDEX.match(index) else -1
        )
        if plan is None:
            return error_response("this image is not kept", status=404)
        try:
            return await _thumbnail_response(
                await self.context.any_provider_context().render(plan)
            )
        except Rejected as rejected:
            return error_response(rejected.message, status=415)

    async def upload(self, request: web.Request) -> web.Response:
        """A thumbnail of an uploaded image. The uploaded bytes are never served."""
        data = self.context.recent_outputs.upload(request.match_info["sha256"])
        if data is None:
            return error_response("this upload is not kept", status=404)
        return await _thumbnail_response(data)


async def _thumbnail_response(data: bytes) -> web.Response:
    loop = asyncio.get_running_loop()
    try:
        small = await loop.run_in_executor(None, thumbnail, data, THUMBNAIL_EDGE)
    except BadImage as error:
        return error_response(f"this is not an image: {error}", status=415)
    headers = {"Cache-Control": "private, max-age=3600"}
    return web.Response(body=small, content_type="image/webp", headers=headers)
