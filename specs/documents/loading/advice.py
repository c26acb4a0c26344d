"""Find mistakes with which a provider still loads: wrong defaults, unusual paths."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from specs.documents.loading.folder import ProviderFolder, read_folder
from specs.documents.loading.openapi_keys import unknown_keys
from specs.documents.reading.file_names import DIALECT, DOCUMENT, SOURCES
from specs.documents.reading.pointers import escape_pointer
from specs.documents.reading.problems import Problems
from specs.documents.reading.references import ResolvedDocument, did_you_mean, walk
from specs.documents.reading.schema_errors import flow_yaml
from specs.documents.reading.sources import cited_sources, example_source
from specs.documents.reading.yaml_files import read_document, read_yaml
from specs.errors import SpecError
from specs.validation.engine import compile_validator
from specs.validation.transforms import to_validator_schema

PLACEHOLDER = "TODO"  # begins the title of a source that is yet to be named


@dataclass(frozen=True)
class Advice:
    """A problem of a folder; a warning does not keep the provider from its use."""

    error: SpecError
    is_warning: bool = False


def check_folder(folder: Path) -> tuple[ProviderFolder, list[Advice]]:
    """All problems of the folder of a provider, each once, on each of its days."""
    problems = Problems(collect=True)
    place = folder.resolve()
    content = read_folder(place.name, place.parent, place, problems)
    for day in content.dates.all:
        if day != content.dates.as_of:
            read_folder(f"{place.name}@{day}", place.parent, place, problems)
    found = [
        *(Advice(error) for error in problems.errors),
        *(Advice(error) for error in _ignored_parts(content)),
        *(Advice(error, is_warning=True) for error in _warnings(content)),
    ]
    unique = {(e.error.file, e.error.pointer, e.error.problem): e for e in found[::-1]}
    return content, list(unique.values())[::-1]


def _ignored_parts(content: ProviderFolder) -> Iterator[SpecError]:
    """Yield the parts of a document that a reader of it cannot use."""
    if content.tree is not None:
        yield from unknown_keys(content.tree)
        yield from _wrong_defaults(content.tree)


def _wrong_defaults(tree: ResolvedDocument) -> Iterator[SpecError]:
    """Yield the defaults that their own schema rejects."""
    for pointer, node in walk(tree.root):
        is_schema = not pointer.endswith(("/properties", "/responses"))
        if not is_schema or not {"default"} < node.keys() & _CONSTRAINTS:
            continue
        default = node["default"]
        schema = {key: node[key] for key in node.keys() & _CONSTRAINTS - {"default"}}
        try:
            is_valid = compile_validator(to_validator_schema(schema)).is_valid(default)
        except ValueError:
            continue  # an invalid schema, which is a problem of its own
        if not is_valid:
            known = schema.get("enum", ())
            hint = did_you_mean(str(default), known)
            values = f": {', '.join(map(str, known))}" if known else ""
            yield SpecError(
                tree.file,
                f"{tree.pointer_of(node)}/default",
                f"the default '{default}' is not valid here",
                f"{hint}Choose a value that the schema allows{values}",
            )


_CONSTRAINTS = {
    *("default", "type", "enum", "const", "pattern", "x-image-size"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems"),
}


def _warnings(content: ProviderFolder) -> Iterator[SpecError]:
    if content.tree is not None:
        yield from _unusual_paths(content.tree)
        yield from _open_operations(content.tree)
    yield from _placeholder_sources(content)
    yield from _unused_sources(content)


def _operations(tree: ResolvedDocument) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield path, pointer and content of the POST operations of a document."""
    for path, item in tree.root.get("paths", {}).items():
        if isinstance(item, Mapping) and isinstance(item.get("post"), Mapping):
            yield path, f"/paths/{escape_pointer(path)}", item["post"]


def _unusual_paths(tree: ResolvedDocument) -> Iterator[SpecError]:
    for path, pointer, node in _operations(tree):
        usual = _usual_paths().get(str(node.get("operationId")), Counter())
        if usual and path not in usual:
            likely = usual.most_common(1)[0][0]
            yield SpecError(
                tree.file,
                pointer,
                f"'{path}' is not the usual path of {node['operationId']}, which "
                "clients append to the base URL",
                f"Write '{likely}' unless yours is different",
                f"{likely}:",
            )


@cache
def _usual_paths() -> dict[str, Counter[str]]:
    """The paths of each operation in the documents that ship, with their numbers."""
    found: dict[str, Counter[str]] = {}
    for folder in files("specs").iterdir():
        if not (folder / DOCUMENT).is_file():
            continue
        for path, item in read_document(folder, DOCUMENT)["paths"].items():
            for node in item.values():
                if isinstance(node, dict) and "operationId" in node:
                    found.setdefault(node["operationId"], Counter())[path] += 1
    return found


def _open_operations(tree: ResolvedDocument) -> Iterator[SpecError]:
    """Yield the operations for which neither they nor the document name a key."""
    schemes = tree.root.get("components", {}).get("securitySchemes", {})
    name = next(iter(schemes), "bearer")
    for _, pointer, node in _operations(tree):
        if "security" in node or "security" in tree.root:
            continue
        define = "" if schemes else " and define it in components/securitySchemes"
        yield SpecError(
            tree.file,
            f"{pointer}/post",
            "no request needs a key: there is no `security`",
            f"Name the scheme at the top of the document{define}, or write "
            "`security: []`",
            f"security: [{{{name}: []}}]",
        )


def _placeholder_sources(content: ProviderFolder) -> Iterator[SpecError]:
    """Yield the cited sources that stand for a page which is yet to be named."""
    cited = {id_ for _, id_ in _cited(content)}
    for id_, source in content.sources.items():
        if id_ not in cited or not source.title.startswith(PLACEHOLDER):
            continue
        file, pointer = _source_place(content, id_)
        yield SpecError(
            file,
            pointer,
            f"the source '{id_}' is a placeholder",
            f"Add the pages that state what the claims say, and cite them instead of "
            f"'{id_}'",
            flow_yaml({"M1": example_source()}),
        )


def _cited(content: ProviderFolder) -> Iterator[tuple[str, str]]:
    """Yield the places of a folder that cite a source, and the source's id."""
    if isinstance(content.dialect, Mapping):
        yield from cited_sources(content.dialect, "source")
    if content.tree is not None:
        yield from cited_sources(content.tree.root, "x-source")


def _source_place(content: ProviderFolder, id_: str) -> tuple[str, str]:
    """The file and the pointer of a source of a user."""
    beside = content.folder / SOURCES
    root = Path(str(content.folder)).parent / SOURCES
    for file in (beside, root):
        if file.is_file() and id_ in _entries(file):
            return str(file), f"/{escape_pointer(id_)}"
    return str(content.folder / DIALECT), f"/sources/{escape_pointer(id_)}"


def _entries(file: Traversable | Path) -> Mapping[str, Any]:
    path = Path(str(file))
    try:
        found = read_yaml(path.parent, path.name)
    except SpecError:  # reported before
        return {}
    return found if isinstance(found, Mapping) else {}


def _unused_sources(content: ProviderFolder) -> Iterator[SpecError]:
    """Yield the sources of the user's files that no claim cites."""
    folder = Path(str(content.folder))
    for file, pattern in (
        (folder / SOURCES, "*.yaml"),
        (folder.parent / SOURCES, "*/*.yaml"),
    ):
        if not file.is_file() or file.parent == Path(str(files("specs"))):
            continue
        texts = [
            each.read_text(encoding="utf-8", errors="replace")
            for each in file.parent.glob(pattern)
            if each.name in (DOCUMENT, DIALECT)
        ]
        for id_ in _entries(file):
            cited = re.compile(rf"(?<![\w-]){re.escape(str(id_))}(?![\w-])")
            if not any(map(cited.search, texts)):
                yield SpecError(
                    str(file),
                    f"/{escape_pointer(id_)}",
                    f"no claim cites the source '{id_}'",
                    "Cite it with `x-source`, or remove it",
                )
