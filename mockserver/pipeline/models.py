"""Respond to the operations of a document on models: the list, and one of them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from mockserver.errors import Rejected
from mockserver.json_text import dumps
from mockserver.media import templates
from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.interpreter import checked_query
from specs import JSON, MODEL, PAGE, ModelsAction, ModelsRole, listed_models

MAX_NAME_LENGTH = 200
Models = Mapping[str, Mapping[str, Any]]
"""The statements of the document about each model, by id."""


async def respond_with_models(exchange: Exchange, role: ModelsRole) -> web.Response:
    """
    The list of the models that the document names, or one of them.

    Raises `Rejected` for an invalid query, and for an unknown model.
    """
    query = await checked_query(exchange)
    models = listed_models(exchange.provider_context.provider)
    examples = exchange.operation.success.bodies[JSON].examples
    if role.action is ModelsAction.LIST:
        selected = _selected(models, role, query.payload if query else {})
        facts = [_facts(name, each) for name, each in selected.items()]
        body = templates.fill(examples[PAGE], {}, facts)
    else:
        name = next(reversed(list(exchange.path_parameters.values())), "")
        if name not in models:
            raise unknown_model(role.unknown, name)
        body = templates.fill(examples[MODEL], _facts(name, models[name]), ())
    return web.json_response(body, dumps=dumps)


def unknown_model(error: str, name: str) -> Rejected:
    """The error for an id that no model has."""
    message = f"The model '{name[:MAX_NAME_LENGTH]}' does not exist."
    return Rejected(error, message, param="model")


def _selected(models: Models, role: ModelsRole, query: Mapping[str, Any]) -> Models:
    """The models that have the values which a query asks for."""
    wanted = {key: query[name] for name, key in role.filters.items() if name in query}
    return {
        id_: each
        for id_, each in models.items()
        if all(each.get(key) == value for key, value in wanted.items())
    }


def _facts(name: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the placeholders of a model."""
    return {f"{templates.MODEL}{key}": each for key, each in model.items()} | {
        f"{templates.MODEL}id": name
    }
