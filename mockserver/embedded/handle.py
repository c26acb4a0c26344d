"""What a program that embeds a mock can ask of it, with and without `await`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from mockserver.control.api import MAX_ADVANCE
from mockserver.embedded.thread import Portal
from mockserver.pipeline.house import House
from mockserver.simulation.triggers import checked
from mockserver.state.clock import moment
from mockserver.state.journal import Query
from mockserver.state.statistics import counted
from mockserver.state.transcript import transcript

Entry = dict[str, Any]
Items = Mapping[str, Any] | Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mock:
    """
    Where a mock is: `url` is its root, `base_urls` are the providers'.

    With a `provider`, everything is about that one unless another is named.
    """

    url: str
    base_urls: Mapping[str, str] = field(repr=False)
    provider: str | None = None
    _house: House = field(repr=False)

    @property
    def base_url(self) -> str:
        """The base URL of the provider, or of the first; clients want nothing else."""
        return self.base_urls[self.provider or next(iter(self.base_urls))]

    def url_for(self, provider: str) -> str:
        """The base URL of a provider. Raises `ValueError` when it is not served."""
        return self.base_urls[self._known(provider)]

    def bound_to(self, provider: str) -> Self:
        """The same mock, seen as that provider's. Raises `ValueError`."""
        return replace(self, provider=self._known(provider))

    def _known(self, provider: str) -> str:
        if provider not in self.base_urls:
            served = ", ".join(self.base_urls)
            raise ValueError(f"no provider '{provider}' here; served: {served}")
        return provider

    def _query(self, provider: str | None, asked: Mapping[str, Any]) -> Query:
        known = [each.name for each in fields(Query)]
        unknown = [name for name in asked if name not in known]
        if unknown:
            raise TypeError(f"no entry has '{unknown[0]}'; known: {', '.join(known)}")
        meant = self.provider if provider is None else self._known(provider)
        return Query(provider=meant, **asked)


class AsyncRunning(_Mock):
    """A mock that is being served in the caller's loop."""

    __slots__ = ()

    async def journal(self, provider: str | None = None, **query: Any) -> list[Entry]:
        """
        The exchanges so far, oldest first: all, or those that a query means.

        A query takes the members of `mockserver.state.journal.Query`: `operation`,
        `status`, `error`, `fault`, `namespace`, `request` and `since`.
        """
        meant = self._query(provider, query)
        return await self._house.memory.journal.entries(meant)

    async def count(self, provider: str | None = None, **query: Any) -> int:
        """How many exchanges there were, by a query as `journal` takes it."""
        return len(await self.journal(provider, **query))

    async def wait_for(
        self,
        count: int = 1,
        timeout: float = 5.0,  # noqa: ASYNC109 -- of this wait, not of the task
        *,
        provider: str | None = None,
        **query: Any,
    ) -> list[Entry]:
        """
        The entries that a query means, once there are so many.

        Raises `TimeoutError`, which tells what came instead, after so many seconds.
        """
        meant, journal = self._query(provider, query), self._house.memory.journal
        found = await journal.wait(meant, count=count, seconds=timeout)
        if len(found) >= count:
            return found
        came = await journal.entries()
        wanted = {"provider": meant.provider, **query}
        by = ", ".join(f"{name}={value!r}" for name, value in wanted.items() if value)
        raise TimeoutError(
            f"{len(found)} of {counted(count, 'exchange')} came within {timeout:g} s"
            f"{f' with {by}' if by else ''}; the journal has\n{transcript(came)}"
        )

    async def script(
        self, items: Items, provider: str | None = None, namespace: str = ""
    ) -> None:
        """
        What the next requests shall meet, in order: `{"error": "rate_limited",
        "times": 2}`, `{"fault": "reset"}`, `{"latency_ms": 300}`; one or several.

        Raises `ValueError` for an item that cannot be followed.
        """
        meant = self.provider if provider is None else self._known(provider)
        if meant is None:
            served = ", ".join(self.base_urls)
            raise ValueError(f"name the provider of this script; served: {served}")
        operations = self._house.services[meant].provider.operations.values()
        listed = [items] if isinstance(items, Mapping) else list(items)
        good = checked(listed, {each.id: each.errors for each in operations})
        await self._house.memory.push(meant, namespace, good)

    async def reset(self, namespace: str | None = None) -> None:
        """A clean slate: of a namespace, or journal, scripts, sums, clock and all."""
        await self._house.reset(namespace)

    async def costs(self) -> dict[str, Any]:
        """What it would have cost live since the last reset, as `GET costs` has it."""
        return (await self._house.memory.totals()).costs()

    async def spent(self) -> dict[str, Any]:
        """The `total` of `costs` since the start; `reset` takes nothing off it."""
        total: dict[str, Any] = self._house.memory.lifetime.costs()["total"]
        return total

    async def advance(self, seconds: float) -> None:
        """Move the mock's clock on: addresses expire, quotas fill up."""
        if not 0 <= seconds <= MAX_ADVANCE:
            raise ValueError(f"the clock goes on by seconds, 0 or more, not {seconds}")
        clock = await self._clock()
        clock.advance(seconds)
        await self._house.memory.set_clock()

    async def freeze(self, at: str | None = None) -> None:
        """Stop the mock's clock at an ISO 8601 time, or now; `reset` lets it go on."""
        clock = await self._clock()
        clock.freeze(None if at is None else moment(at))
        await self._house.memory.set_clock()

    async def _clock(self) -> Any:
        await self._house.memory.refresh()
        return self._house.memory.clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(_Mock):
    """
    A mock that is being served from a thread: `AsyncRunning` without `await`.

    Any thread may ask it. `RuntimeError` is raised once it has ended, and in a process
    that was forked from its own, where its address is good and its thread is not.
    """

    _portal: Portal = field(repr=False)

    def journal(self, provider: str | None = None, **query: Any) -> list[Entry]:
        """The exchanges so far; see `AsyncRunning.journal`."""
        return self._portal.call(self._inside.journal(provider, **query))

    def count(self, provider: str | None = None, **query: Any) -> int:
        """How many exchanges there were; see `AsyncRunning.count`."""
        return self._portal.call(self._inside.count(provider, **query))

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
            self._inside.wait_for(count, timeout, provider=provider, **query)
        )

    def script(
        self, items: Items, provider: str | None = None, namespace: str = ""
    ) -> None:
        """What the next requests shall meet; see `AsyncRunning.script`."""
        self._portal.call(self._inside.script(items, provider, namespace))

    def reset(self, namespace: str | None = None) -> None:
        """A clean slate; see `AsyncRunning.reset`."""
        self._portal.call(self._inside.reset(namespace))

    def costs(self) -> dict[str, Any]:
        """What it would have cost live; see `AsyncRunning.costs`."""
        return self._portal.call(self._inside.costs())

    def spent(self) -> dict[str, Any]:
        """What it would have cost since the start; see `AsyncRunning.spent`."""
        return self._portal.call(self._inside.spent())

    def advance(self, seconds: float) -> None:
        """Move the mock's clock on; see `AsyncRunning.advance`."""
        self._portal.call(self._inside.advance(seconds))

    def freeze(self, at: str | None = None) -> None:
        """Stop the mock's clock; see `AsyncRunning.freeze`."""
        self._portal.call(self._inside.freeze(at))

    @property
    def _inside(self) -> AsyncRunning:
        return AsyncRunning(
            url=self.url,
            base_urls=self.base_urls,
            provider=self.provider,
            _house=self._house,
        )
