"""A gateway in front of the mock that is called differently than documented."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from mockserver.embedded.starter import serve_in_thread


@dataclass
class Gateway:
    """
    A gateway in front of a mock that calls it as documented.

    It refuses requests without its `headers` and `query`, takes the key from `auth`,
    and knows the models `models` only, by its own names. A path `base` stands for that
    of the mock. With `echo`, it sends back all that it got, with status 500. `requests`
    are all that came: headers, query and body.
    """

    upstream: str
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    auth: str = "bearer"
    models: dict[str, str] = field(default_factory=dict)
    base: tuple[str, str] = ("", "")
    echo: bool = False
    requests: list[tuple[CIMultiDict[str], dict[str, str], bytes]] = field(
        default_factory=list
    )

    async def handle(self, incoming: web.Request) -> web.Response:
        body = await incoming.read()
        query = dict(parse_qsl(incoming.query_string, keep_blank_values=True))
        self.requests.append((incoming.headers.copy(), query, body))
        if self.echo:
            text = json.dumps([dict(incoming.headers), incoming.path_qs])
            return web.Response(text=text, status=500, headers={"X-Echo": text})
        if any(incoming.headers.get(key) != each for key, each in self.headers.items()):
            return self._refuse(400, "a header is missing")
        if dict(parse_qsl(self.query)).items() - query.items():
            return self._refuse(404, "Resource not found")
        sent = {}
        if "Content-Type" in incoming.headers:
            sent["Content-Type"] = incoming.headers["Content-Type"]
        if (key := self._authorization(incoming, query)) is not None:
            sent["Authorization"] = key
        if self.models:
            names = [each for each in self.models if each.encode() in body]
            if not names:
                return self._refuse(404, "model_not_found")
            body = body.replace(names[0].encode(), self.models[names[0]].encode())
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                incoming.method,
                self.upstream + incoming.path.replace(*self.base),
                params=query,
                data=body,
                headers=sent,
            ) as answer,
        ):
            names = ("Content-Type", "X-Request-Id", "Retry-After")
            kept = {
                each: answer.headers[each] for each in names if each in answer.headers
            }
            return web.Response(
                body=await answer.read(), status=answer.status, headers=kept
            )

    def _authorization(self, incoming: web.Request, query) -> str | None:
        place, _, name = self.auth.partition(":")
        if place == "bearer":
            return incoming.headers.get("Authorization")
        if place == "none":
            return "Bearer upstream"
        key = incoming.headers.get(name) if place == "header" else query.get(name)
        return None if key is None else f"Bearer {key}"

    def _refuse(self, status: int, message: str) -> web.Response:
        error = {"message": message, "type": "invalid_request_error"}
        return web.json_response({"error": error}, status=status)


@contextmanager
def gateway(upstream: str, **wants) -> Iterator[tuple[Gateway, str]]:
    """Start a gateway; yields it and its origin."""
    server = Gateway(upstream, **wants)
    app = web.Application(client_max_size=128 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", server.handle)
    with serve_in_thread(app) as (url, _):
        yield server, url
