"""Memory that is given back while no request comes."""

import asyncio

import pytest
from aiohttp import ClientSession
from support.http import eventually, generation

from mockserver.app import SERVER_CONTEXT, create_app
from mockserver.embedded.thread import serve_in_loop
from mockserver.media.image.drawing import encode
from mockserver.server.idle_memory import release_when_idle
from mockserver.settings import Settings

IDLE_TIME = 1.0  # seconds


@pytest.mark.providers("openai")
def test_cached_files_are_released_and_rendered_again(provider):
    app = create_app([provider], Settings())
    context = app[SERVER_CONTEXT]

    def is_released() -> bool:
        return not context.render_cache and not encode._bases

    async def use() -> None:
        async with serve_in_loop(app) as url, ClientSession() as session:
            release = asyncio.create_task(release_when_idle(context, IDLE_TIME))
            images = []
            for _ in range(2):
                images.append(await generated(session, url))
                await asyncio.to_thread(eventually, is_released)
            assert images[0] == images[1]
            release.cancel()

    async def generated(session: ClientSession, url: str) -> list[str]:
        path = f"{url}/openai/v1/images/generations"
        key = {"Authorization": "Bearer a-secret-key"}
        body = generation(provider, size="1536x1024", output_format="webp")
        async with session.post(path, json=body, headers=key) as answer:
            body = await answer.json()
        assert answer.status == 200, body
        assert context.render_cache
        assert encode._bases
        return [each["b64_json"] for each in body["data"]]

    asyncio.run(use())
