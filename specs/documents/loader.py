"""Load folders of providers: openapi.yaml, dialect.yaml and the sources they cite."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from specs.documents.dates import split_id
from specs.documents.folder import DIALECT, DOCUMENT, digest_of, read_folder
from specs.documents.model import Provider
from specs.documents.problems import Problems
from specs.documents.sources import SOURCES
from specs.documents.yaml_files import read_document
from specs.errors import SpecError


def roots(*more: str | Path) -> tuple[Traversable, ...]:
    """The folders that contain folders of providers; the one that ships is first."""
    return (files("specs"), *(Path(each) for each in more))


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


def load(name: str, *more: str | Path) -> Provider:
    """
    Load the provider of an id, such as `mine` or `mine@2026-08-21`.

    With a day, the provider is as its pages described it on that day. Do not change
    it: each call returns the same one as long as its files are the same. `more` are
    folders of further providers, which take precedence over those that ship.
    Raises `SpecError` if there is no such folder or day, or a part of it is not
    understood.
    """
    id_, _ = split_id(name)
    for root in reversed(roots(*more)):
        folder = root / id_
        if (folder / DOCUMENT).is_file():
            home, own = Path(str(root)), Path(str(folder))
            digest = digest_of(
                own / DOCUMENT, own / DIALECT, own / SOURCES, home / SOURCES
            )
            return _load_folder(name, home, own, digest)
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
    for name in names():
        raw = read_document(files("specs") / name, DIALECT)
        if raw.get("reference"):
            return str(raw["title"])
    raise SpecError(
        "specs", "", "no dialect.yaml has `reference: true`", "Add it to one of them"
    )


def load_all(ids: Sequence[str], *more: str | Path) -> list[Provider]:
    """
    The providers of these ids, each once; all providers when there are no ids.

    Raises `SpecError` as `load` does.
    """
    return [load(each, *more) for each in dict.fromkeys(ids) or names(*more)]


@dataclass(slots=True)
class _Loaded:
    """The provider that was last loaded from a folder, and the digest of its files."""

    content: tuple[str, Provider] | None = None


@lru_cache(maxsize=64)
def _last_loaded(name: str, root: Path, folder: Path) -> _Loaded:
    return _Loaded()


def _load_folder(name: str, root: Path, folder: Path, digest: str) -> Provider:
    """
    The provider in a folder: the same one as long as its files are the same.

    Earlier versions are not kept: a server that reloads a document all day would
    hold dozens of them.
    """
    last = _last_loaded(name, root, folder)
    content = last.content
    if content is None or content[0] != digest:
        provider = read_folder(name, root, folder, Problems()).provider
        if provider is None:
            raise RuntimeError("a problem was not raised")
        last.content = content = digest, provider
    return content[1]
