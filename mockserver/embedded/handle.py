"""Handles of a running mock: its URLs, journal, scripts, costs and clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from mockserver.control.behavior import MAX_ADVANCE_SECONDS
from mockserver.embedded.thread import BlockingPortal
from mockserver.pipeline.endpoints.download import script_errors
from mockserver.pipeline.server_context import ServerContext
from mockserver.simulation.scripts import validate_script
from mockserver.state.clock import parse_time
from mockserver.state.journal import Query
from mockserver.state.statistics import pluralize
from mockserver.state.transcript import transcript

# pytest leaves the frames of this module out of a traceback: the last is the caller's.
__tracebackhide__ = True

Entry = dict[str, Any]
ScriptItems = Mapping[str, Any] | Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _MockHandle:
    """
    The URLs of a mock: `url` is its root, and `base_urls` are the providers' by id.

    `provider` is the default of all methods that take a provider; None for all.
    """

    url: str
    base_urls: Mapping[str, str] = field(repr=False)
    provider: str | None = None
    _context: ServerContext = field(repr=False)

    @property
    def base_url(self) -> str:
        """The base URL for clients, of `provider` or of the first one."""
        return self.base_urls[self.provider or next(iter(self.base_urls))]

    def url_for(self, provider: str) -> str:
        """Return the base URL of a provider; raises `ValueError` if not served."""
        return self.base_urls[self._check_provider(provider)]

    def bound_to(self, provider: str) -> Self:
        """
        Return a handle of the same mock with another default provider.

        Raises `ValueError` if it is not served.
        """
        return replace(self, provider=self._check_provider(provider))

    def _check_provider(self, provider: str) -> str:
        if provider not in self.base_urls:
            served = ", ".join(self.base_urls)
            raise ValueError(f"provider '{provider}' is not served; served: {served}")
        return provider

    def _build_query(self, provider: str | None, filters: Mapping[str, Any]) -> Query:
        known = [each.name for each in fields(Query)]
        unknown = [name for name in filters if name not in known]
        if unknown:
            raise TypeError(f"unknown filter '{unknown[0]}'; known: {', '.join(known)}")
        if provider is not None:
            self._check_provider(provider)
        return Query(provider=provider or self.provider, **filters)


class AsyncRunning(_MockHandle):
    """A mock that is served in the caller's event loop."""

    __slots__ = ()

    async def journal(self, provider: str | None = None, **query: Any) -> list[Entry]:
        """
        Return the journal entries that match, oldest first.

        Filters are the fields of `mockserver.state.journal.Query`: `operation`,
        `status`, `error`, `fault`, `namespace`, `request`, `image_of`, `task` and
        `since`.
        Raises `TypeError` for an unknown filter and `ValueError` for an unknown
        provider.
        """
        return await self._context.store.journal.entries(
            self._build_query(provider, query)
        )

    async def count(self, provider: str | None = None, **query: Any) -> int:
        """Return the number of matching journal entries; filters as for `journal`."""
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
        Return the matching journal entries as soon as there are `count`.

        Raises `TimeoutError` after `timeout` seconds; its message shows the journal.
        """
        journal, wanted = (
            self._context.store.journal,
            self._build_query(provider, query),
        )
        entries = await journal.wait(wanted, count=count, seconds=timeout)
        if len(entries) >= count:
            return entries
        filters = {"provider": wanted.provider, **query}
        text = ", ".join(
            f"{name}={value!r}" for name, value in filters.items() if value
        )
        raise TimeoutError(
            f"{len(entries)} of {pluralize(count, 'request')} received within "
            f"{timeout:g} s{f' with {text}' if text else ''}; the journal contains\n"
            f"{transcript(await journal.entries())}"
        )

    async def script(
        self, items: ScriptItems, provider: str | None = None, namespace: str = ""
    ) -> None:
        """
        Append one or several items to the script that the next requests follow.

        Items are `{"error": "rate_limited", "times": 2}`, `{"fault": "reset"}`,
        `{"latency_ms": 300}`, or `{"status": 524, "headers": {…}, "body": "…"}` for a
        response that no document has. Raises `ValueError` if an item is invalid, the
        script too long, or no provider is given and several are served.
        """
        if provider is not None:
            self._check_provider(provider)
        target = provider or self.provider
        if target is None:
            served = ", ".join(self.base_urls)
            raise ValueError(f"a script needs a provider; served: {served}")
        served_provider = self._context.provider_contexts[target].provider
        listed = [items] if isinstance(items, Mapping) else list(items)
        valid = validate_script(listed, script_errors(served_provider))
        await self._context.store.push(target, namespace, valid)

    async def reset(self, namespace: str | None = None) -> None:
        """Clear journal, scripts, quotas, totals and clock, or those of a namespace."""
        await self._context.reset(namespace)

    async def costs(self) -> dict[str, Any]:
        """Return the cost at list prices since the last reset, as `GET costs` does."""
        return (await self._context.store.totals()).costs()

    async def spent(self) -> dict[str, Any]:
        """Return the `total` of `costs` since the start of the mock, resets ignored."""
        total: dict[str, Any] = self._context.store.lifetime_totals.costs()["total"]
        return total

    async def advance(self, seconds: float) -> None:
        """
        Advance the mock's clock, so that links expire and quotas refill.

        Raises `ValueError` if `seconds` is negative or too large.
        """
        if not 0 <= seconds <= MAX_ADVANCE_SECONDS:
            raise ValueError(
                f"seconds must be from 0 to {MAX_ADVANCE_SECONDS}, not {seconds}"
            )
        clock = await self._sync_clock()
        clock.advance(seconds)
        await self._context.store.publish_clock()

    async def freeze(self, at: str | None = None) -> None:
        """
        Freeze the mock's clock at an ISO 8601 time, by default now.

        `reset` releases it. Raises `ValueError` if `at` is no such time.
        """
        clock = await self._sync_clock()
        clock.freeze(None if at is None else parse_time(at))
        await self._context.store.publish_clock()

    async def _sync_clock(self) -> Any:
        await self._context.store.sync_clock()
        return self._context.store.clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(_MockHandle):
    """
    A mock that is served from a thread: `AsyncRunning` without `await`.

    Methods may be called from any thread. They raise `RuntimeError` after the mock has
    ended, and in a forked process, where the URLs work but its thread does not exist.
    """

    _portal: BlockingPortal = field(repr=False)

    def journal(self, provider: str | None = None, **query: Any) -> list[Entry]:
        """Return matching journal entries; see `AsyncRunning.journal`."""
        return self._portal.call(self._async_handle.journal(provider, **query))

    def count(self, provider: str | None = None, **query: Any) -> int:
        """Return the number of matching entries; see `AsyncRunning.count`."""
        return self._portal.call(self._async_handle.count(provider, **query))

    def wait_for(
        self,
        count: int = 1,
        timeout: float = 5.0,
        *,
        provider: str | None = None,
        **query: Any,
    ) -> list[Entry]:
        """Wait for matching journal entries; see `AsyncRunning.wait_for`."""
        return self._portal.call(
            self._async_handle.wait_for(count, timeout, provider=provider, **query)
        )

    def script(
        self, items: ScriptItems, provider: str | None = None, namespace: str = ""
    ) -> None:
        """Append to the script of a provider; see `AsyncRunning.script`."""
        self._portal.call(self._async_handle.script(items, provider, namespace))

    def reset(self, namespace: str | None = None) -> None:
        """Clear the state; see `AsyncRunning.reset`."""
        self._portal.call(self._async_handle.reset(namespace))

    def costs(self) -> dict[str, Any]:
        """Return the cost at list prices; see `AsyncRunning.costs`."""
        return self._portal.call(self._async_handle.costs())

    def spent(self) -> dict[str, Any]:
        """Return the cost since the start; see `AsyncRunning.spent`."""
        return self._portal.call(self._async_handle.spent())

    def advance(self, seconds: float) -> None:
        """Advance the mock's clock; see `AsyncRunning.advance`."""
        self._portal.call(self._async_handle.advance(seconds))

    def freeze(self, at: str | None = None) -> None:
        """Freeze the mock's clock; see `AsyncRunning.freeze`."""
        self._portal.call(self._async_handle.freeze(at))

    @property
    def _async_handle(self) -> AsyncRunning:
        return AsyncRunning(
            url=self.url,
            base_urls=self.base_urls,
            provider=self.provider,
            _context=self._context,
        )
