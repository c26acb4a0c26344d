"""Descriptions of the providers of a server, for the control API."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from mockserver.pipeline.endpoints.examples import example_requests, served_path
from mockserver.pipeline.provider_context import ProviderContext
from specs import KeyScheme, Operation, Provider


def describe_providers(
    provider_contexts: Mapping[str, ProviderContext], base: str
) -> list[dict[str, Any]]:
    """The served providers; `base` is the root URL of the server."""
    return [_describe(context.provider, base) for context in provider_contexts.values()]


def _describe(provider: Provider, base: str) -> dict[str, Any]:
    operations = provider.all_operations.values()
    key = _key_place(provider.key_schemes)
    return {
        "id": provider.id,
        "title": provider.title,
        **({"as_of": provider.day} if provider.day else {}),
        "base_url": f"{base}/{provider.id}{provider.base_path}",
        "model": provider.dialect.model,
        "operations": {
            each.id: f"{each.method} {_path(provider, each)}" for each in operations
        },
        "urls": {
            each.id: f"{base}{served_path(provider, each)}" for each in operations
        },
        "roles": {each.id: each.task.role for each in operations if each.task},
        "states": {
            state.name: state.phase
            for kind in provider.tasks.values()
            for state in kind.states.values()
        },
        "examples": example_requests(provider),
        "key": key,
        "keys": {
            each.id: own
            for each in operations
            if each.key_schemes and (own := _key_place(each.key_schemes)) != key
        },
        "errors": {each.id: sorted(each.errors) for each in operations},
        "sources": {
            source.id: {"title": source.title, "url": source.url}
            for source in provider.sources.values()
            if urlsplit(source.url).scheme in {"http", "https"}
        },
    }


def _path(provider: Provider, operation: Operation) -> str:
    """The path below the base URL, or the whole path if it is not below it."""
    return served_path(provider, operation) if operation.server_url else operation.path


def _key_place(schemes: Sequence[KeyScheme]) -> dict[str, str] | None:
    """The preferred place of the API key; None if none is needed."""
    scheme = next(iter(schemes), None)
    if scheme is None:
        return None
    return {"in": scheme.place.value, "name": scheme.name}
