"""A draft from an OpenAPI document, such as the one that a web framework emits."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contracts.scaffold.completion import (
    ASSUMED,
    PATHS,
    complete,
    dereference,
    parts,
    request_properties,
    request_types,
)
from contracts.scaffold.draft import (
    Draft,
    ScaffoldError,
    base_url_task,
    live_server,
    placeholder_url,
)
from contracts.scaffold.error_samples import error_value, usual_error_name
from contracts.scaffold.openapi_31 import SchemaConverter
from specs import JSON
from specs.documents.loading.builder import METHODS, OperationBuilder
from specs.documents.reading.pointers import escape_pointer
from specs.documents.reading.problems import Problems, remove_part
from specs.documents.reading.references import ResolvedDocument
from specs.documents.reading.yaml_files import read_yaml
from specs.errors import SpecError
from specs.validation.engine import compile_validator

SOURCE = "openapi"
_EDIT = re.compile(r"(?i)edit|inpaint|variation|image[-_ ]?to[-_ ]?image|img2img")
_GENERATION = re.compile(r"(?i)generat|create|text[-_ ]?to[-_ ]?image|txt2img|images?$")
_IMAGE = re.compile(r"(?i)image|img|picture")


def read_document(file: Path) -> dict[str, Any]:
    """Read YAML or JSON. Raises `ScaffoldError` if it is no OpenAPI 3 document."""
    try:
        document = read_yaml(file.parent, file.name)
    except SpecError as error:
        raise ScaffoldError(f"{error.file} {error.problem}") from None
    version = document.get("openapi") if isinstance(document, dict) else None
    if not str(version).startswith("3.") or not isinstance(document.get("paths"), dict):
        hint = "; convert it from Swagger 2" if isinstance(document, dict) else ""
        raise ScaffoldError(
            f"{file} is not an OpenAPI 3 document with `openapi` and `paths`{hint}"
        )
    return json.loads(json.dumps(document, default=str))  # type: ignore[no-any-return]


def _drop_malformed_parts(document: dict[str, Any], left_out: list[str]) -> None:
    """Remove the parts that are not as in OpenAPI."""
    rules = read_yaml(files("contracts.scaffold"), "input.yaml")
    validator = compile_validator(rules)
    while errors := list(validator.iter_errors(document)):
        for error in errors:
            path = tuple(error.instance_path)
            if remove_part(document, path):
                left_out.append(f"{'/'.join(map(str, path))}: it is not OpenAPI")


@dataclass(frozen=True)
class _Found:
    """An operation of the document that is taken for one of images."""

    id: str
    path: str
    node: Mapping[str, Any]
    score: int


def draft_from_openapi(name: str, file: Path) -> Draft:
    """Raises `ScaffoldError` if no operation takes a prompt for an image."""
    document = read_document(file)
    left_out: list[str] = []
    _drop_malformed_parts(document, left_out)
    chosen = _choose(document, left_out)
    prefix, paths = _split_paths(chosen)
    base_url, is_placeholder = _base_url(name, document, prefix)
    converter = SchemaConverter(document, left_out.append)
    info = dereference(document, document.get("info"))
    title, version = str(info.get("title") or name), str(info.get("version") or "1")
    own: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": base_url}],
        "x-source": SOURCE,
        "paths": {},
    }
    for found in chosen:
        operation = _operation(document, found, converter, left_out)
        own["paths"][paths[found.path]] = {"post": operation}
    security = _security(document, chosen[0].node, left_out)
    if security is not None:
        own["security"] = security[0]
    own["components"] = {
        **({"securitySchemes": security[1]} if security and security[1] else {}),
        **({"schemas": converter.components} if converter.components else {}),
    }
    source = {
        "grade": "DOC",
        "date": date.today().isoformat(),  # noqa: DTZ011  the author's own day
        "title": f"{title}: OpenAPI document {version}, {file.name}",
        "url": "",
    }
    dialect = {
        "title": title,
        "live": live_server(name, base_url),
    }
    draft = Draft(own, dialect, {SOURCE: source}, left_out=left_out)
    if is_placeholder:
        draft.to_do.append(base_url_task(base_url))
    dialect["model"] = _model(draft, own)
    complete(draft)
    _replace_unsupported_schemes(draft)
    return draft


def _replace_unsupported_schemes(draft: Draft) -> None:
    """Replace a security scheme that is not served by a bearer key."""
    problems = Problems(collect=True)
    OperationBuilder(ResolvedDocument("", draft.document, problems)).operations()
    schemes = draft.document["components"].get("securitySchemes", {})
    for name, scheme in schemes.items():
        place = f"/components/securitySchemes/{escape_pointer(name)}"
        if any(each.pointer == place for each in problems.errors):
            draft.left_out.append(
                f"the security scheme {name} ({', '.join(map(str, scheme.values()))}), "
                "which is not supported: a bearer key takes its place"
            )
            schemes[name] = {"type": "http", "scheme": "bearer", **ASSUMED}


def _choose(document: Mapping[str, Any], left_out: list[str]) -> list[_Found]:
    """The best match for each operation of images."""
    best: dict[str, _Found] = {}
    others = []
    for path, item in document["paths"].items():
        for method in METHODS:
            node = item.get(method) if isinstance(item, dict) else None
            if not isinstance(node, dict):
                continue
            found = _match(document, path, node) if method == "post" else None
            others.append(f"{method.upper()} {path}")
            if found and found.score > getattr(best.get(found.id), "score", 0):
                best[found.id] = found
    if not best:
        raise ScaffoldError(
            "no operation of the document generates or edits images: none is a POST "
            f"with a `prompt` and a path such as {PATHS['createImage']}; there are: "
            f"{', '.join(others) or 'none'}"
        )
    chosen = [best[each] for each in PATHS if each in best]
    taken = {f"POST {each.path}" for each in chosen}
    left_out += [f"the operation {each}" for each in others if each not in taken]
    return chosen


def _match(
    document: Mapping[str, Any], path: str, node: Mapping[str, Any]
) -> _Found | None:
    """The operation of images that an operation is by path, id and fields, or None."""
    body = dereference(document, node.get("requestBody"))
    if "{" in path or not request_types({"requestBody": body}):
        return None
    properties = request_properties(document, {"requestBody": body})
    names = {*parts()["synonyms"]["prompt"], "prompt"} & properties.keys()
    words = f"{path} {node.get('operationId', '')} {node.get('summary', '')}"
    is_usual = path.endswith(tuple(PATHS.values()))
    if not names or not (is_usual or _IMAGE.search(words)):
        return None
    images = {*parts()["synonyms"]["image"], "image"} & properties.keys()
    is_edit = bool(_EDIT.search(words)) or path.endswith(PATHS["createImageEdit"])
    if not is_usual and not is_edit and not _GENERATION.search(words):
        return None
    id_ = "createImageEdit" if is_edit else "createImage"
    score = 1 + 4 * is_usual + 2 * (node.get("operationId") == id_)
    return _Found(id_, path, node, score + (bool(images) == is_edit))


def _split_paths(chosen: list[_Found]) -> tuple[str, dict[str, str]]:
    """The common prefix of all paths before the usual part, and the rest of each."""
    prefixes = {
        each.path.removesuffix(PATHS[each.id])
        for each in chosen
        if each.path.endswith(PATHS[each.id])
    }
    prefix = prefixes.pop() if len(prefixes) == 1 else ""
    if not all(each.path.startswith(f"{prefix}/") for each in chosen):
        prefix = ""
    return prefix, {each.path: each.path.removeprefix(prefix) for each in chosen}


def _base_url(name: str, document: Mapping[str, Any], prefix: str) -> tuple[str, bool]:
    """The base URL, and whether its host is a placeholder."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    url = str(first.get("url", "")) if isinstance(first, dict) else ""
    if re.match("https?://[^/{]+", url) and "{" not in url:
        return f"{url.rstrip('/')}{prefix}", False
    path = "" if "{" in url else urlsplit(url).path.rstrip("/")
    return placeholder_url(name, f"{path}{prefix}"), True


def _operation(
    document: Mapping[str, Any],
    found: _Found,
    converter: SchemaConverter,
    left_out: list[str],
) -> dict[str, Any]:
    node = found.node
    for parameter in node.get("parameters", ()):
        named = dereference(document, parameter)
        left_out.append(
            f"{found.id}: the {named.get('in')} parameter `{named.get('name')}`"
        )
    body = dereference(document, node.get("requestBody"))
    content = {}
    for media in body["content"]:
        if media not in request_types({"requestBody": body}):
            left_out.append(f"{found.id}: requests as {media}")
            continue
        schema = body["content"][media].get("schema", {})
        content[media] = {"schema": converter.convert(schema, f"{found.id} request")}
    return {
        "operationId": found.id,
        "x-source": f"{SOURCE}#{found.path}",
        "requestBody": {"required": True, "content": content},
        "responses": dict(_responses(document, found, converter, left_out)),
    }


def _responses(
    document: Mapping[str, Any],
    found: _Found,
    converter: SchemaConverter,
    left_out: list[str],
) -> Iterator[tuple[str, Any]]:
    declared = found.node.get("responses", {})
    statuses = [str(each) for each in declared]
    success = next((each for each in statuses if each.startswith("2")), None)
    names: set[str] = set()
    for status in statuses:
        response = dereference(document, declared[status])
        place = f"{found.id} {status}"
        if status != success and not re.fullmatch("[45][0-9]{2}", status):
            left_out.append(f"{found.id}: the response `{status}`")
            continue
        described: dict[str, Any] = {
            "description": str(response.get("description", "")) or status
        }
        media = response.get("content", {})
        left_out += [f"{place}: the body as {each}" for each in media if each != JSON]
        if JSON in media:
            schema = converter.convert(media[JSON].get("schema", {}), place)
            described |= {"content": {JSON: {"schema": schema}}}
        if status != success:
            if JSON not in media:
                continue
            name = usual_error_name(int(status))
            name = f"{name}_{status}" if name in names else name
            names.add(name)
            value = error_value(document, media[JSON], name)
            described["content"][JSON]["examples"] = {name: {"value": value}}
        yield status, described


def _security(
    document: Mapping[str, Any], node: Mapping[str, Any], left_out: list[str]
) -> tuple[list[Any], dict[str, Any]] | None:
    """The requirement of an operation and its scheme; None if the document has none."""
    required = node.get("security", document.get("security"))
    if not isinstance(required, list):
        return None
    schemes = document.get("components", {}).get("securitySchemes", {})
    named = [each for each in required if isinstance(each, dict) and len(each) == 1]
    if not named:
        return [], {}
    left_out += [
        f"the further security scheme {next(iter(each))}" for each in named[1:]
    ]
    name = next(iter(named[0]))
    scheme = dereference(document, schemes.get(name, {}))
    known = ("type", "scheme", "in", "name")
    kept = {key: scheme[key] for key in known if key in scheme}
    if kept.get("type") in {"oauth2", "openIdConnect"}:
        left_out.append(f"how the token of {name}, a bearer key, is obtained")
        kept = {}
    return [{name: []}], {name: kept or {"type": "http", "scheme": "bearer"}}


def _model(draft: Draft, document: Mapping[str, Any]) -> str:
    """The model that test requests name."""
    for item in document["paths"].values():
        field = request_properties(document, item["post"]).get("model", {})
        values = [field.get("default"), *field.get("enum", ())]
        for value in [*values, *field.get("examples", ())]:
            if isinstance(value, str):
                return value
        if field:
            draft.to_do.append("dialect.yaml: name a model of your gateway in `model`")
    return "default"
