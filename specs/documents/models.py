"""Operations on the models of a provider: the list of them, and one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from specs.documents.tasks import values_at

PAGE, MODEL = "page", "model"  # the names of the examples of responses
LISTED = "listed"  # the key of `x-models` that keeps a model out of the list


class ModelsAction(StrEnum):
    """The purpose of an operation on models."""

    LIST = "list"
    READ = "read"


@dataclass(frozen=True, slots=True)
class ModelsRole:
    """
    The role of an operation on the models of a provider.

    * `items`: the place of the models in a list; `id`: the place of the id in a model.
    * `parameters`: the place, in a model, of the request fields that it supports: their
      names, or an object with `{type: enum, values: […]}`, `{type: range, min, max}` or
      `{type: boolean}` by name. None if models declare none.
    * `unknown`: the error for an unknown id.
    * `filters`: the key of `x-models` that a query parameter selects by.
    """

    action: ModelsAction
    items: str = "/data"
    id: str = "/id"
    parameters: str | None = None
    unknown: str = "not_found"
    filters: Mapping[str, str] = field(default_factory=dict)

    def models_in(self, body: Any) -> dict[str, Any]:
        """The models of a list by id, also of one that is the whole body."""
        items = (
            body if isinstance(body, list) else next(values_at(body, self.items), ())
        )
        found = {}
        for model in items if isinstance(items, list) else ():
            id_ = self.id_of(model)
            if id_ is not None:
                found[id_] = model
        return found

    def id_of(self, model: Any) -> str | None:
        """The id in a model, or None."""
        id_ = next(values_at(model, self.id), None)
        return id_ if isinstance(id_, str) else None

    def declared_by(self, model: Any) -> Mapping[str, Any]:
        """The declarations of a model by request field; empty if it has none."""
        if self.parameters is None:
            return {}
        found = next(values_at(model, self.parameters), None)
        if isinstance(found, list):
            return {each: {} for each in found if isinstance(each, str)}
        return found if isinstance(found, dict) else {}


def models_role(raw: Mapping[str, Any]) -> ModelsRole:
    """The role of an operation, from the value of its `x-model`."""
    names = ("items", "id", "parameters", "unknown", "filters")
    given = {name: raw[name] for name in names if name in raw}
    return ModelsRole(ModelsAction(raw["role"]), **given)


def is_declared(declaration: Any, value: Any) -> bool:
    """True if a model that declares a request field so supports this value of it."""
    if not isinstance(declaration, Mapping):
        return False
    if "values" in declaration:
        values = declaration["values"]
        return isinstance(values, list) and value in values
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if declaration.get("type") == "range":
        low, high = (declaration.get(each, value) for each in ("min", "max"))
        return is_number and _is_between(low, value, high)
    return declaration.get("type") != "boolean" or isinstance(value, bool)


def _is_between(low: Any, value: float, high: Any) -> bool:
    try:
        return bool(low <= value <= high)
    except TypeError:
        return False
