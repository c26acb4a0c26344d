"""The OpenAPI document that schemathesis reads: what the provider itself documents."""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.media.files import Sample
from contracts.planning.call_options import Auth
from contracts.planning.paths import sample_path
from contracts.planning.request_model import RequestModel, testable_models
from contracts.planning.values.field_values import LONG_TEXT_LENGTH
from specs import (
    EVENT_STREAM,
    JSON,
    Basis,
    KeyPlace,
    Operation,
    Provider,
    Response,
)
from specs.documents.events import event_branches, is_done
from specs.validation.engine import compile_validator
from specs.validation.transforms import documented_only, to_validator_schema

SAMPLE_IMAGES = {
    "picture-png": Sample(),
    "picture-other": Sample(variant=1),
    "picture-webp": Sample(format="webp"),
    "picture-alpha": Sample(alpha=True),
}
UNREACHABLE_URL = "http://nowhere.invalid"  # in case schemathesis sends a request


def plain_document(provider: Provider, *, with_rules: bool = True) -> dict[str, Any]:
    """
    Convert a provider's document to plain OpenAPI 3.1.

    Assumptions and the fields that only they list are left out. A file is a string:
    one of the names in `SAMPLE_IMAGES` that its schema accepts. `model` is one of the
    models of a minimal request. `with_rules` keeps the rules between fields.
    """
    paths: dict[str, Any] = {}
    for operation in testable_operations(provider):
        paths.setdefault(sample_path(operation), {})[operation.method.lower()] = (
            _operation_object(provider, operation, with_rules)
        )
    return document_of(provider, paths)


def document_of(provider: Provider, paths: Mapping[str, Any]) -> dict[str, Any]:
    """Plain OpenAPI 3.1 with these paths, and the key schemes of a provider."""
    return {
        "openapi": "3.1.0",
        "info": {"title": provider.title, "version": provider.version},
        "servers": [{"url": UNREACHABLE_URL}],
        "components": {
            "securitySchemes": {
                str(each): scheme_object(each)
                for each in map(Auth.of, provider.key_schemes)
            }
        },
        "paths": paths,
    }


def testable_operations(provider: Provider) -> Iterator[Operation]:
    """Yield the operations of which a valid request can be made."""
    known = {id_ for id_, _ in testable_models(provider)}
    yield from (each for id_, each in provider.operations.items() if id_ in known)


def _operation_object(
    provider: Provider, operation: Operation, with_rules: bool
) -> dict[str, Any]:
    models = testable_models(provider)
    return {
        "operationId": operation.id,
        "security": [{str(Auth.of(each)): []} for each in operation.key_schemes],
        "requestBody": {
            "required": True,
            "content": {
                media_type: {
                    "schema": _request_schema(
                        models[operation.id, media_type], with_rules
                    )
                }
                for media_type in operation.bodies
                if (operation.id, media_type) in models
            },
        },
        "responses": {
            status: response_object(response)
            for status, response in operation.responses.items()
        },
    }


def scheme_object(auth: Auth) -> dict[str, str]:
    if auth.place is KeyPlace.BEARER:
        return {"type": "http", "scheme": "bearer"}
    return {"type": "apiKey", "in": str(auth.place), "name": auth.name}


def _request_schema(request_model: RequestModel, with_rules: bool) -> dict[str, Any]:
    documented = documented_only(
        _files_as_names(_simplify_schema(request_model.body.schema))
    )
    # It is True if the provider's own pages say nothing about the body.
    schema: dict[str, Any] = documented if isinstance(documented, dict) else {}
    parts = [each for each in schema.get("allOf", []) if each is not True]
    if not with_rules:
        parts = [each for each in parts if "x-rule" not in each]
    properties = {
        name: property_schema
        for name, property_schema in schema.get("properties", {}).items()
        if property_schema is not True
    }
    model = request_model.wire_name("model") or "model"
    models = [
        request[model] for _, request in request_model.by_model if model in request
    ]
    if models and model in properties:
        properties[model] = {"type": "string", "enum": list(dict.fromkeys(models))}
    for name, value in request_model.minimal_request.items():
        if isinstance(value, str) and name != model and name in properties:
            properties[name] = {**properties[name], "minLength": 1, "examples": [value]}
    closed = {"properties": properties, "additionalProperties": False}
    return {**schema, **closed, "allOf": parts or [{}]}


def response_object(response: Response) -> dict[str, Any]:
    return {
        "description": response.status,
        "headers": {
            name: header
            for name, header in response.headers.items()
            if header.get("x-basis", Basis.DOCUMENTED) == Basis.DOCUMENTED
        },
        "content": {
            media_type: {
                "schema": _response_schema(media_type, documented_only(body.schema))
            }
            for media_type, body in response.bodies.items()
        },
    }


def _response_schema(media_type: str, schema: Any) -> dict[str, Any]:
    """
    Convert a response schema; that of a stream describes one event.

    A stream whose last event is not JSON has no schema.
    """
    plain: dict[str, Any] = schema if isinstance(schema, dict) else {}
    if media_type != EVENT_STREAM:
        return plain
    if any(is_done(each) for each in event_branches(plain)):
        return {"type": "object"}
    data = {"contentMediaType": JSON, "contentSchema": plain}
    return {"type": "object", "properties": {"data": {"type": "string", **data}}}


def _simplify_schema(schema: Any) -> Any:
    """Remove `x-null`, and a `maxLength` that allows texts of megabytes."""
    if isinstance(schema, list):
        return [_simplify_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _simplify_schema(each)
        for key, each in schema.items()
        if key != "x-null" and not (key == "maxLength" and each >= LONG_TEXT_LENGTH)
    }


def _files_as_names(schema: Any) -> Any:
    """Replace each schema of a file by a pattern of the sample images that it takes."""
    if isinstance(schema, list):
        return [_files_as_names(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _files_as_names(each) for key, each in schema.items()}
    if schema.get("format") == "binary":
        del result["format"]
        validator = compile_validator(to_validator_schema(schema))
        names = [
            name
            for name, image in SAMPLE_IMAGES.items()
            if validator.is_valid(image.facts)
        ]
        # A pattern leaves lists alone, which the same field may accept as well.
        result["pattern"] = f"^({'|'.join(names)})$"
    return result
