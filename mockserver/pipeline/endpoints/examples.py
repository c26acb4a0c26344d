"""Requests that show how an operation is called, with the examples of its document."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from specs import JSON, Operation, Provider, named_values

PROMPT = "A red cube"


def served_path(provider: Provider, operation: Operation) -> str:
    """The path of an operation on the mock, with the names of its parameters."""
    return f"/{provider.id}{provider.full_path(operation)}"


def example_path(provider: Provider, operation: Operation) -> str:
    """
    As `served_path`, with a value for each parameter whose document has one.

    Required parameters of the query are added.
    """
    path, known = served_path(provider, operation), operation.parameters.get("path")
    for name in operation.path_parameters:
        value = _example_value(known.properties.get(name, {}) if known else {})
        if value is not None:
            path = path.replace(f"{{{name}}}", str(value))
    query = operation.parameters.get("query")
    values = {
        name: _example_value(query.properties[name])
        for name in operation.required_query
        if query
    }
    return f"{path}?{urlencode(values)}" if values else path


def _example_value(schema: Mapping[str, Any]) -> Any:
    examples = (schema.get("example"), *schema.get("examples", ()))
    known = (each for each in examples if each is not None)
    return next(known, None) or next(named_values(schema), None)


def example_bodies(provider: Provider, operation: Operation) -> list[Mapping[str, Any]]:
    """
    JSON bodies of a first request, in the order of the document.

    An operation that answers at once, and to which model and prompt suffice, gets these
    alone. Empty if a document has no example in JSON.
    """
    body = operation.bodies.get(JSON)
    if body is None:
        return []
    model = _model(provider, operation)
    plain = {"model": model, "prompt": PROMPT}
    if operation.task is None and body.judge.is_valid(plain):
        return [plain]
    return [each for each in body.examples.values() if isinstance(each, Mapping)]


def _model(provider: Provider, operation: Operation) -> str:
    """The default model; another one if it is for an operation with other examples."""
    default = provider.dialect.model
    own = _models_in_examples(operation)
    others = (_models_in_examples(each) for each in provider.operations.values())
    is_other = default not in own and any(default in each for each in others)
    return own[0] if own and is_other else default


def _models_in_examples(operation: Operation) -> list[str]:
    return [
        each["model"]
        for body in operation.bodies.values()
        for each in body.examples.values()
        if isinstance(each, Mapping) and "model" in each
    ]


def example_requests(provider: Provider) -> dict[str, dict[str, Any]]:
    """
    Path and smallest body of a request, by the id of the operation that creates.

    Operations without a body in JSON, or without an example of it, are left out.
    """
    found = {}
    for name, operation in provider.operations.items():
        bodies = example_bodies(provider, operation)
        if bodies:
            path = example_path(provider, operation)
            body = min(bodies, key=lambda each: len(json.dumps(each)))
            found[name] = {"path": path, "body": body}
    return found
