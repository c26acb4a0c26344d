"""
Plans on disk: an unchanged document is planned once.

Each file holds the cases of one plan. Its name is a hash of everything that the plan
depends on: the document, the seed, the files of the programs and the libraries.
"""

import contextlib
import hashlib
import io
import os
import pickle
import sys
import time
import zlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import specs
from contracts.media.files import Sample
from contracts.planning.case import Case, ExpectedError, Follow, Origin
from contracts.planning.plan import plan
from contracts.report.file import atomic_write
from specs import Basis, Provider, State

FOLDER_VARIABLE = "IMAGEPARITY_CACHE"
MAX_AGE = 30 * 86_400  # seconds since a file was written
_LIBRARIES = ("jsonschema-rs", "pyyaml")
_CLASSES = {
    (each.__module__, each.__qualname__): each
    for each in (Case, ExpectedError, Origin, Follow, Sample, Basis, State)
}


def cached_plan(provider: Provider, *, seed: int, is_mock: bool) -> list[Case]:
    """
    The result of `plan`, read from disk if the same plan was made before.

    Without a folder that is the user's alone, nothing is read or written. The
    environment variable IMAGEPARITY_CACHE names another folder; empty, there is none.
    Raises `PlanError` if no request body has a valid request.
    """
    folder = _own_folder()
    if folder is None:
        return plan(provider, seed=seed, is_mock=is_mock)
    path = folder / f"{_key(provider, seed, is_mock)}.plan"
    found = _read(path)
    if found is None:
        found = plan(provider, seed=seed, is_mock=is_mock)
        _write(path, found)
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


def _own_folder() -> Path | None:
    """The folder of the cache, made if needed; None if others can write to it."""
    default = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    named = os.environ.get(FOLDER_VARIABLE)
    if named == "":
        return None
    folder = Path(named or Path(default) / "imageparity")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return None
    if hasattr(os, "geteuid") and (
        found.st_uid != os.geteuid() or found.st_mode & 0o022
    ):
        return None
    return folder


def _read(path: Path) -> list[Case] | None:
    """The cases in a file; None if it is missing or damaged."""
    try:
        data = zlib.decompress(path.read_bytes())
        cases: list[Case] = _Reader(io.BytesIO(data)).load()
    except Exception:  # a damaged file fails in many ways; it is written anew
        return None
    return cases


def _write(path: Path, cases: list[Case]) -> None:
    """Write a file at once, and remove old ones; a full disk is no error."""
    with contextlib.suppress(OSError):
        with atomic_write(path, "wb") as file:
            # Files that are too large for a server are megabytes of one character.
            file.write(zlib.compress(pickle.dumps(cases), level=1))
        for kept in path.parent.glob("*.plan"):
            if time.time() - kept.stat().st_mtime > MAX_AGE:
                kept.unlink(missing_ok=True)


class _Reader(pickle.Unpickler):
    """Reads test cases, and refuses the name of anything else."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _CLASSES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"{module}.{name} is no part of a plan"
            ) from None
