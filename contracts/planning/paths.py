"""Paths of operations, with sample values for their parameters."""

from urllib.parse import quote

from contracts.media.registry import medium_of
from contracts.planning.values.sample_values import sample_value
from specs import Operation


def sample_path(operation: Operation) -> str:
    """
    The path of an operation with a documented value for each parameter in it.

    The value is the first that the schema of the parameter lists.
    """
    path, body = operation.path, operation.parameters.get("path")
    samples = medium_of(operation).samples
    for name in operation.path_parameters:
        schema = body.properties.get(name, {}) if body else {}
        value = quote(str(sample_value(schema, samples)), safe="")
        path = path.replace(f"{{{name}}}", value)
    return path
