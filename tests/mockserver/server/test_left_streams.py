"""Endless streams after their client left, in a server that cancels no handler."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from faulty_servers.tasks.catalogue import with_heartbeat
from support.tasks import operations_with

import specs
from mockserver.app import create_app
from mockserver.control import journal
from mockserver.settings import Settings
from specs import Role

NEVER = 3600.0  # seconds
PATIENCE = 1500  # hundredths of a second


@asynccontextmanager
async def served(provider):
    """The base URL of a mock in the event loop."""
    runner = web.AppRunner(
        create_app([provider], Settings()), handler_cancellation=False
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def ends_when_left(provider, path):
    """True if no task of a stream is left after its client closed the connection."""
    async with served(provider) as url:
        idle = asyncio.all_tasks()
        async with ClientSession(headers={"Authorization": "Bearer sk-1"}) as client:
            stream = await client.get(url + path)
            assert stream.status == 200
            await stream.content.readline()
            assert asyncio.all_tasks() - idle
            stream.close()
        for _ in range(PATIENCE):
            if not asyncio.all_tasks() - idle:
                return True
            await asyncio.sleep(0.01)
        return False


@pytest.mark.parametrize(("of", "operation"), operations_with(Role.EVENTS))
def test_a_stream_of_tasks_ends(of, operation):
    provider = with_heartbeat(of.provider, NEVER)
    path = f"/{provider.id}{provider.full_path(operation)}"

    assert asyncio.run(ends_when_left(provider, path))


def test_a_stream_of_journal_entries_ends(monkeypatch):
    monkeypatch.setattr(journal, "HEARTBEAT_INTERVAL", NEVER)

    assert asyncio.run(ends_when_left(specs.load("tokenhub"), "/__mock__/events"))
