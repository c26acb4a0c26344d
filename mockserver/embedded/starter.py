"""A mock beside its caller: `with` in a thread of its own, `async with` in its loop."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

import specs
from mockserver.app import SERVER_CONTEXT, create_app
from mockserver.embedded.handle import AsyncRunning, Running
from mockserver.embedded.thread import serve_in_loop, serve_in_thread
from mockserver.settings import Limits, Quotas, Settings
from mockserver.simulation.latency import Latency
from mockserver.state.clock import parse_time
from mockserver.state.factory import check_state

__all__ = ["AsyncRunning", "Running", "running", "serve_in_thread"]


class MockContextManager:
    """A mock to come: `with` gives a `Running`, `async with` an `AsyncRunning`."""

    def __init__(
        self,
        providers: Sequence[str | specs.Provider],
        settings: Settings,
        specs_path: str | Path | None,
        port: int,
    ) -> None:
        self._providers = providers
        self._settings = settings
        self._spec_folders = [specs_path] if specs_path else []
        self._port = port
        self._exit_stack = ExitStack()
        self._async_exit_stack = AsyncExitStack()

    def __enter__(self) -> Running:
        app = self._create_app()
        url, portal = self._exit_stack.enter_context(serve_in_thread(app, self._port))
        return Running(**self._handle_arguments(app, url), _portal=portal)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit_stack.__exit__(kind, error, trace)

    async def __aenter__(self) -> AsyncRunning:
        app = self._create_app()
        url = await self._async_exit_stack.enter_async_context(
            serve_in_loop(app, self._port)
        )
        return AsyncRunning(**self._handle_arguments(app, url))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._async_exit_stack.__aexit__(kind, error, trace)

    def _create_app(self) -> web.Application:
        check_state(self._settings.state)
        loaded = [
            each
            if isinstance(each, specs.Provider)
            else specs.load(each, *self._spec_folders)
            for each in self._providers or specs.names(*self._spec_folders)
        ]
        return create_app(loaded, self._settings)

    def _handle_arguments(self, app: web.Application, url: str) -> dict[str, Any]:
        providers = [
            each.provider for each in app[SERVER_CONTEXT].provider_contexts.values()
        ]
        return {
            "url": url,
            "base_urls": {
                each.id: f"{url}/{each.id}{each.base_path}" for each in providers
            },
            "provider": providers[0].id if len(providers) == 1 else None,
            "_context": app[SERVER_CONTEXT],
        }


def running(
    *providers: str | specs.Provider,
    settings: Settings | None = None,
    specs_path: str | Path | None = None,
    port: int = 0,
    **options: Any,
) -> MockContextManager:
    """
    A mock of the providers named (all, when none is), until the block ends.

    `with` serves it from a thread of its own, `async with` in the loop at hand.
    Options are the members of `Settings`, `Quotas` and `Limits`, over `settings`:
    `seed=7`, `strict=True`, `latency="200..800"`, `frozen="2026-05-04T12:00:00Z"`,
    `requests_per_minute=2`, `body_timeout=5`.

    Raises `TypeError` for an unknown option and, as the block begins, `SpecError` for
    an unknown provider, `StateError` for a state that cannot be had and `OSError` for a
    port in use.
    """
    chosen = _with_options(settings or Settings(), options)
    return MockContextManager(providers, chosen, specs_path, port)


def _with_options(settings: Settings, options: Mapping[str, Any]) -> Settings:
    inner = {
        each.name: part
        for part, kind in (("quotas", Quotas), ("limits", Limits))
        for each in fields(kind)
    }
    known = {each.name for each in fields(Settings)} | set(inner)
    for name in options:
        if name not in known:
            raise TypeError(f"no option '{name}'; known: {', '.join(sorted(known))}")
    given = {name: value for name, value in options.items() if name not in inner}
    if isinstance(given.get("latency"), str | int | float):
        given["latency"] = Latency.parse(str(given["latency"]))
    if isinstance(given.get("frozen"), str):
        given["frozen"] = parse_time(given["frozen"])
    chosen = replace(settings, **given)
    for name, part in inner.items():
        if name in options:
            changed = replace(getattr(chosen, part), **{name: options[name]})
            chosen = replace(chosen, **{part: changed})
    return chosen
