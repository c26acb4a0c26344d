"""Add to a document what every definition needs and its origin does not state."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from contracts.scaffold.draft import Draft
from specs import FORM, JSON
from specs.documents.reading.pointers import unescape_pointer
from specs.documents.reading.yaml_files import read_yaml

ASSUMED = {"x-basis": "assumed", "x-source": "ours"}
DELIVERIES = ("b64_json", "url")
PATHS = {"createImage": "/images/generations", "createImageEdit": "/images/edits"}


@cache
def parts() -> Mapping[str, Any]:
    """The tables of parts.yaml."""
    return read_yaml(files("contracts.scaffold"), "parts.yaml")  # type: ignore[no-any-return]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of the operations of a document."""
    for path, item in document["paths"].items():
        yield path, item["post"]


def canonical_fields(properties: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a request by canonical name, where theirs is another."""
    found = {}
    for canonical, names in parts()["synonyms"].items():
        own = [name for name in names if name in properties]
        if own and canonical not in properties:
            found[canonical] = own[0]
    return found


def request_properties(
    document: Mapping[str, Any], operation: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of all bodies of a request."""
    found: dict[str, Any] = {}
    for body in operation["requestBody"]["content"].values():
        schema = dereference(document, body.get("schema", {}))
        found.update(schema.get("properties", {}))
    return {name: dereference(document, each) for name, each in found.items()}


def dereference(document: Mapping[str, Any], node: Any) -> dict[str, Any]:
    """A part of a document with references at its top followed; {} if there is none."""
    seen = set()
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        if reference in seen or not reference.startswith("#/"):
            return {}
        seen.add(reference)
        siblings = {key: each for key, each in node.items() if key != "$ref"}
        target: Any = document
        for step in reference[2:].split("/"):
            key = unescape_pointer(step)
            target = target.get(key) if isinstance(target, dict) else None
        node = {**target, **siblings} if isinstance(target, dict) else {}
    return node if isinstance(node, dict) else {}


def complete(draft: Draft) -> None:
    """Add security, errors, guarantees, fields and delivery to a draft."""
    _add_security(draft)
    for _, operation in operations(draft.document):
        name = operation["operationId"]
        properties = request_properties(draft.document, operation)
        renamed = canonical_fields(properties)
        if renamed:
            draft.dialect.setdefault("fields", {})[name] = renamed
            pairs = ", ".join(f"{own} = {each}" for each, own in renamed.items())
            draft.added.append(f"{name}: taken for the usual fields: {pairs}")
        names = {*properties, *renamed}
        _mark_unlisted(draft, operation, {own: each for each, own in renamed.items()})
        _limit_files(draft, operation)
        _add_success(draft, operation, names)
        _add_errors(draft, operation)
    draft.dialect.setdefault("delivery", _delivery(draft))
    draft.dialect["delivery"] = draft.dialect.pop("delivery")  # after the fields


def _add_security(draft: Draft) -> None:
    document = draft.document
    if "security" in document:
        return
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    if not schemes:
        schemes["bearer"] = {"type": "http", "scheme": "bearer", **ASSUMED}
        draft.added.append("a bearer key (`security: []` says that none is needed)")
    document["security"] = [{next(iter(schemes)): []}]


def _mark_unlisted(
    draft: Draft, operation: Mapping[str, Any], canonical: Mapping[str, str]
) -> None:
    """Mark texts whose valid values are listed nowhere, such as a plain `size`."""
    for media, body in operation["requestBody"]["content"].items():
        schema = dereference(draft.document, body["schema"])
        for name, field in schema.get("properties", {}).items():
            node = dereference(draft.document, field)
            is_listed = canonical.get(name, name) in parts()["listed"]
            types = node.get("type", "string")
            is_text = "string" in (types if isinstance(types, list) else [types])
            limits = {"enum", "const", "pattern", "anyOf", "oneOf", "allOf"}
            is_open = is_text and not limits & node.keys()
            if is_listed and is_open and "x-welcome" not in node:
                field["x-welcome"] = "unspecified"
                likely = node.get(
                    "default", parts()["listed"][canonical.get(name, name)]
                )
                if likely is not None and "examples" not in node:
                    field["examples"] = [likely]
                place = f"{operation['operationId']} ({media.rpartition('/')[2]})"
                draft.to_do.append(
                    f"{place}: list the values of `{name}` as an enum, and remove its "
                    "x-welcome"
                )


def _limit_files(draft: Draft, operation: Mapping[str, Any]) -> None:
    """Assume which files are accepted where no limit is given: of others is unknown."""
    for body in operation["requestBody"]["content"].values():
        schema = dereference(draft.document, body["schema"])
        for field in schema.get("properties", {}).values():
            node = dereference(draft.document, field)
            items = dereference(draft.document, node.get("items"))
            parts_ = [each for each in (field, items) if each.get("format") == "binary"]
            for part in parts_:
                if "x-upload" not in part and "allOf" not in part:
                    part["allOf"] = [{"x-upload": parts()["upload"], **ASSUMED}]


def _add_success(
    draft: Draft, operation: dict[str, Any], request_names: set[str]
) -> None:
    responses = operation["responses"]
    status = next((each for each in responses if each.startswith("2")), "200")
    response = responses.setdefault(status, {"description": "The images"})
    body = response.setdefault("content", {}).setdefault(JSON, {})
    if not _has_images(draft.document, body.get("schema")):
        body["schema"] = {**parts()["success_schema"], **ASSUMED}
        draft.added.append(
            f"{operation['operationId']}: the usual response, `created` and `data`, "
            "as a guess"
        )
    else:
        _relax_required(draft, operation, body["schema"])
    needed = parts()["guarantees"].items()
    response["x-guarantees"] = [
        {"name": name, **ASSUMED}
        for name, field in needed
        if field is None or field in request_names
    ]


def _has_images(document: Mapping[str, Any], schema: Any) -> bool:
    """True if a response has the images in `data`, as `url` or `b64_json`."""
    fields = dereference(document, schema).get("properties", {})
    entries = dereference(document, fields.get("data"))
    items = dereference(document, entries.get("items"))
    return bool(set(DELIVERIES) & set(items.get("properties", {})))


def _relax_required(draft: Draft, operation: Mapping[str, Any], schema: Any) -> None:
    """Require of a response no field that the mock cannot put into it."""
    document = draft.document
    whole = dereference(document, schema)
    fields = whole.get("properties", {})
    item = dereference(document, dereference(document, fields.get("data")).get("items"))
    usage = dereference(document, fields.get("usage"))
    one_delivery = len(set(DELIVERIES) & set(item.get("properties", {}))) == 1
    for node, known in (
        (whole, parts()["response_fields"]),
        (item, [*(DELIVERIES if one_delivery else ()), "revised_prompt"]),
        (usage, parts()["usage_fields"]),
    ):
        unknown = [each for each in node.get("required", ()) if each not in known]
        if unknown:
            _find(document, schema, node)["required"] = [
                each for each in node["required"] if each in known
            ]
            names = ", ".join(f"`{each}`" for each in unknown)
            draft.left_out.append(
                f"{operation['operationId']}: that a response must have {names}, which "
                "the mock does not send"
            )


def _find(document: Mapping[str, Any], schema: Any, copy: Mapping[str, Any]) -> Any:
    """The part of a document whose content `dereference` has copied."""
    pending: list[Any] = [schema, document.get("components", {}).get("schemas", {})]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            if node.get("required") is copy["required"]:
                return node
            pending += node.values()
    raise LookupError("the part is not in the document")


def _add_errors(draft: Draft, operation: dict[str, Any]) -> None:
    responses, name = operation["responses"], operation["operationId"]
    found: dict[str, Any] = {}
    for status, response in responses.items():
        if not status.startswith("2"):
            body = response.get("content", {}).get(JSON, {})
            found.update(body.get("examples", {}))
    template = next((each.get("value") for each in found.values()), None)
    for error, part in parts()["errors"].items():
        if error in found:
            continue
        response = responses.setdefault(
            part["status"], {"description": part["description"], **ASSUMED}
        )
        body = response.setdefault("content", {}).setdefault(JSON, {})
        if template is None:
            body.setdefault("schema", parts()["error_schema"])
            value = part["value"]
        else:
            body.setdefault("schema", {"type": "object"})
            value = like(template, error, part)
        body.setdefault("examples", {})[error] = {"value": value, **ASSUMED}
        draft.added.append(
            f"{name}: the error `{error}` with status {part['status']}, as a guess"
        )


def like(template: Any, error: str, part: Mapping[str, Any]) -> Any:
    """The body of an error in the form of another one."""
    usual = part["value"]["error"]
    if isinstance(template, dict):
        return {
            key: usual["message"]
            if key in MESSAGE_FIELDS and isinstance(value, (str, list))
            else usual[key]
            if key in usual and not isinstance(value, (dict, list))
            else like(value, error, part)
            for key, value in template.items()
        }
    return template


MESSAGE_FIELDS = {"message", "msg", "detail", "error_message", "error_msg"}


def _delivery(draft: Draft) -> list[dict[str, Any]]:
    """The delivery of images, by the fields of the first response that lists some."""
    source = draft.document["x-source"]
    for _, operation in operations(draft.document):
        properties = request_properties(draft.document, operation)
        responses = operation["responses"]
        status = next(each for each in responses if each.startswith("2"))
        schema = responses[status]["content"][JSON]["schema"]
        data = dereference(draft.document, schema).get("properties", {}).get("data")
        items = dereference(draft.document, dereference(draft.document, data)["items"])
        forms = [each for each in DELIVERIES if each in items.get("properties", {})]
        if len(forms) == 1:
            entry = {"give": forms[0], "source": source}
            if "x-basis" in draft.document:
                entry["basis"] = draft.document["x-basis"]
            return [entry]
        own = canonical_fields(properties).get("response_format", "response_format")
        default = properties.get(own, {}).get("default")
        if own in properties:
            first = default if default in forms else "url"
            other = next(each for each in DELIVERIES if each != first)
            when = {
                "required": ["response_format"],
                "properties": {"response_format": {"const": other}},
            }
            return [
                {"when": when, "give": other, "source": source, "basis": "assumed"},
                {"give": first, "source": source, "basis": "assumed"},
            ]
    draft.to_do.append("dialect.yaml: say under `delivery` how images come")
    return [{"give": "b64_json", "source": source, "basis": "assumed"}]


def request_types(operation: Mapping[str, Any]) -> list[str]:
    """The media types of a request that can be tested."""
    content = operation.get("requestBody", {}).get("content", {})
    return [each for each in (JSON, FORM) if each in content]
