"""Say which URL was meant by a path that no endpoint has."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from aiohttp import hdrs, web

from mockserver.pipeline.endpoints.models import MODELS_PATH
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.settings import CONTROL_PREFIX
from specs import Provider

MIN_SIMILARITY = 0.8
MAX_PATH_LENGTH = 200


def unknown_endpoint(request: web.Request, provider: Provider, root: str) -> str:
    """The message for an unknown path of a provider; `root` is the server's URL."""
    served = [f"{each.method} {each.path}" for each in provider.all_operations.values()]
    return "; ".join(
        [
            f"{request.method} {request.path[:MAX_PATH_LENGTH]}: unknown endpoint",
            f"the base URL is {root}{_base(provider)}",
            f"served are {', '.join(served)}, GET {MODELS_PATH}",
            *_inspector(request, root),
            *_did_you_mean(request.path, root, [provider]),
        ]
    )


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
    one, and slashes may be too many. Without such paths it is the most similar one.
    """
    segments = [each for each in path[:MAX_PATH_LENGTH].split("/") if each]
    same_end: list[str] = []
    same_base: list[str] = []
    known: list[str] = []
    for provider in providers:
        paths = [
            each.path
            for each in provider.all_operations.values()
            if not (each.has_template or each.server_url)
        ]
        for endpoint in dict.fromkeys([*paths, MODELS_PATH]):
            known.append(f"{_base(provider)}{endpoint}")
            end = endpoint.strip("/").split("/")
            if [each.lower() for each in segments[-len(end) :]] == end:
                same_end.append(known[-1])
                if f"/{'/'.join(segments)}" == f"{provider.base_path}{endpoint}":
                    same_base.append(known[-1])
    similar = f"/{'/'.join(segments)}"
    return (
        same_base
        or same_end
        or get_close_matches(similar, known, n=1, cutoff=MIN_SIMILARITY)
    )
