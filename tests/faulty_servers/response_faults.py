"""
Faults of a correct server that only a look at whole responses shows.

Each fault has the finding that is expected of it. `only` has parts of the ids of the
cases that can show it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from faulty_servers.defects import Defect, changed, with_rule
from faulty_servers.minimal import Asked, Operation, Refusal


@dataclass(frozen=True)
class ResponseFault:
    """A fault, and the kind and check of its finding; `warning` if it fails no run."""

    defect: Defect
    kind: str
    check: str
    only: tuple[str, ...] = ("createImage/",)
    warning: bool = False


Answer = Callable[[web.Request, web.StreamResponse], None]


def in_response(change: Answer) -> Defect:
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


def busy(retry_after: str | None, *, always: bool = True) -> Defect:
    """Answer 429 to a request with n = 2: always, or every second time."""

    def lie(operation: Operation) -> None:
        right, count = operation.refuse, [0]

        def refuse_two(asked: Asked) -> None:
            count[0] += asked.get("n") == 2
            if asked.get("n") == 2 and (always or count[0] % 2):
                raise Refusal("Too many requests.", status=429, code="rate_limited")

        def refuse(refusal: Refusal, key: str = "") -> web.Response:
            response = right(refusal, key)
            if refusal.status == 429 and retry_after is not None:
                response.headers["Retry-After"] = retry_after
            return response

        with_rule("planted", refuse_two)(operation)
        operation.refuse = refuse

    return lie


def without_usage_for_two(body: dict[str, Any], asked: Asked, *_: Any) -> Any:
    is_left_out = asked.get("n", 1) > 1
    return {k: v for k, v in body.items() if not (is_left_out and k == "usage")}


def without_usage(body: dict[str, Any], *_: Any) -> Any:
    return {k: v for k, v in body.items() if k != "usage"}


def usage_of_one(operation: Operation) -> None:
    right = operation.usage
    operation.usage = lambda asked, count, partials=0: right(asked, 1, partials)


def first_image_again(pictures: list[bytes], *_: Any) -> list[bytes]:
    return [pictures[0] for _ in pictures]


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


STREAMS = ("createImage/request/streams/",)
RESPONSE_FAULTS = {
    "one-image-n-times": ResponseFault(
        changed("pictures", first_image_again),
        "wrong-response",
        "no-image-twice",
        ("createImage/request/n/",),
        warning=True,
    ),
    "usage-of-one-image": ResponseFault(
        usage_of_one, "wrong-response", "usage-grows-with-n"
    ),
    "no-usage": ResponseFault(
        changed("body", without_usage), "wrong-response", "usage-present"
    ),
    "no-usage-now-and-then": ResponseFault(
        changed("body", without_usage_for_two), "wrong-response", "usage-present"
    ),
    "any-key": ResponseFault(any_key, "accepts-invalid", "invalid-is-refused"),
    "any-scheme-with-the-key": ResponseFault(
        any_scheme, "undocumented", "elsewhere", ("createImage/auth",), warning=True
    ),
    "key-in-a-header": ResponseFault(
        in_response(sent_key_in_header),
        "wrong-error",
        "keeps-secrets",
        warning=True,
    ),
    "429-without-retry-after": ResponseFault(
        busy(None), "wrong-error", "retry-after-on-429", warning=True
    ),
    "429-without-retry-after-once": ResponseFault(
        busy(None, always=False), "wrong-error", "retry-after-on-429", warning=True
    ),
    "retry-after-in-words": ResponseFault(
        busy("soon"), "wrong-error", "retry-after-is-valid"
    ),
    "no-event-line": ResponseFault(
        changed("frames", without_event_line),
        "wrong-response",
        "event-name-is-type",
        STREAMS,
    ),
    "endless-stream": ResponseFault(
        never_ending, "wrong-response", "stream-ends", STREAMS
    ),
    "wide-webp-turned": ResponseFault(
        changed("size", size_wrong_for_wide_webp), "wrong-response", "size-as-asked"
    ),
    "compressed-turned": ResponseFault(
        changed("size", size_wrong_for_compressed), "wrong-response", "size-as-asked"
    ),
}
