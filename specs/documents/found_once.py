"""Find a fact of a provider once, and keep it as long as the provider."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from specs.documents.model import Provider

Found = TypeVar("Found")


def found_once(find: Callable[[Provider], Found]) -> Callable[[Provider], Found]:
    """
    Cache the results of a function of a provider.

    A cache of functools would keep the providers of replaced documents: a server that
    reloads them all day would hold dozens. The result must not refer to the provider.
    """
    kept: WeakKeyDictionary[Provider, Found] = WeakKeyDictionary()

    @wraps(find)
    def found(provider: Provider) -> Found:
        if provider not in kept:
            kept[provider] = find(provider)
        return kept[provider]

    return found
