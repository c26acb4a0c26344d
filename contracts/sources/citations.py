"""List the claims that rely on each place of each page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from contracts.text import safe_url
from specs import Provider, Source, claims
from specs.documents.reading.dates import as_of
from specs.documents.reading.file_names import DIALECT
from specs.documents.reading.references import walk
from specs.documents.reading.yaml_files import read_yaml

# The claims are from files in a repository, and its page shows none of them.
_REPOSITORIES = {"github.com", "gitlab.com"}


@dataclass(frozen=True, slots=True)
class Citation:
    """
    A claim, or a fact in a dialect.yaml, that was read from a place of a page.

    `id` is that of the claim, or the file with a JSON pointer. `sentence` is empty for
    a fact in a dialect.
    """

    provider: str
    id: str
    sentence: str = ""


@dataclass
class CitedSource:
    """A source, and the claims that rely on it by place."""

    source: Source
    places: dict[str, list[Citation]] = field(default_factory=dict)

    @property
    def no_page(self) -> str:
        """The reason why there is no page to read; empty if there is one."""
        if not safe_url(self.source.url):
            return "no page"  # an assumption, or notes of third parties
        host = urlsplit(self.source.url).hostname
        return "repository" if host in _REPOSITORIES else ""

    @property
    def count(self) -> int:
        """The number of its citations."""
        return sum(map(len, self.places.values()))


def cited_sources(providers: Iterable[Provider]) -> dict[str, CitedSource]:
    """All sources that providers cite, in the order of the sources' files."""
    known: dict[str, Source] = {}
    found: dict[str, CitedSource] = {}
    for provider in providers:
        known.update(provider.sources)
        for reference, citation in _citations(provider):
            id_, _, place = reference.partition("#")
            cited = found.setdefault(id_, CitedSource(provider.sources[id_]))
            cited.places.setdefault(place, []).append(citation)
    return {id_: found[id_] for id_ in known if id_ in found}


def _citations(provider: Provider) -> Iterator[tuple[str, Citation]]:
    """Each claim and each fact of the dialect, with its source and place."""
    for claim in claims(provider):
        if claim.evidence.source:
            yield (
                claim.evidence.source,
                Citation(provider.id, claim.id, claim.sentence),
            )
    content = read_yaml(Path(provider.file).parent, DIALECT)
    dialect = as_of(content, provider.day).content
    for pointer, node in walk(dialect):
        reference = node.get("source")
        is_field = pointer.startswith("/fields")
        if isinstance(reference, str) and not is_field:
            yield reference, Citation(provider.id, f"{DIALECT}#{pointer}")
