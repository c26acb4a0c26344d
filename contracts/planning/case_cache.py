"""
Test cases on disk: those of an unchanged document are planned and drawn once.

They depend on the document, the seed, the files of the programs and the libraries.
"""

import hashlib
import io
import pickle
import sys
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import specs
from contracts.media.files import Sample
from contracts.planning.case import Case, ExpectedError, Follow, Origin
from specs import Basis, Provider, State
from specs.disk_cache import read_cached, write_cached

T = TypeVar("T")

_LIBRARIES = ("hypothesis", "jsonschema-rs", "pyyaml", "schemathesis")
_CLASSES = (Case, ExpectedError, Origin, Follow, Sample, Basis, State)


def cached_cases(
    make: Callable[[], list[T]],
    kind: str,
    provider: Provider,
    *given: object,
    classes: Iterable[type] = (),
) -> list[T]:
    """
    The result of `make`, read from disk if it was made before.

    It must depend on nothing but the kind, the provider and what is given, whose `repr`
    tells it. It may have objects of `classes`, beside those of cases.
    """
    name = f"{_key(provider, given)}.{kind}"
    found: list[T] | None = _cases_in(read_cached(name), {*_CLASSES, *classes})
    if found is None:
        found = make()
        # Files that are too large for a server are megabytes of one character.
        write_cached(name, zlib.compress(pickle.dumps(found), level=1))
    return found


def _key(provider: Provider, given: tuple[object, ...]) -> str:
    parts = (provider.id, provider.version, provider.sha256, given, _programs())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@cache
def _programs() -> tuple[Any, ...]:
    """The versions of what makes cases: Python, our modules and libraries."""
    root = Path(specs.__file__).parents[1]
    files = (
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for package in ("specs", "mockserver", "contracts")
        for file in sorted((root / package).rglob("*.py"))
    )
    return (sys.version, *files, *((each, version(each)) for each in _LIBRARIES))


def _cases_in(content: bytes | None, classes: Iterable[type]) -> list[Any] | None:
    """The cases of an entry; None if it is missing or damaged."""
    if content is None:
        return None
    try:
        cases: list[Any] = _Reader(zlib.decompress(content), classes).load()
    except Exception:  # a damaged file fails in many ways; it is written anew
        return None
    return cases


class _Reader(pickle.Unpickler):
    """Reads objects of known classes, and refuses the name of anything else."""

    def __init__(self, content: bytes, classes: Iterable[type]) -> None:
        super().__init__(io.BytesIO(content))
        self._known = {(each.__module__, each.__qualname__): each for each in classes}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._known[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"{module}.{name} is no part of a test case"
            ) from None
