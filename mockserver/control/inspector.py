"""The inspector: a web page that shows requests, and the thumbnails in it."""

import asyncio
import re
from functools import partial
from importlib import resources

from aiohttp import hdrs, web

from mockserver.control.http import error_response
from mockserver.errors import Rejected
from mockserver.media.base import Output, UnreadableUpload
from mockserver.media.image.uploads import run_on_image, thumbnail
from mockserver.pipeline.endpoints.download import requested_range
from mockserver.pipeline.server_context import ServerContext

THUMBNAIL_EDGE = 320  # pixels
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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
        """A thumbnail of a delivered output."""
        output = self._output(request)
        if output is None:
            return error_response("this image is not kept", status=404)
        poster = output.poster()
        if poster is None:
            return error_response("this is not an image", status=415)
        try:
            return await _thumbnail_response(
                await self.context.any_provider_context().render(poster)
            )
        except Rejected as rejected:
            return error_response(rejected.message, status=415)

    async def file(self, request: web.Request) -> web.Response:
        """The file of a delivered output, or the part that a player asks for."""
        output = self._output(request)
        if output is None:
            return error_response("this file is not kept", status=404)
        data = await self.context.any_provider_context().render(output)
        headers, status = {hdrs.ACCEPT_RANGES: "bytes"}, 200
        part = requested_range(request, "", len(data))
        if part is not None:
            start, end = part
            headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{len(data)}"
            if start >= len(data):
                headers[hdrs.CONTENT_RANGE] = f"bytes */{len(data)}"
                return web.Response(status=416, headers=headers)
            status, data = 206, data[start:end]
        return web.Response(
            status=status, body=data, content_type=output.media_type, headers=headers
        )

    def _output(self, request: web.Request) -> Output | None:
        """The output that the path names; None if it is not kept."""
        index = request.match_info["index"]
        return self.context.recent_outputs.output(
            request.match_info["request_id"], int(index) if _INDEX.match(index) else -1
        )

    async def upload(self, request: web.Request) -> web.Response:
        """A thumbnail of an uploaded image. The uploaded bytes are never served."""
        data = self.context.recent_outputs.upload(request.match_info["sha256"])
        if data is None:
            return error_response("this upload is not kept", status=404)
        return await _thumbnail_response(data)


async def _thumbnail_response(data: bytes) -> web.Response:
    try:
        work = partial(thumbnail, edge=THUMBNAIL_EDGE)
        small = await asyncio.to_thread(run_on_image, work, data)
    except UnreadableUpload as error:
        return error_response(f"this is not an image: {error}", status=415)
    headers = {"Cache-Control": "private, max-age=3600"}
    return web.Response(body=small, content_type="image/webp", headers=headers)
