"""Say which URL was meant by a path that no endpoint has."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Self

from aiohttp import hdrs, web

from mockserver.pipeline.endpoints.examples import served_path
from mockserver.pipeline.endpoints.models import MODELS_PATH
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.settings import CONTROL_PREFIX
from specs import Operation, Provider

MIN_SIMILARITY = 0.8
MAX_PATH_LENGTH = 200
MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path of the mock; `operation` is None for the list of models."""

    method: str
    path: str
    base: str
    operation: Operation | None = None

    @classmethod
    def all_of(cls, provider: Provider) -> list[Self]:
        found = []
        for operation in provider.all_operations.values():
            path = served_path(provider, operation)
            base = path.removesuffix(operation.path)
            found.append(cls(operation.method, path, base, operation))
        base = _base(provider)
        return [*found, cls(hdrs.METH_GET, f"{base}{MODELS_PATH}", base)]

    @property
    def has_parameters(self) -> bool:
        return self.operation is not None and self.operation.has_template

    def with_end_of(self, segments: Sequence[str]) -> str | None:
        """The path of this endpoint, if the segments end as its own do; else None."""
        own = self.path.removeprefix(self.base)
        end = f"/{'/'.join(segments[-own.count('/') :])}"
        if self.operation is None or not self.has_parameters:
            return self.path if end.lower() == own else None
        matches = self.operation.path_pattern.fullmatch(end)
        return f"{self.base}{end}" if matches else None


def unknown_endpoint(request: web.Request, provider: Provider, root: str) -> str:
    """The message for an unknown path of a provider; `root` is the server's URL."""
    endpoints = Endpoint.all_of(provider)
    nearest = sorted(
        endpoints, key=lambda each: _similarity(request, each), reverse=True
    )[:MAX_SHOWN]
    served = [f"{each.method} {root}{each.path}" for each in nearest]
    more = len(endpoints) - len(nearest)
    which = "served are" if not more else f"the nearest of {len(endpoints)} are"
    rest = f" (all: {root}{CONTROL_PREFIX}/providers)" if more else ""
    return "; ".join(
        [
            f"{request.method} {request.path[:MAX_PATH_LENGTH]}: unknown endpoint",
            *_did_you_mean(request.path, root, [provider]),
            f"the base URL is {root}{_base(provider)}",
            f"{which} {', '.join(served)}{rest}",
            *_inspector(request, root),
        ]
    )


def _similarity(request: web.Request, endpoint: Endpoint) -> tuple[float, bool]:
    """Compares to that of another endpoint: the higher the more alike."""
    path = request.path[:MAX_PATH_LENGTH]
    ratio = SequenceMatcher(None, path, endpoint.path, autojunk=False).ratio()
    return round(ratio, 2), endpoint.method == request.method


def unknown_provider(
    request: web.Request, contexts: Mapping[str, ProviderContext], root: str
) -> str:
    """The message for a path that is not below a provider."""
    providers = [each.provider for each in contexts.values()]
    return "; ".join(
        [
            f"No provider at '{request.path[:MAX_PATH_LENGTH]}'",
            f"base paths are: {', '.join(map(_base, providers))}",
            *_inspector(request, root),
            *_did_you_mean(request.path, root, providers),
        ]
    )


def _base(provider: Provider) -> str:
    return f"/{provider.id}{provider.base_path}"


def _inspector(request: web.Request, root: str) -> Iterator[str]:
    """Name the inspector: the URL may have been opened in a browser or with curl."""
    if request.method == hdrs.METH_GET:
        yield f"the inspector is at {root}{CONTROL_PREFIX}/"


def _did_you_mean(path: str, root: str, providers: Iterable[Provider]) -> Iterator[str]:
    meant = meant_paths(path, providers)
    if meant:
        yield f"did you mean {' or '.join(f'{root}{each}' for each in meant)}?"


def meant_paths(path: str, providers: Iterable[Provider]) -> list[str]:
    """
    The paths of endpoints that a path may stand for, or none.

    They end with the same segments: the base path may be missing, doubled or another
    one, and slashes may be too many. Those without path parameters come first. Without
    such paths it is the most similar one.
    """
    segments = [each for each in path[:MAX_PATH_LENGTH].split("/") if each]
    joined = f"/{'/'.join(segments)}"
    same_end: dict[str, Endpoint] = {}
    fixed_paths: list[str] = []
    for provider in providers:
        for endpoint in Endpoint.all_of(provider):
            found = endpoint.with_end_of(segments)
            if found is not None:
                same_end.setdefault(found, endpoint)
            if not endpoint.has_parameters:
                fixed_paths.append(endpoint.path)
    fixed = [each for each, one in same_end.items() if not one.has_parameters]
    ending = fixed or list(same_end)
    same_base = [
        each
        for each in ending
        if each.endswith(joined) and each.count("/") == len(segments) + 1
    ]
    if ending:
        return (same_base or ending)[:MAX_SHOWN]
    return get_close_matches(joined, fixed_paths, 1, MIN_SIMILARITY)
