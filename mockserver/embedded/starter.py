"""Start a mock in this process: in a thread, or in the running event loop."""

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
from mockserver.simulation.task_mode import parse_mode
from mockserver.state.clock import parse_time
from mockserver.state.factory import check_state

__all__ = ["AsyncRunning", "Running", "running", "serve_in_thread"]


class MockContextManager:
    """Starts a mock: `with` returns a `Running`, `async with` an `AsyncRunning`."""

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
    Serve a mock of some providers, by default of all, until the block ends.

    `with running(…) as mock` serves it from a thread; `mock` is a `Running`.
    `async with running(…) as mock` serves it in the running event loop; `mock` is an
    `AsyncRunning`. Both have the URLs, journal, scripts, costs and clock of the mock.

    `providers` are ids or loaded providers, `specs_path` is a folder of further
    providers, and `port` 0 chooses a free port of 127.0.0.1. Options are the fields of
    `Settings`, `Quotas` and `Limits`, and override `settings`: `seed=7`, `strict=True`,
    `latency="200..800"`, `frozen="2026-05-04T12:00:00Z"`, `requests_per_minute=2`,
    `cors="*"`, `body_timeout=5`.

    Raises `TypeError` for an unknown option and `ValueError` for an invalid latency or
    time. When the block begins, it raises `specs.SpecError` for an unknown provider or
    an invalid document, `StateError` for a state store that is misconfigured or cannot
    be reached, and `OSError` for a port in use.
    """
    merged = _with_options(settings or Settings(), options)
    return MockContextManager(providers, merged, specs_path, port)


def _with_options(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """Return settings with options applied, those of quotas and limits included."""
    nested = {
        field.name: group
        for group, kind in (("quotas", Quotas), ("limits", Limits))
        for field in fields(kind)
    }
    known = {each.name for each in fields(Settings)} | set(nested)
    for name in options:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise TypeError(f"unknown option '{name}'; known: {listed}")
    direct = {name: value for name, value in options.items() if name not in nested}
    if isinstance(direct.get("cors"), str):
        direct["cors"] = (direct["cors"],)
    if isinstance(direct.get("webhook_hosts"), str):
        direct["webhook_hosts"] = (direct["webhook_hosts"],)
    if isinstance(direct.get("tasks"), str):
        direct["tasks"] = parse_mode(direct["tasks"])
    if isinstance(direct.get("latency"), str | int | float):
        direct["latency"] = Latency.parse(str(direct["latency"]))
    if isinstance(direct.get("frozen"), str):
        direct["frozen"] = parse_time(direct["frozen"])
    merged = replace(settings, **direct)
    for name, group in nested.items():
        if name in options:
            changed = replace(getattr(merged, group), **{name: options[name]})
            merged = replace(merged, **{group: changed})
    return merged
