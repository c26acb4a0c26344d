"""Folders of providers that are not like those that ship: videos, nested fields."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

import specs

SHIPPED = Path(specs.__file__).parent / "tokenhub"
SOURCE = "S4"
MODELS = ["film-1", "film-2"]
TEXT = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "additionalProperties": False,
}
PICTURE = {
    "type": "object",
    "required": ["type", "image_url"],
    "properties": {
        "type": {"const": "image_url"},
        "image_url": {
            "type": "object",
            "required": ["url"],
            "properties": {"url": {"type": "string"}},
        },
    },
    "additionalProperties": False,
}
CONTENT = {"type": "array", "minItems": 1, "items": {"oneOf": [TEXT, PICTURE]}}
NESTED_BODY = {
    "type": "object",
    "required": ["model", "content"],
    "properties": {
        "model": {"type": "string", "enum": MODELS},
        "content": CONTENT,
        "duration": {"type": "integer", "minimum": 4, "maximum": 12, "default": 5},
        "client_id": {"type": "string", "maxLength": 64},
    },
}
NESTED_EXAMPLE = {
    "model": "film-1",
    "content": [
        {"type": "text", "text": "A garden"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ],
}
INSTANCES_BODY = {
    "type": "object",
    "required": ["instances"],
    "properties": {
        "instances": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["prompt"],
                "properties": {"prompt": {"type": "string", "minLength": 1}},
            },
        },
        "parameters": {
            "type": "object",
            "properties": {"seed": {"type": "integer", "minimum": 0}},
        },
    },
}
# Any string is too short for one keyword or too long for the other.
IMPOSSIBLE_BODY = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "minLength": 9, "maxLength": 8, "x-source": SOURCE}
    },
}
TASK_BODY = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {"id": {"type": "string"}, "status": {"type": "string"}},
}
TASKS = {
    "videoTask": {
        "x-source": SOURCE,
        "medium": "video",
        "id": {"at": "/id", "form": "{hex:16}", "alias": "client_id"},
        "state": {"at": "/status"},
        "states": {
            "queued": {"phase": "waiting"},
            "done": {"phase": "succeeded"},
            "failed": {"phase": "failed"},
        },
        "moves": {"allowed": [["queued", "done"], ["queued", "failed"]]},
        "result": [{"at": "/url", "as": "url"}],
        "failures": {"refused": {"code": "refused", "message": "It was refused"}},
    }
}
TASK_EXAMPLES = {
    state: {"value": {"id": "{id}", "status": "{state}"}}
    for state in ("queued", "done", "failed")
}


def shipped() -> tuple[dict[str, Any], dict[str, Any]]:
    """The document and the dialect of a provider that ships, to change them."""
    files = (SHIPPED / name for name in ("openapi.yaml", "dialect.yaml"))
    document, dialect = (yaml.safe_load(each.read_text("utf-8")) for each in files)
    return document, dialect


def json_body(schema: Any, example: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": deepcopy(schema)}
    if example is not None:
        content["examples"] = {"shown": {"value": deepcopy(example)}}
    return {"required": True, "content": {"application/json": content}}


def with_model_name(value: Any) -> Any:
    """A schema or a request with the field `model_name` in place of `model`."""
    return yaml.safe_load(re.sub(r"\bmodel\b", "model_name", yaml.safe_dump(value)))


def creating(
    document: dict[str, Any], name: str, schema: Any, example: Any = None
) -> dict[str, Any]:
    """An operation that creates a task, with the errors of the document."""
    plain = document["paths"]["/images/generations"]["post"]
    success = {
        "description": "A task",
        "content": {
            "application/json": {
                "schema": deepcopy(TASK_BODY),
                "examples": {"created": deepcopy(TASK_EXAMPLES["queued"])},
            }
        },
    }
    return {
        "operationId": name,
        "summary": "A video",
        "x-source": SOURCE,
        "x-task": {"kind": "videoTask", "role": "create"},
        "requestBody": json_body(schema, example),
        "responses": {**deepcopy(plain["responses"]), "200": success},
    }


def reading(document: dict[str, Any]) -> dict[str, Any]:
    """An operation that reads a task."""
    operation = creating(document, "getVideo", {})
    del operation["requestBody"]
    operation["x-task"] |= {"role": "read", "unknown": "not_found"}
    content = operation["responses"]["200"]["content"]["application/json"]
    content["examples"] = deepcopy(TASK_EXAMPLES)
    operation["parameters"] = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    return operation


def write(
    folder: Path, name: str, document: dict[str, Any], dialect: dict[str, Any]
) -> specs.Provider:
    """Write a document and its dialect, and load them."""
    made = folder / name
    made.mkdir(parents=True)
    dialect["title"] = name
    for file, content in (("openapi.yaml", document), ("dialect.yaml", dialect)):
        (made / file).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return specs.load(name, folder)


def write_videos(folder: Path, name: str = "films") -> specs.Provider:
    """
    Write a provider without an operation on images.

    It has a request with nested fields and an example, whose model is `model_name`, one
    without an example at a server of its own and a path with a parameter, and one of
    which no request is valid.
    """
    document, dialect = shipped()
    by_model = creating(document, "createModelVideo", INSTANCES_BODY)
    by_model["parameters"] = [
        {
            "name": "model",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "enum": MODELS},
        }
    ]
    by_model["servers"] = [{"url": "https://tokenhub.store/films/v2"}]
    document["x-tasks"] = deepcopy(TASKS)
    document["paths"] = {
        "/videos": {
            "post": creating(
                document,
                "createVideo",
                with_model_name(NESTED_BODY),
                with_model_name(NESTED_EXAMPLE),
            )
        },
        "/models/{model}:predict": {"post": by_model},
        "/videos/impossible": {
            "post": creating(document, "createImpossibleVideo", IMPOSSIBLE_BODY)
        },
        "/videos/{id}": {"get": reading(document)},
    }
    dialect["model"] = "film-1"
    dialect["fields"] = {
        "createVideo": {"prompt": "/content/*/text", "model": "model_name"},
        "createModelVideo": {"prompt": "/instances/*/prompt"},
    }
    del dialect["prices"]
    return write(folder, name, document, dialect)


def write_nested_images(folder: Path, name: str = "nested") -> specs.Provider:
    """Write a provider whose images have nested fields in their JSON requests."""
    document, dialect = shipped()
    plain = document["paths"]["/images/generations"]["post"]
    plain["requestBody"] = json_body(NESTED_BODY, NESTED_EXAMPLE)
    document["paths"] = {"/images/generations": {"post": plain}}
    dialect["model"] = "film-1"
    dialect["fields"] = {"createImage": {"prompt": "/content/*/text"}}
    return write(folder, name, document, dialect)
