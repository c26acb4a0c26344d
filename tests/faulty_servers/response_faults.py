"""Faults of generations that show in headers, in `usage`, or in several responses."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from faulty_servers.defects import Defect, changed, with_rule
from faulty_servers.minimal import Asked, Operation, Refusal

Change = Callable[[web.Request, web.StreamResponse], None]


def in_response(change: Change) -> Defect:
    """Change each response after it was made."""

    def lie(operation: Operation) -> None:
        right = operation.handle

        async def handle(request: web.Request) -> web.StreamResponse:
            response = await right(request)
            change(request, response)
            return response

        operation.handle = handle

    return lie


def sent_key_in_header(request: web.Request, response: web.StreamResponse) -> None:
    if response.status >= 400:
        response.headers["X-Debug"] = request.headers.get("Authorization", "")


def any_key(operation: Operation) -> None:
    operation.is_known = bool


def any_scheme(operation: Operation) -> None:
    """Take the last word of the header for the key."""
    right = operation.authenticate
    operation.authenticate = lambda header: right("Bearer " + header.split(" ")[-1])


def every_second_busy(retry_after: str | None) -> Defect:
    """Answer every second request with n = 2 with 429."""

    def lie(operation: Operation) -> None:
        right, count = operation.refuse, [0]

        def refuse_two(asked: Asked) -> None:
            count[0] += asked.get("n") == 2
            if asked.get("n") == 2 and count[0] % 2:
                raise Refusal("Too many requests.", status=429, code="rate_limited")

        def refuse(refusal: Refusal, key: str = "") -> web.Response:
            response = right(refusal, key)
            if refusal.status == 429 and retry_after is not None:
                response.headers["Retry-After"] = retry_after
            return response

        with_rule("planted", refuse_two)(operation)
        operation.refuse = refuse

    return lie


def without_usage_for_several(body: dict[str, Any], asked: Asked, *_: Any) -> Any:
    is_left_out = asked.get("n", 1) > 1
    return {k: v for k, v in body.items() if not (is_left_out and k == "usage")}


def without_usage(body: dict[str, Any], *_: Any) -> Any:
    return {k: v for k, v in body.items() if k != "usage"}


def usage_of_one(operation: Operation) -> None:
    right = operation.usage
    operation.usage = lambda asked, count, partials=0: right(asked, 1, partials)


def size_wrong_for_wide_webp(size: tuple[int, int], asked: Asked) -> tuple[int, int]:
    is_pair = asked.get("output_format") == "webp" and size == (1536, 1024)
    return (1024, 1536) if is_pair else size


def size_wrong_for_compressed(size: tuple[int, int], asked: Asked) -> tuple[int, int]:
    is_pair = asked.get("output_compression") == 0 and size == (1024, 1536)
    return (1536, 1024) if is_pair else size


def without_event_line(frames: str, *_: Any) -> str:
    lines = frames.split("\n")
    return "\n".join(each for each in lines if not each.startswith("event:"))


class OpenStream(web.StreamResponse):
    """A stream that sends comments after its last event, until the client leaves."""

    def __init__(self, frames: bytes) -> None:
        super().__init__(headers={"Content-Type": "text/event-stream"})
        self._frames = frames

    async def write_eof(self, data: bytes = b"") -> None:
        await self.write(self._frames)
        while True:
            await asyncio.sleep(0.2)
            await self.write(b": still there\n\n")


def never_ending(operation: Operation) -> None:
    right = operation.answer

    async def answer(asked: Asked) -> web.StreamResponse:
        response = await right(asked)
        is_stream = operation.streams(asked)
        return OpenStream(response.body) if is_stream else response

    operation.answer = answer


RESPONSE_FAULTS: dict[str, Defect] = {
    "usage-of-one-image": usage_of_one,
    "no-usage": changed("body", without_usage),
    "no-usage-for-several": changed("body", without_usage_for_several),
    "any-key": any_key,
    "any-scheme-with-the-key": any_scheme,
    "key-in-a-header": in_response(sent_key_in_header),
    "busy-once-without-retry-after": every_second_busy(None),
    "retry-after-in-words": every_second_busy("soon"),
    "no-event-line": changed("frames", without_event_line),
    "endless-stream": never_ending,
    "wide-webp-turned": changed("size", size_wrong_for_wide_webp),
    "compressed-turned": changed("size", size_wrong_for_compressed),
}
