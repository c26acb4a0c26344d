"""
Serve an output by its signed URL, as a storage service does.

The responses to an expired URL (403) and to an invalid one (404) are assumed: no
provider documents them.
"""

import asyncio
import re
from collections.abc import Mapping

from aiohttp import hdrs, web
from multidict import CIMultiDict

from mockserver.errors import Rejected, retry_headers
from mockserver.media.links import (
    ExpiredLink,
    ForgedLink,
    InvalidLink,
    Link,
)
from mockserver.media.paths import IMAGES_PATH
from mockserver.pipeline.behavior import build_own_response, wait_for_timeout
from mockserver.pipeline.endpoints import models
from mockserver.pipeline.journal_entry import DownloadFacts
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.server_context import SERVER_CONTEXT
from mockserver.simulation import faults
from mockserver.simulation.namespaces import NAMESPACE_HEADER, namespace_of
from mockserver.simulation.transfer import PendingResponse
from mockserver.simulation.triggers import Behavior, requested_behavior
from mockserver.state.statistics import IMAGE_OPERATION
from specs import Basis, ErrorExample, Evidence, Operation, Provider

FACTS: web.RequestKey[DownloadFacts] = web.RequestKey("download", DownloadFacts)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_ASSUMED = Evidence(source="ours", basis=Basis.ASSUMED)
_ERRORS = {
    "invalid_request": (400, "The request is invalid."),
    "expired": (403, "This URL has expired."),
    "forbidden": (403, "The signature of this URL is missing or wrong."),
    "head_refused": (403, "This URL is signed for GET only."),
    "header_missing": (403, "A header that this storage needs is missing."),
    "not_found": (404, "No such image."),
    "rate_limited": (429, "Too many requests."),
    "server_error": (500, "The server had an error."),
}
DOWNLOAD = Operation(
    IMAGE_OPERATION,
    "GET",
    f"{IMAGES_PATH}/{{provider}}/{{name}}",
    bodies={},
    responses={},
    errors={
        name: ErrorExample(name, status, text, {}, _ASSUMED, "")
        for name, (status, text) in _ERRORS.items()
    },
    evidence=_ASSUMED,
    authentication=None,
    pointer="",
)


def script_errors(provider: Provider) -> dict[str, Mapping[str, ErrorExample]]:
    """The errors that a script can name, by operation; those of downloads too."""
    return {**models.script_errors(provider), DOWNLOAD.id: DOWNLOAD.errors}


async def serve_image(request: web.Request) -> web.StreamResponse:
    """Handle `GET` and `HEAD` of a signed URL, with the fault of a trigger."""
    server = request.app[SERVER_CONTEXT]
    request[FACTS] = DownloadFacts()
    provider = request.match_info.get("provider", "")
    name = request.match_info["name"]
    if provider not in server.provider_contexts:
        return _error(request, "not_found")
    context = server.provider_contexts[provider]
    await context.store.sync_clock()
    try:
        link = context.signer.link(provider, name, request.query)
    except ExpiredLink:
        return _error(request, "expired")
    except ForgedLink:
        return _error(request, "forbidden")
    except InvalidLink:
        return _error(request, "not_found")
    facts = request[FACTS]
    facts.image_of, facts.namespace = link.output.request, link.namespace
    try:
        behavior = await _behavior(request, context, link)
        if behavior.latency:
            await asyncio.sleep(behavior.latency)
        return await _respond(request, context, link, behavior)
    except Rejected as rejected:
        return _error(request, "invalid_request", f"{rejected.message}")


async def _behavior(
    request: web.Request, context: ProviderContext, link: Link
) -> Behavior:
    """
    The behavior that a script or the headers of the download trigger.

    The namespace is that of the header, else the one of the request for the image. The
    end of the key triggers nothing: it was meant for that request.
    """
    namespace = link.namespace
    if NAMESPACE_HEADER in request.headers:
        namespace = request[FACTS].namespace = namespace_of(request.headers, "")
    provider, store = context.provider.id, context.store
    return await requested_behavior(
        request.headers, "", None, DOWNLOAD, store, provider, namespace
    )


async def _respond(
    request: web.Request, context: ProviderContext, link: Link, behavior: Behavior
) -> web.StreamResponse:
    fault, facts = behavior.fault, request[FACTS]
    facts.trigger = behavior.source or None
    is_head = request.method == hdrs.METH_HEAD
    names = {link.fault, fault.name if fault else ""}
    access = context.provider.dialect.url_access
    is_refused = access is not None and request.method not in access.methods
    if is_refused or (is_head and faults.HEAD_REFUSED in names):
        return _error(request, "head_refused")
    if access and not all(request.headers.get(each) for each in access.headers):
        return _error(request, "header_missing")
    if behavior.own is not None or behavior.error is not None:
        response = _triggered(request, behavior)
    else:
        response = await _file(request, context, link)
    if fault is None or not fault.damages_transfer(request.method):
        return response
    facts.fault, facts.status = fault.name, fault.status
    if behavior.status is not None:
        facts.status = behavior.status
    pending = PendingResponse.of(response)
    pending.fault_seconds, pending.fault_status = behavior.seconds, behavior.status
    if fault.name == faults.CDN_TIMEOUT:
        await wait_for_timeout(context.store, behavior.seconds)
    return await faults.send(request, pending, fault)


def _triggered(request: web.Request, behavior: Behavior) -> web.Response:
    """The error or the response that a script or a header of the download gives."""
    headers: CIMultiDict[str] = CIMultiDict(_cors_headers(request))
    if behavior.retry_after is not None:
        headers.update(retry_headers(behavior.retry_after))
    headers.update(behavior.changes.headers or {})
    if behavior.own is not None:
        return build_own_response(behavior.own, headers)
    name, changes = behavior.error or "server_error", behavior.changes
    response = _error(request, name, changes.message or "")
    response.set_status(changes.status or response.status)
    response.headers.update(headers)
    return response


async def _file(
    request: web.Request, context: ProviderContext, link: Link
) -> web.Response:
    """The file, a part of it, or 304 if the client has it already."""
    etag = f'"{link.output.identity}"'
    headers = {
        **_cors_headers(request),
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: f"public, max-age={int(link.expires_at - context.clock())}",
        hdrs.ETAG: etag,
    }
    if _has_etag(request, link.output.identity):
        return web.Response(status=304, headers=headers)
    data = await context.render(link.output)
    status, size = 200, len(data)
    part = requested_range(request, etag, size)
    if part is not None:
        start, end = part
        if start >= size:
            headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
            return web.Response(status=416, headers=headers)
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{size}"
        status, data = 206, data[start:end]
    return web.Response(
        status=status,
        body=data,
        content_type=link.output.media_type,
        headers=headers,
    )


def _has_etag(request: web.Request, value: str) -> bool:
    return any(each.value in {value, "*"} for each in request.if_none_match or ())


def requested_range(
    request: web.Request, etag: str, size: int
) -> tuple[int, int] | None:
    """
    The start and end of the range that was requested; None for the whole file.

    A start at `size` or beyond cannot be satisfied. As HTTP allows, several ranges and
    an invalid header are ignored.
    """
    match = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, "").replace(" ", ""))
    if match is None or request.headers.get(hdrs.IF_RANGE, etag) != etag:
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    if first:
        return int(first), min(int(last) + 1, size) if last else size
    if not last:
        return None
    return (max(0, size - int(last)), size) if int(last) else (size, size)


def _error(request: web.Request, name: str, message: str = "") -> web.Response:
    example, facts = DOWNLOAD.errors[name], request[FACTS]
    facts.error, facts.because = name, message or str(example.body)
    return web.Response(
        status=example.status,
        text=f"{facts.because}\n",
        headers=_cors_headers(request),
    )


def _cors_headers(request: web.Request) -> dict[str, str]:
    """Pages of all origins may read images, unless the server has a CORS policy."""
    if request.app[SERVER_CONTEXT].settings.cors:
        return {}
    return {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}
