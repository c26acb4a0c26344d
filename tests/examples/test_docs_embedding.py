import asyncio

from openai import AsyncOpenAI, OpenAI

import mockserver

BOAT = {"model": "gpt-image-2", "prompt": "A paper boat"}


def test_in_a_thread():
    with (
        mockserver.running("openai", seed=7) as mock,
        OpenAI(base_url=mock.base_url, api_key="anything") as client,
    ):
        client.images.generate(**BOAT)

        assert mock.count(status=200) == 1


def test_in_the_running_loop():
    async def main():
        async with (
            mockserver.running("openai", strict=True) as mock,
            AsyncOpenAI(base_url=mock.base_url, api_key="anything") as client,
        ):
            await mock.script([{"fault": "reset"}, {"latency_ms": 50}])
            await client.images.generate(**BOAT)
            return await mock.wait_for(2)

    assert [entry["outcome"] for entry in asyncio.run(main())] == ["reset", "answered"]
