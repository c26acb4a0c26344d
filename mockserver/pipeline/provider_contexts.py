"""The contexts of the providers of a server; each is made when it is first used."""

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from mockserver.pipeline.provider_context import ProviderContext
    from specs import Operation, Provider, ProviderEntry

    Handler = Callable[
        [web.Request, Operation, ProviderContext], Awaitable[web.StreamResponse]
    ]
    Route = tuple[Handler, Operation, ProviderContext]


class ProviderContexts(Mapping[str, "ProviderContext"]):
    """
    The contexts of providers by id; the first use of one loads its documents.

    `routes` has the handler, operation and context of each operation of the loaded
    providers, by method and path; not those with a path parameter.
    """

    def __init__(
        self,
        entries: "Sequence[ProviderEntry]",
        make: "Callable[[Provider], ProviderContext]",
    ) -> None:
        self.routes: dict[tuple[str, str], Route] = {}
        self._entries = {each.id: each for each in entries}
        self._make = make
        self._made: dict[str, ProviderContext] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> "ProviderContext":
        context = self._made.get(name)
        if context is None:
            entry = self._entries[name]
            with self._lock:
                context = self._made.get(name)
                if context is None:
                    context = self._make(entry.provider)
                    self.routes.update(_routes(name, context))
                    self._made[name] = context
        return context

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def is_loaded(self, name: str) -> bool:
        return name in self._made


def _routes(
    name: str, context: "ProviderContext"
) -> Iterator[tuple[tuple[str, str], "Route"]]:
    """Yield method and path of each operation that has no path parameter."""
    from mockserver.pipeline.handler import handle_request

    provider = context.provider
    if not provider.base_path:
        return
    for operation in provider.all_operations.values():
        if not operation.has_template:
            path = f"/{name}{provider.full_path(operation)}"
            yield (operation.method, path), (handle_request, operation, context)
