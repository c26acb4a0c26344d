"""The OpenAPI document of the control API."""

from functools import cache
from importlib.resources import files
from typing import Any

from specs.documents.reading.yaml_files import read_yaml


@cache
def control_document() -> dict[str, Any]:
    """The document in `openapi.yaml`, with the schema of scripts inserted."""
    document: dict[str, Any] = read_yaml(files("mockserver.control"), "openapi.yaml")
    script = read_yaml(files("mockserver.simulation"), "script.schema.yaml")
    document["components"]["schemas"]["Script"] = script
    return document
