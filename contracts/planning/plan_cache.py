"""
Plans on disk: an unchanged document is planned once.

A plan depends on the document, the seed, the files of the programs and the libraries.
"""

import hashlib
import io
import pickle
import sys
import zlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import specs
from contracts.media.files import Sample
from contracts.planning.case import Case, ExpectedError, Follow, Origin
from contracts.planning.plan import plan
from specs import Basis, Provider, State
from specs.disk_cache import read_cached, write_cached

_LIBRARIES = ("jsonschema-rs", "pyyaml")
_CLASSES = {
    (each.__module__, each.__qualname__): each
    for each in (Case, ExpectedError, Origin, Follow, Sample, Basis, State)
}


def cached_plan(provider: Provider, *, seed: int, is_mock: bool) -> list[Case]:
    """
    The result of `plan`, read from disk if the same plan was made before.

    Raises `PlanError` if no request body has a valid request.
    """
    name = f"{_key(provider, seed, is_mock)}.plan"
    found = _cases_in(read_cached(name))
    if found is None:
        found = plan(provider, seed=seed, is_mock=is_mock)
        # Files that are too large for a server are megabytes of one character.
        write_cached(name, zlib.compress(pickle.dumps(found), level=1))
    return found


def _key(provider: Provider, seed: int, is_mock: bool) -> str:
    parts = (provider.id, provider.version, provider.sha256, seed, is_mock)
    return hashlib.sha256(repr((*parts, _programs())).encode()).hexdigest()[:32]


@cache
def _programs() -> tuple[Any, ...]:
    """The versions of the code of plans: of Python, our modules and libraries."""
    root = Path(specs.__file__).parents[1]
    files = (
        (str(file), file.stat().st_size, file.stat().st_mtime_ns)
        for package in ("specs", "mockserver", "contracts")
        for file in sorted((root / package).rglob("*.py"))
    )
    return (sys.version, *files, *((each, version(each)) for each in _LIBRARIES))


def _cases_in(content: bytes | None) -> list[Case] | None:
    """The cases of an entry; None if it is missing or damaged."""
    if content is None:
        return None
    try:
        cases: list[Case] = _Reader(io.BytesIO(zlib.decompress(content))).load()
    except Exception:  # a damaged file fails in many ways; it is written anew
        return None
    return cases


class _Reader(pickle.Unpickler):
    """Reads test cases, and refuses the name of anything else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _CLASSES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"{module}.{name} is no part of a plan"
            ) from None
