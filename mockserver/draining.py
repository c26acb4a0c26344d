"""An end in good order: nothing new is let in, what has begun is finished."""

import asyncio

from aiohttp import web

TICK = 0.02
PATIENCE = 0.25


class Connection(web.RequestHandler):
    """
    A connection that can be asked to leave without losing a request.

    What aiohttp does by itself is to stop reading from every connection at once: a
    body that is half read then never ends, and its client never gets an answer.
    """

    __slots__ = ("half_read", "heard", "leaving")

    def __init__(self, manager: web.Server, *, loop: asyncio.AbstractEventLoop) -> None:
        # None is how aiohttp turns its own log off.
        super().__init__(manager, loop=loop, access_log=None)  # type: ignore[arg-type]
        self.heard = False
        self.half_read = False
        self.leaving = False

    def data_received(self, data: bytes) -> None:
        self.heard = True
        super().data_received(data)
        # Bytes that came while it waited for a request, and are not yet its whole head.
        self.half_read = self._waiter is not None and not self._messages

    async def finish_response(
        self,
        request: web.BaseRequest,
        resp: web.StreamResponse,
        start_time: float | None,
    ) -> tuple[web.StreamResponse, bool]:
        if self.leaving:
            resp.force_close()  # tells the client, and ends the connection
        return await super().finish_response(request, resp, start_time)

    def leave(self, *, patient: bool) -> None:
        """
        Close now when it is idle, else after the answer that is due.

        A client that has connected and not yet spoken is waited for while `patient`.
        """
        self.leaving = True
        is_waiting = self._waiter is not None and not self._messages
        if is_waiting and not self.half_read and (self.heard or not patient):
            self.force_close()


async def drain(accepting: asyncio.Server, runner: web.AppRunner, grace: float) -> None:
    """
    Let what is under way end, for `grace` seconds; then close what is left.

    `runner` must have been set up and `accepting` have made `Connection`s of it.
    """
    loop = asyncio.get_running_loop()
    await asyncio.sleep(TICK)  # take in what the kernel has accepted for us
    for listener in accepting.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(TICK)  # one just accepted must be a connection before the close
    accepting.close()
    await runner.shutdown()  # the application's own streams end themselves
    begun = loop.time()
    await asyncio.sleep(TICK)
    server = runner.server
    while server is not None and server.connections:
        spent = loop.time() - begun
        if spent > grace:
            break
        for each in server.connections:
            if isinstance(each, Connection):
                each.leave(patient=spent < PATIENCE)
        await asyncio.sleep(TICK)
    await runner.cleanup()
