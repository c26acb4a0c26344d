"""Load folders of providers: openapi.yaml, dialect.yaml and the sources they cite."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from specs.disk_cache import read_cached, write_cached
from specs.documents.reading.file_names import DIALECT, DOCUMENT, SOURCES, digest_of
from specs.errors import SpecError

if TYPE_CHECKING:
    from specs.documents.model import Provider

SHIPPED = Path(__file__).parents[2]  # the folder of the providers that ship


def roots(*more: str | Path) -> tuple[Path, ...]:
    """The folders that contain folders of providers; the one that ships is first."""
    return (SHIPPED, *(Path(each) for each in more))


def names(*more: str | Path) -> tuple[str, ...]:
    """The ids of all providers: those that ship and those in the given folders."""
    found: dict[str, None] = {}
    for root in roots(*more):
        if not root.is_dir():
            raise SpecError(
                str(root),
                "",
                "is not a folder",
                "Give a folder that contains folders of providers",
            )
        for folder in sorted(root.iterdir(), key=lambda entry: entry.name):
            if folder.is_dir() and (folder / DOCUMENT).is_file():
                found[folder.name] = None
    return tuple(found)


def load(name: str, *more: str | Path) -> "Provider":
    """
    Load the provider of an id, such as `mine` or `mine@2026-08-21`.

    With a day, the provider is as its pages described it on that day. Do not change
    it: each call returns the same one as long as its files are the same. `more` are
    folders of further providers, which take precedence over those that ship.
    Raises `SpecError` if there is no such folder or day, or a part of it is not
    understood.
    """
    return _load_folder(name, *_find(name, more))


class ProviderEntry:
    """
    A provider without problems, which is loaded when `provider` is first used.

    `day` is the one of its document, and `base_path` the path of its server URL.
    """

    def __init__(
        self, id: str, base_path: str, day: str, load: "Callable[[], Provider]"
    ) -> None:
        self.id = id
        self.base_path = base_path
        self.day = day
        self._load = load

    @classmethod
    def of(cls, provider: "Provider") -> "ProviderEntry":
        """The entry of a provider that is loaded."""
        return cls(provider.id, provider.base_path, provider.day, lambda: provider)

    @property
    def provider(self) -> "Provider":
        """The provider; not kept here, as one that is replaced needs megabytes."""
        return self._load()


def find_all(ids: Sequence[str], *more: str | Path) -> list[ProviderEntry]:
    """
    The providers of these ids, each once; all providers when there are no ids.

    Those in the folders `more` are loaded, since their files may change at any time. So
    is one that ships, unless the cache on disk says that the same files were loaded by
    the same program before. Raises `SpecError` as `load` does.
    """
    return [_find_entry(each, more) for each in dict.fromkeys(ids) or names(*more)]


def _find_entry(name: str, more: Sequence[str | Path]) -> ProviderEntry:
    root, folder, digest = _find(name, more)
    facts = _read_facts(name, digest) if root == SHIPPED else None
    if facts is not None:
        return ProviderEntry(
            name, facts.base_path, facts.day, lambda: load(name, *more)
        )
    provider = _load_folder(name, root, folder, digest)
    last = _last_loaded(name, root, folder)
    return ProviderEntry(name, provider.base_path, provider.day, last.provider)


class _EntryFacts(NamedTuple):
    """The facts of a valid provider that are cached on disk."""

    base_path: str
    day: str


def _read_facts(name: str, digest: str) -> _EntryFacts | None:
    """The cached facts of a provider; None if there are none, or they are damaged."""
    cached = read_cached(_entry_name(name, digest))
    if cached is None:
        return None
    try:
        facts = _EntryFacts(**json.loads(cached))
    except (TypeError, ValueError):
        return None
    return facts if all(isinstance(each, str) for each in facts) else None


def _entry_name(name: str, digest: str) -> str:
    """The name in the cache of the facts of a provider with this digest."""
    key = f"{name} {digest} {_program_digest()}"
    return f"{hashlib.sha256(key.encode()).hexdigest()}.provider"


@cache
def _program_digest() -> str:
    """The hash of the modules and schemas of this package, which check documents."""
    whole = hashlib.sha256()
    listed = os.listdir(SHIPPED)  # noqa: PTH208  is faster
    paths = [f"{SHIPPED}/{each}" for each in listed]
    for name in ("documents", "media", "validation"):
        for folder, _, found in os.walk(SHIPPED / name):
            paths += [f"{folder}/{each}" for each in found]
    for path in sorted(paths):
        if path.endswith((".py", ".yaml")):
            whole.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return whole.hexdigest()


def _find(name: str, more: Sequence[str | Path]) -> tuple[Path, Path, str]:
    """
    The folder that contains the folder of a provider, that folder, and its digest.

    Raises `SpecError` if there is none.
    """
    id_ = name.partition("@")[0]
    for root in reversed(roots(*more)):
        folder = root / id_
        if (folder / DOCUMENT).is_file():
            return root, folder, _digest(root, folder)
    known = ", ".join(names(*more))
    raise SpecError(
        name, "", "is not a known provider", f"Known are: {known}; see --specs"
    )


@cache
def reference_title() -> str:
    """
    The title of the provider that claims with the basis `reference` are read from.

    It is the one that ships and says so in its dialect. Raises `SpecError` if there is
    none.
    """
    from specs.documents.reading.yaml_files import read_document

    for name in names():
        raw = read_document(SHIPPED / name, DIALECT)
        if raw.get("reference"):
            return str(raw["title"])
    raise SpecError(
        "specs", "", "no dialect.yaml has `reference: true`", "Add it to one of them"
    )


def load_all(ids: Sequence[str], *more: str | Path) -> list["Provider"]:
    """
    The providers of these ids, each once; all providers when there are no ids.

    Raises `SpecError` as `load` does.
    """
    return [load(each, *more) for each in dict.fromkeys(ids) or names(*more)]


def _digest(root: Path, folder: Path) -> str:
    """The hash of all files that a provider is loaded from."""
    return digest_of(
        folder / DOCUMENT, folder / DIALECT, folder / SOURCES, root / SOURCES
    )


@dataclass(slots=True)
class _Loaded:
    """The provider that was last loaded from a folder, and the digest of its files."""

    content: "tuple[str, Provider] | None" = None

    def provider(self) -> "Provider":
        if self.content is None:
            raise RuntimeError("no provider was loaded")
        return self.content[1]


@lru_cache(maxsize=64)
def _last_loaded(name: str, root: Path, folder: Path) -> _Loaded:
    return _Loaded()


def _load_folder(name: str, root: Path, folder: Path, digest: str) -> "Provider":
    """
    The provider in a folder: the same one as long as its files are the same.

    Earlier versions are not kept: a server that reloads a document all day would
    hold dozens of them.
    """
    last = _last_loaded(name, root, folder)
    if last.content is None or last.content[0] != digest:
        last.content = digest, _read_provider(name, root, folder, digest)
    return last.provider()


def _read_provider(name: str, root: Path, folder: Path, digest: str) -> "Provider":
    from specs.documents.loading.folder import read_folder
    from specs.documents.reading.problems import Problems

    is_shipped = root == SHIPPED
    is_known = is_shipped and _read_facts(name, digest) is not None
    problems = Problems(known_valid=is_known)
    provider = read_folder(name, root, folder, problems).provider
    if provider is None:
        raise RuntimeError("a problem was not raised")
    # Files that changed meanwhile are not those of the digest.
    if is_shipped and not is_known and _digest(root, folder) == digest:
        facts = _EntryFacts(provider.base_path, provider.day)
        write_cached(_entry_name(name, digest), json.dumps(facts._asdict()).encode())
    return provider
