"""The models that a document names as valid."""

from collections.abc import Iterator, Mapping
from typing import Any

from specs.documents.found_once import found_once
from specs.documents.model import Body, Provider
from specs.documents.models import LISTED

MODEL_FIELD = "model"


@found_once
def listed_models(provider: Provider) -> Mapping[str, Mapping[str, Any]]:
    """
    The models that a document names, with what `x-models` says of each, by id.

    They are those that a request may name, also in its path, and those of `x-models`.
    Left out are models that no request may name any more, and those that `x-models`
    says are not listed.
    """
    facts: Mapping[str, Any] = provider.in_force.get("x-models", {})
    own = {name: each for name, each in facts.items() if isinstance(each, Mapping)}
    names = dict.fromkeys(_named_by_requests(provider))
    names.update(dict.fromkeys(own))
    return {
        name: own.get(name, {})
        for name in names
        if own.get(name, {}).get(LISTED, True) and not name.startswith("x-")
    }


def named_values(schema: Any) -> Iterator[Any]:
    """Yield the values that the schema of a field names: its `enum` and its `const`."""
    parts = (schema, *schema.get("allOf", ())) if isinstance(schema, Mapping) else ()
    for part in parts:
        yield from filter(None, [*part.get("enum", ()), part.get("const")])


def _named_by_requests(provider: Provider) -> Iterator[str]:
    yield provider.dialect.model
    for operation in provider.operations.values():
        for own in provider.dialect.wire_names(operation.id, MODEL_FIELD):
            for body in (*operation.bodies.values(), *operation.parameters.values()):
                for name in named_values(body.properties.get(own)):
                    if isinstance(name, str) and not _is_refused(body, own, name):
                        yield name


def _is_refused(body: Body, field: str, name: str) -> bool:
    """True if a rule between fields forbids a value that the field lists."""
    verdict = body.judge.judge({field: name})
    violations = (*verdict.documented_violations, *verdict.enforced_violations)
    return any(each.param == field for each in violations)
