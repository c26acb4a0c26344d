"""What a program that embeds a mock can ask of it, with and without `await`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from mockserver.control.behavior import MAX_ADVANCE_SECONDS
from mockserver.embedded.thread import BlockingPortal
from mockserver.pipeline.server_context import ServerContext
from mockserver.simulation.scripts import validate_script
from mockserver.state.clock import parse_time
from mockserver.state.journal import Query
from mockserver.state.statistics import pluralize
from mockserver.state.transcript import transcript

Entry = dict[str, Any]
ScriptItems = Mapping[str, Any] | Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _MockHandle:
    """
    Where a mock is: `url` is its root, `base_urls` are the providers'.

    With a `provider`, everything is about that one unless another is named.
    """

    url: str
    base_urls: Mapping[str, str] = field(repr=False)
    provider: str | None = None
    _context: ServerContext = field(repr=False)

    @property
    def base_url(self) -> str:
        """The base URL of the provider, or of the first; clients want nothing else."""
        return self.base_urls[self.provider or next(iter(self.base_urls))]

    def url_for(self, provider: str) -> str:
        """The base URL of a provider. Raises `ValueError` when it is not served."""
        return self.base_urls[self._check_provider(provider)]

    def bound_to(self, provider: str) -> Self:
        """The same mock, seen as that provider's. Raises `ValueError`."""
        return replace(self, provider=self._check_provider(provider))

    def _check_provider(self, provider: str) -> str:
        if provider not in self.base_urls:
            served = ", ".join(self.base_urls)
            raise ValueError(f"no provider '{provider}' here; served: {served}")
        return provider

    def _build_query(self, provider: str | None, filters: Mapping[str, Any]) -> Query:
        known = [each.name for each in fields(Query)]
        unknown = [name for name in filters if name not in known]
        if unknown:
            raise TypeError(f"no entry has '{unknown[0]}'; known: {', '.join(known)}")
        meant = self.provider if provider is None else self._check_provider(provider)
        return Query(provider=meant, **filters)


class AsyncRunning(_MockHandle):
    """A mock that is being served in the caller's loop."""

    __slots__ = ()

    async def journal(self, provider: str | None = None, **query: Any) -> list[Entry]:
        """
        The exchanges so far, oldest first: all, or those that a query means.

        A query takes the members of `mockserver.state.journal.Query`: `operation`,
        `status`, `error`, `fault`, `namespace`, `request` and `since`.
        """
        meant = self._build_query(provider, query)
        return await self._context.store.journal.entries(meant)

    async def count(self, provider: str | None = None, **query: Any) -> int:
        """How many exchanges there were, by a query as `journal` takes it."""
        return len(await self.journal(provider, **query))

    async def wait_for(
        self,
        count: int = 1,
        timeout: float = 5.0,
        *,
        provider: str | None = None,
        **query: Any,
    ) -> list[Entry]:
        """
        The entries that a query means, once there are so many.

        Raises `TimeoutError`, which tells what came instead, after so many seconds.
        """
        meant, journal = (
            self._build_query(provider, query),
            self._context.store.journal,
        )
        found = await journal.wait(meant, count=count, seconds=timeout)
        if len(found) >= count:
            return found
        came = await journal.entries()
        wanted = {"provider": meant.provider, **query}
        by = ", ".join(f"{name}={value!r}" for name, value in wanted.items() if value)
        raise TimeoutError(
            f"{len(found)} of {pluralize(count, 'exchange')} came within {timeout:g} s"
            f"{f' with {by}' if by else ''}; the journal has\n{transcript(came)}"
        )

    async def script(
        self, items: ScriptItems, provider: str | None = None, namespace: str = ""
    ) -> None:
        """
        What the next requests shall meet, in order: `{"error": "rate_limited",
        "times": 2}`, `{"fault": "reset"}`, `{"latency_ms": 300}`; one or several.

        Raises `ValueError` for an item that cannot be followed.
        """
        meant = self.provider if provider is None else self._check_provider(provider)
        if meant is None:
            served = ", ".join(self.base_urls)
            raise ValueError(f"name the provider of this script; served: {served}")
        operations = self._context.provider_contexts[meant].provider.operations.values()
        listed = [items] if isinstance(items, Mapping) else list(items)
        good = validate_script(listed, {each.id: each.errors for each in operations})
        await self._context.store.push(meant, namespace, good)

    async def reset(self, namespace: str | None = None) -> None:
        """A clean slate: of a namespace, or journal, scripts, sums, clock and all."""
        await self._context.reset(namespace)

    async def costs(self) -> dict[str, Any]:
        """What it would have cost live since the last reset, as `GET costs` has it."""
        return (await self._context.store.totals()).costs()

    async def spent(self) -> dict[str, Any]:
        """The `total` of `costs` since the start; `reset` takes nothing off it."""
        total: dict[str, Any] = self._context.store.lifetime_totals.costs()["total"]
        return total

    async def advance(self, seconds: float) -> None:
        """Move the mock's clock on: addresses expire, quotas fill up."""
        if not 0 <= seconds <= MAX_ADVANCE_SECONDS:
            raise ValueError(f"the clock goes on by seconds, 0 or more, not {seconds}")
        clock = await self._sync_clock()
        clock.advance(seconds)
        await self._context.store.publish_clock()

    async def freeze(self, at: str | None = None) -> None:
        """Stop the mock's clock at an ISO 8601 time, or now; `reset` lets it go on."""
        clock = await self._sync_clock()
        clock.freeze(None if at is None else parse_time(at))
        await self._context.store.publish_clock()

    async def _sync_clock(self) -> Any:
        await self._context.store.sync_clock()
        return self._context.store.clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(_MockHandle):
    """
    A mock that is being served from a thread: `AsyncRunning` without `await`.

    Any thread may ask it. `RuntimeError` is raised once it has ended, and in a process
    that was forked from its own, where its address is good and its thread is not.
    """

    _portal: BlockingPortal = field(repr=False)

    def journal(self, provider: str | None = None, **query: Any) -> list[Entry]:
        """The exchanges so far; see `AsyncRunning.journal`."""
        return self._portal.call(self._async_handle.journal(provider, **query))

    def count(self, provider: str | None = None, **query: Any) -> int:
        """How many exchanges there were; see `AsyncRunning.count`."""
        return self._portal.call(self._async_handle.count(provider, **query))

    def wait_for(
        self,
        count: int = 1,
        timeout: float = 5.0,
        *,
        provider: str | None = None,
        **query: Any,
    ) -> list[Entry]:
        """Wait for so many exchanges; see `AsyncRunning.wait_for`."""
        return self._portal.call(
            self._async_handle.wait_for(count, timeout, provider=provider, **query)
        )

    def script(
        self, items: ScriptItems, provider: str | None = None, namespace: str = ""
    ) -> None:
        """What the next requests shall meet; see `AsyncRunning.script`."""
        self._portal.call(self._async_handle.script(items, provider, namespace))

    def reset(self, namespace: str | None = None) -> None:
        """A clean slate; see `AsyncRunning.reset`."""
        self._portal.call(self._async_handle.reset(namespace))

    def costs(self) -> dict[str, Any]:
        """What it would have cost live; see `AsyncRunning.costs`."""
        return self._portal.call(self._async_handle.costs())

    def spent(self) -> dict[str, Any]:
        """What it would have cost since the start; see `AsyncRunning.spent`."""
        return self._portal.call(self._async_handle.spent())

    def advance(self, seconds: float) -> None:
        """Move the mock's clock on; see `AsyncRunning.advance`."""
        self._portal.call(self._async_handle.advance(seconds))

    def freeze(self, at: str | None = None) -> None:
        """Stop the mock's clock; see `AsyncRunning.freeze`."""
        self._portal.call(self._async_handle.freeze(at))

    @property
    def _async_handle(self) -> AsyncRunning:
        return AsyncRunning(
            url=self.url,
            base_urls=self.base_urls,
            provider=self.provider,
            _context=self._context,
        )
