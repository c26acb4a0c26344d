"""The parameters of operations: all of one place are an object, as a body is."""

from collections.abc import Mapping
from typing import Any

from specs.documents.model import Body
from specs.documents.reading.references import ResolvedDocument
from specs.validation.evidence import Evidence

EVIDENCE = ("x-basis", "x-source", "x-error", "x-enforced")
PATH, QUERY, HEADER = "path", "query", "header"


def parameter_objects(
    tree: ResolvedDocument,
    item: Mapping[str, Any],
    operation: Mapping[str, Any],
    evidence: Evidence,
) -> dict[str, Body]:
    """
    The parameters of an operation and of its path, by place.

    A parameter of the operation replaces one of the path with the same name and place.
    """
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for parameter in (*item.get("parameters", ()), *operation.get("parameters", ())):
        found[parameter["in"], parameter["name"]] = parameter
    bodies: dict[str, Body] = {}
    for place in dict.fromkeys(place for place, _ in found):
        own = [each for (where, _), each in found.items() if where == place]
        schema = {
            "type": "object",
            "properties": {each["name"]: _schema(each) for each in own},
        }
        required = [each for each in own if each.get("required")]
        if stated := [each["name"] for each in required if "x-basis" not in each]:
            schema["required"] = stated
        if others := [each for each in required if "x-basis" in each]:
            schema["allOf"] = list(map(_requirement, others))
        pointer = tree.pointer_of(own[0])
        bodies[place] = Body(place, schema, {}, evidence, pointer, open=True)
    return bodies


def server_url(item: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    """The URL of the server of an operation, if it has one of its own, or empty."""
    servers = operation.get("servers") or item.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else None
    return str(first.get("url", "")) if isinstance(first, dict) else ""


def _requirement(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """The rule that a parameter is required, with its evidence."""
    evidence = {key: parameter[key] for key in EVIDENCE if key in parameter}
    return {"required": [parameter["name"]], **evidence}


def _schema(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, with the evidence and the example of the parameter."""
    schema: dict[str, Any] = parameter["schema"]
    for key, value in parameter.items():
        if key.startswith("x-") or key == "example":
            schema.setdefault(key, value)
    return schema
