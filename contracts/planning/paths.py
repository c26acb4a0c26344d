"""Paths of operations, with sample values for their parameters."""

from urllib.parse import quote, urlencode

from contracts.media.registry import medium_of
from contracts.planning.values.sample_values import sample_value
from specs import Operation

QUERY = "query"


def sample_path(operation: Operation) -> str:
    """
    The path of an operation with a documented value for each parameter in it.

    The value is the first that the schema of the parameter lists. The query has the
    parameters that are required.
    """
    path, body = operation.path, operation.parameters.get("path")
    samples = medium_of(operation).samples
    for name in operation.path_parameters:
        schema = body.properties.get(name, {}) if body else {}
        value = quote(str(sample_value(schema, samples)), safe="")
        path = path.replace(f"{{{name}}}", value)
    query = required_query(operation)
    return f"{path}?{urlencode(query)}" if query else path


def required_query(operation: Operation) -> dict[str, str]:
    """The query parameters that an operation requires, with a listed value each."""
    names = operation.required_query
    return {name: listed_value(operation, name, QUERY) or "" for name in names}


def listed_value(operation: Operation, name: str, place: str = "path") -> str | None:
    """The first value of a parameter that its schema lists, or None."""
    body = operation.parameters.get(place)
    schema = body.properties.get(name, {}) if body else {}
    listed = [*schema.get("examples", ()), *schema.get("enum", ())]
    return str(listed[0]) if listed else None
