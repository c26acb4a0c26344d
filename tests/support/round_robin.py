"""A front that distributes TCP connections over servers in turn."""

import select
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

Address = tuple[str, int]


class RoundRobin(socketserver.ThreadingTCPServer):
    """
    Connections go to `servers` in turn; one that is refused goes to the next.

    `connections` counts them by server. The list of servers may be replaced.
    """

    def __init__(self, *servers: Address) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.servers = list(servers)
        self.connections: Counter[Address] = Counter()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.server_address)

    def connect(self) -> socket.socket:
        with self._lock:
            for address in list(self.servers):
                self.servers = [*self.servers[1:], address]
                with suppress(ConnectionRefusedError):
                    opened = socket.create_connection(address)
                    self.connections[address] += 1
                    return opened
        raise ConnectionRefusedError


class Handler(socketserver.BaseRequestHandler):
    server: RoundRobin

    def handle(self) -> None:
        with suppress(OSError), self.server.connect() as upstream:
            targets = {self.request: upstream, upstream: self.request}
            while targets:
                for source in select.select([*targets], [], [])[0]:
                    if data := source.recv(65536):
                        targets[source].sendall(data)
                    else:
                        targets.pop(source).shutdown(socket.SHUT_WR)


@contextmanager
def round_robin(*servers: Address) -> Iterator[RoundRobin]:
    with RoundRobin(*servers) as front:
        thread = threading.Thread(target=front.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join()
