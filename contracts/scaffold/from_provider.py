"""A draft in the form of a provider that ships, as claims of one's own to be proved."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from contracts.scaffold.draft import (
    Draft,
    base_url_task,
    live_server,
    placeholder_url,
)
from specs import Provider
from specs.documents.reading.dates import as_of
from specs.documents.reading.file_names import DIALECT
from specs.documents.reading.yaml_files import read_yaml
from specs.validation.evidence import Basis

SOURCE = "TODO"
PLACEHOLDER = {
    "grade": "DOC",
    "date": "",
    "title": "TODO: the page that states what the gateway does",
    "url": "",
}
_OWN_FACTS = {"x-source", "x-note", "x-contradicts", "x-mentions", "x-as-of", "x-since"}
_FOREIGN_PARTS = ("homepage", "note", "reference", "key", "clients", "prices")


def draft_like(name: str, provider: Provider, file_folder: Any) -> Draft:
    """
    A draft with the operations, fields and errors of a provider, but not its evidence.

    Each claim cites one placeholder. What the provider's own pages do not state remains
    an assumption. `file_folder` is the folder of the provider.
    """
    raw = as_of(read_yaml(file_folder, DIALECT), provider.day).content
    path = urlsplit(raw["live"]["base_url"]).path
    base_url = placeholder_url(name, path)
    document = _without_evidence(provider.in_force)
    document["info"] = {"title": name, "version": "1"}
    document["servers"] = [{"url": base_url}]
    _replace_further_servers(name, document)
    document = {
        key: each
        for first in (("openapi", "info", "servers"), document)
        for key in first
        if (each := document.get(key)) is not None
    }
    document = _with_source(document)
    dialect = {key: each for key, each in raw.items() if key not in _FOREIGN_PARTS}
    dialect = _with_placeholder(dialect)
    dialect["title"] = name
    dialect["live"] = live_server(name, base_url)
    dropped = [each for each in _FOREIGN_PARTS if each in raw]
    return Draft(
        document,
        dialect,
        {SOURCE: PLACEHOLDER},
        left_out=[
            "its sources, notes and contradictions",
            *(f"its `{each}` in dialect.yaml" for each in dropped),
        ],
        to_do=[
            base_url_task(base_url),
            "list your models under `model`, in both files",
            f"replace the source {SOURCE} by your own pages",
        ],
    )


def _replace_further_servers(name: str, document: Mapping[str, Any]) -> None:
    """Replace the host of the servers that operations have of their own."""
    for item in document["paths"].values():
        for node in (item, *item.values()):
            for server in node.get("servers", ()) if isinstance(node, dict) else ():
                server["url"] = placeholder_url(name, urlsplit(server["url"]).path)


def _without_evidence(node: Any, parent: str = "") -> Any:
    """
    A part of a document without sources and notes.

    What only the first-party reference states is an assumption about another provider.
    """
    if isinstance(node, list):
        return [_without_evidence(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    if parent in {"value", "example"}:
        return dict(node)
    kept = {
        key: _without_evidence(value, key)
        for key, value in node.items()
        if key not in _OWN_FACTS
    }
    if kept.get("x-basis") == Basis.REFERENCE:
        kept["x-basis"] = Basis.ASSUMED.value
    return kept


def _with_source(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the placeholder as the source of all of it."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        found[key] = value
        if key == "servers":
            found["x-source"] = SOURCE
    return found


def _with_placeholder(node: Any) -> Any:
    """A part of a dialect whose sources are the placeholder, without notes."""
    if isinstance(node, list):
        return [_with_placeholder(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: SOURCE if key == "source" else _with_placeholder(value)
        for key, value in node.items()
        if key not in {"note", "contradicts"}
    }
