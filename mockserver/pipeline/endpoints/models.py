"""
The models of a provider whose document describes no `GET /models`, or no single one.

Clients ask for them to test a connection. The models are those that the document names,
the form is the usual one, and the errors are those of the operations.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.json_text import dumps
from mockserver.pipeline.behavior import (
    determine_behavior,
    simulate_latency,
    triggered_response,
)
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.journal_entry import finish
from mockserver.pipeline.models import unknown_model
from mockserver.pipeline.provider_context import ProviderContext
from mockserver.pipeline.request.authentication import authenticate
from mockserver.pipeline.response.sending import error_response, send
from mockserver.simulation.namespaces import namespace_of
from specs import ErrorExample, Operation, Provider, listed_models

MODELS_PATH = "/models"
METHODS = ("GET", "HEAD")
LIST_MODELS, RETRIEVE_MODEL = "listModels", "retrieveModel"


def is_models_path(path: str) -> bool:
    """True for the path of the list, and of one model, below the base path."""
    return path == MODELS_PATH or (
        path.startswith(f"{MODELS_PATH}/") and path != f"{MODELS_PATH}/"
    )


def script_errors(provider: Provider) -> dict[str, Mapping[str, ErrorExample]]:
    """The errors that a script can name, by operation; those of the models too."""
    errors = {each.id: each.errors for each in provider.all_operations.values()}
    of_models = _errors_of_all(provider)
    return {LIST_MODELS: of_models, RETRIEVE_MODEL: of_models, **errors}


async def handle_models(
    request: web.Request, path: str, provider_context: ProviderContext
) -> web.StreamResponse:
    """Respond to a request for `path` below the base path of a provider."""
    operation = _models_operation(provider_context.provider, path)
    request_id = provider_context.new_request_id()
    exchange = Exchange(
        request, operation, provider_context, request_id, time.monotonic()
    )
    try:
        try:
            response = await _respond(exchange, path)
        except Rejected as rejected:
            response = error_response(exchange, rejected)
        return await send(exchange, response)
    finally:
        finish(exchange)


async def _respond(exchange: Exchange, path: str) -> web.Response:
    context, headers = exchange.provider_context, exchange.request.headers
    await context.store.sync_clock()
    exchange.key = authenticate(exchange.request, exchange.operation)
    exchange.namespace = namespace_of(headers, exchange.key)
    await determine_behavior(exchange)
    await simulate_latency(exchange)
    response = triggered_response(exchange)
    if response is not None:
        return response
    models = known_models(context.provider)
    if path == MODELS_PATH:
        found: Any = {"object": "list", "data": list(models.values())}
    else:
        name = path.removeprefix(f"{MODELS_PATH}/")
        found = models.get(name) or _raise_unknown(name, exchange.operation)
    return web.json_response(found, dumps=dumps)


def _raise_unknown(name: str, operation: Operation) -> Any:
    known = "model_not_found" in operation.errors
    rejected = unknown_model("model_not_found" if known else "not_found", name)
    rejected.status = 404
    raise rejected


def known_models(provider: Provider) -> dict[str, dict[str, Any]]:
    """The models that the document names, by their ids."""
    return {
        name: {"id": name, "object": "model", "created": 0, "owned_by": provider.id}
        for name in listed_models(provider)
    }


def _models_operation(provider: Provider, path: str) -> Operation:
    """An operation with the key and the errors of those in the document."""
    return replace(
        provider.any_operation,
        id=LIST_MODELS if path == MODELS_PATH else RETRIEVE_MODEL,
        method="GET",
        path=path,
        bodies=MappingProxyType({}),
        errors=_errors_of_all(provider),
    )


def _errors_of_all(provider: Provider) -> dict[str, ErrorExample]:
    errors: dict[str, ErrorExample] = {}
    for operation in provider.all_operations.values():
        errors = {**operation.errors, **errors}
    return errors
