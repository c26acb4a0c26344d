"""Read the files of one provider, and build it if nothing is wrong in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from specs.documents.dialect import build_dialect, validate_dialect
from specs.documents.loading.builder import OperationBuilder
from specs.documents.loading.model_builder import check_model_operations
from specs.documents.loading.task_builder import check_task_operations, task_kinds
from specs.documents.model import Provider
from specs.documents.reading.dates import (
    AS_OF,
    DATED,
    NO_DATES,
    SINCE,
    UNTIL,
    DocumentDates,
    as_of,
    dates_of,
    split_id,
)
from specs.documents.reading.file_names import DIALECT, DOCUMENT, digest_of
from specs.documents.reading.problems import Problems
from specs.documents.reading.references import ResolvedDocument, walk
from specs.documents.reading.sources import Source, check_sources, load_sources
from specs.documents.reading.yaml_files import read_document
from specs.errors import SpecError


@dataclass(frozen=True)
class ProviderFolder:
    """
    The content of a folder.

    `provider` is None if a problem was reported, `tree` if there is no document.
    `dates` are the days that the files know.
    """

    folder: Traversable
    dialect: Any
    sources: Mapping[str, Source]
    tree: ResolvedDocument | None
    provider: Provider | None
    dates: DocumentDates = NO_DATES


def read_folder(
    name: str, root: Traversable, folder: Traversable, problems: Problems
) -> ProviderFolder:
    """
    Read a folder inside the folder `root`, and report what is wrong in it.

    `name` is the id of the provider, with the day as of which its files are read:
    `mine@2026-08-21`. Without a day it is the one of the document.
    """
    dialect = _read(folder, DIALECT, problems)
    document = _read(folder, DOCUMENT, problems)
    dates = dates_of(document, dialect)
    day = _requested_day(name, dates)
    dialect = as_of(dialect, day).content if day else dialect
    dialect_file = str(folder / DIALECT)
    checks = not problems.known_valid
    if checks and dialect is not _UNREADABLE:
        validate_dialect(dialect_file, dialect, problems)
    sources = load_sources(root, folder, dialect, problems)
    if checks:
        check_sources(dialect_file, dialect, "source", sources, problems)
    if document is _UNREADABLE:
        return ProviderFolder(folder, dialect, sources, None, None)
    tree = ResolvedDocument(str(folder / DOCUMENT), document, problems, day=day)
    if checks:
        _check_dates(tree, document, dates)
        _check_cited_sources(tree, document, sources, problems)
    operations = OperationBuilder(tree).operations()
    tasks = task_kinds(tree)
    if checks:
        check_task_operations(tree, tasks, operations)
        check_model_operations(tree, operations)
        _check_base_url(tree, dialect)
    provider = None
    if not problems.errors:
        provider = Provider(
            id=name,
            dialect=build_dialect(dialect),
            all_operations=operations,
            document=document,
            in_force=tree.document,
            sources=sources,
            file=tree.file,
            version=_version(tree, day),
            pointer_of=tree.pointer_of,
            tasks=tasks,
            sha256=digest_of(folder / DOCUMENT, folder / DIALECT),
            day=day,
            dates=dates,
            places=tree.places,
        )
    return ProviderFolder(folder, dialect, sources, tree, provider, dates)


_UNREADABLE: Any = object()


def _requested_day(name: str, dates: DocumentDates) -> str:
    """
    The day in the id of a provider, else the one of its document, else none.

    Raises `SpecError` for a day that the document is not about.
    """
    id_, day = split_id(name)
    if not day and "@" not in name:
        return dates.as_of
    if not dates.as_of:
        problem = f"the document of '{id_}' has no dates"
        raise SpecError(name, "", problem, f"Write '{id_}' without '@{day}'")
    if day not in dates:
        raise SpecError(
            name,
            "",
            f"the document of '{id_}' is about the days from {dates.first} to "
            f"{dates.last}, and changes on {', '.join(dates.all)}",
            f"Name one of these days; '{id_}' alone means {dates.as_of}",
        )
    return day


def _version(tree: ResolvedDocument, day: str) -> str:
    """The version of the document, and its day: `2.3.0 as of 2026-12-01`."""
    version = str(tree.root["info"]["version"])
    return f"{version} as of {day}" if day else version


def _check_dates(tree: ResolvedDocument, document: Any, dates: DocumentDates) -> None:
    """Report dates in a document that does not say as of which day it is read."""
    if dates.as_of:
        return
    for pointer, node in walk(document):
        if {SINCE, UNTIL, DATED} & node.keys():
            tree.report(
                pointer,
                f"'{SINCE}', '{UNTIL}' and '{DATED}' need '{AS_OF}' in `info`",
                "Add the day up to which the pages were read",
                f'{AS_OF}: "2026-12-01"',
            )
            return


def _check_cited_sources(
    tree: ResolvedDocument,
    document: Any,
    sources: Mapping[str, Source],
    problems: Problems,
) -> None:
    """Report unknown sources of claims and of contradictions."""
    check_sources(tree.file, document, "x-source", sources, problems)
    for pointer, node in walk(document):
        if "x-contradicts" in node:
            sides, place = node["x-contradicts"], f"{pointer}/x-contradicts"
            check_sources(tree.file, sides, "source", sources, problems, place)


def _read(folder: Traversable, name: str, problems: Problems) -> Any:
    try:
        return read_document(folder, name)
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
