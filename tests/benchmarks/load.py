"""
A client that costs little: raw HTTP/1.1 over some connections, in a process of its own.

Orders come as one JSON object on standard input, a result as one on standard output.
Each connection sends a request, reads the answer to its end and sends the next, until
the time is over or enough requests were sent. With `others` beside `address` they take
turns. Twelve `%` in a request become a number, another for each request.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from pathlib import Path

HOLE = b"%" * 12
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST = b"0\r\n\r\n"


class Run:
    """State that all connections share: the request, the end, and the results."""

    def __init__(
        self, request: bytes, seconds: float, first: int, count: int | None
    ) -> None:
        self.parts = request.split(HOLE)
        self.number = first
        self.last = None if count is None else first + count
        self.latencies: list[float] = []
        self.statuses: dict[str, int] = {}
        self.bytes = 0
        self.begun = time.perf_counter()
        self.end = self.begun + seconds

    def is_over(self) -> bool:
        return time.perf_counter() >= self.end or self.number == self.last

    def request(self) -> bytes:
        self.number += 1
        return (b"%012d" % self.number).join(self.parts)


class Connection(asyncio.BufferedProtocol):
    """One connection; what is read is counted, and looked at no more than needed."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.done = asyncio.get_running_loop().create_future()
        self._buffer = bytearray(1 << 18)
        self._head = b""
        self._left: int | None = None
        self._tail = b""

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if self.run.is_over():
            self._transport.close()
            return
        self._head, self._left, self._tail = b"", None, b""
        self._sent = time.perf_counter()
        self._transport.write(self.run.request())

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        self.run.bytes += count
        view = memoryview(self._buffer)[:count]
        if self._left is None:
            self._head += view
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            length = _LENGTH.search(head)
            if length is None and not _CHUNKED.search(head):
                raise ValueError(f"an answer without an end: {head[:200]!r}")
            self._left = int(length[1]) if length else -1
            view, count = memoryview(rest), len(rest)
        if self._left >= 0:
            self._left -= count
            if self._left == 0:
                self._answered()
        else:
            self._tail = (self._tail + bytes(view[-5:]))[-5:]
            if self._tail == _LAST:
                self._answered()

    def _answered(self) -> None:
        self.run.latencies.append(time.perf_counter() - self._sent)
        status = self._head[9:12].decode()
        self.run.statuses[status] = self.run.statuses.get(status, 0) + 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.done.set_exception(error)
        elif not self.run.is_over():
            self.done.set_exception(ConnectionError("the server closed a connection"))
        else:
            self.done.set_result(None)


async def main(orders: dict) -> dict:
    """Keep the connections busy; rates are per second, latencies in seconds."""
    first, count = orders.get("first", 0), orders.get("requests")
    run = Run(orders["request"], orders["seconds"], first, count)
    loop = asyncio.get_running_loop()
    addresses = itertools.cycle([orders["address"], *orders.get("others", ())])
    connections = [
        (await loop.create_connection(lambda: Connection(run), *next(addresses)))[1]
        for _ in range(orders["connections"])
    ]
    await asyncio.gather(*(each.done for each in connections))
    spent = time.perf_counter() - run.begun
    ordered = sorted(run.latencies)
    return {
        "requests": len(ordered),
        "rate": len(ordered) / spent,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[len(ordered) * 99 // 100],
        "bytes": run.bytes,
        "statuses": run.statuses,
        "cpu": time.process_time(),
        "last": run.number,
    }


if __name__ == "__main__":
    orders = json.load(sys.stdin)
    orders["request"] = Path(orders["request"]).read_bytes()
    sys.stdout.write(json.dumps(asyncio.run(main(orders))))
