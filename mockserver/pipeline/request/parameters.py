"""Parse the query of a request into the object that its JSON Schema describes."""

from typing import Any

from aiohttp import web

from mockserver.pipeline.request.body_parsing import ParsedBody, coerce_text
from specs import Operation

QUERY = "query"


def parse_query(request: web.Request, operation: Operation) -> ParsedBody | None:
    """
    The query parameters of an operation, as a body; None if it describes none.

    A parameter whose schema is an array may be repeated. Of others the last counts.
    """
    body = operation.parameters.get(QUERY)
    if body is None:
        return None
    payload: dict[str, Any] = {}
    for name in request.query:
        schema = body.properties.get(name, {})
        texts = request.query.getall(name)
        if schema.get("type") == "array":
            payload[name] = [coerce_text(each, schema.get("items")) for each in texts]
        else:
            payload[name] = coerce_text(texts[-1], schema)
    return ParsedBody(body, payload, value_count=len(payload))
