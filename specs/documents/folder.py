"""Read the files of one provider, and build it if nothing is wrong in them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from specs.documents.builder import OperationBuilder
from specs.documents.dialect import build_dialect, validate_dialect
from specs.documents.model import Provider
from specs.documents.problems import Problems
from specs.documents.references import ResolvedDocument, walk
from specs.documents.sources import Source, check_sources, load_sources
from specs.documents.task_builder import check_task_operations, task_kinds
from specs.documents.yaml_files import read_yaml
from specs.errors import SpecError

DOCUMENT, DIALECT = "openapi.yaml", "dialect.yaml"


@dataclass(frozen=True)
class ProviderFolder:
    """
    The content of a folder.

    `provider` is None if a problem was reported, `tree` if there is no document.
    """

    folder: Traversable
    dialect: Any
    sources: Mapping[str, Source]
    tree: ResolvedDocument | None
    provider: Provider | None


def read_folder(
    name: str, root: Traversable, folder: Traversable, problems: Problems
) -> ProviderFolder:
    """Read a folder inside the folder `root`, and report what is wrong in it."""
    dialect = _read(folder, DIALECT, problems)
    dialect_file = str(folder / DIALECT)
    if dialect is not _UNREADABLE:
        validate_dialect(dialect_file, dialect, problems)
    sources = load_sources(root, folder, dialect, problems)
    check_sources(dialect_file, dialect, "source", sources, problems)
    document = _read(folder, DOCUMENT, problems)
    if document is _UNREADABLE:
        return ProviderFolder(folder, dialect, sources, None, None)
    tree = ResolvedDocument(str(folder / DOCUMENT), document, problems)
    check_sources(tree.file, document, "x-source", sources, problems)
    for pointer, node in walk(document):
        if "x-contradicts" in node:
            sides, place = node["x-contradicts"], f"{pointer}/x-contradicts"
            check_sources(tree.file, sides, "source", sources, problems, place)
    operations = OperationBuilder(tree).operations()
    tasks = task_kinds(tree)
    check_task_operations(tree, tasks, operations)
    _check_base_url(tree, dialect)
    provider = None
    if not problems.errors:
        provider = Provider(
            id=name,
            dialect=build_dialect(dialect),
            all_operations=operations,
            document=document,
            sources=sources,
            file=tree.file,
            version=str(tree.root["info"]["version"]),
            pointer_of=tree.pointer_of,
            tasks=tasks,
            sha256=_digest(folder),
        )
    return ProviderFolder(folder, dialect, sources, tree, provider)


def _digest(folder: Traversable) -> str:
    """The hash of both files of a provider."""
    whole = hashlib.sha256()
    for name in (DOCUMENT, DIALECT):
        whole.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return whole.hexdigest()


_UNREADABLE: Any = object()


def _read(folder: Traversable, name: str, problems: Problems) -> Any:
    try:
        return read_yaml(folder, name)
    except SpecError as error:
        problems.report(error)
        return _UNREADABLE


def _check_base_url(tree: ResolvedDocument, dialect: Any) -> None:
    """Report a server of the document that is not the one of the dialect."""
    live = dialect.get("live") if isinstance(dialect, Mapping) else None
    url = live.get("base_url") if isinstance(live, Mapping) else None
    servers = tree.root.get("servers") or [{}]
    server = servers[0].get("url")
    if not isinstance(url, str) or not server:
        return
    if server.rstrip("/") != url.rstrip("/"):
        tree.report(
            "/servers/0/url",
            f"'{server}' is not the dialect's live base URL '{url}'",
            "Write the same URL in both",
            f"url: {url}",
        )
