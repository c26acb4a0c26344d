"""A receiver of webhooks on a real socket, which responds as a test wants."""

import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.http import eventually


@dataclass
class Receiver:
    """The webhooks that came: their headers and bodies, in their order."""

    url: str = ""
    statuses: deque[int] = field(default_factory=deque)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def wait(self, count: int) -> list[Any]:
        """The webhooks as JSON, as soon as there are so many."""
        eventually(lambda: len(self.bodies) >= count)
        return [json.loads(each) for each in self.bodies]


@contextmanager
def receiving(statuses: Sequence[int] = ()) -> Iterator[Receiver]:
    """A receiver that responds with these statuses, and with 200 after them."""
    receiver = Receiver(statuses=deque(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.statuses.popleft() if receiver.statuses else 200
            receiver.headers.append(
                {name.lower(): value for name, value in self.headers.items()}
            )
            receiver.bodies.append(body)
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
