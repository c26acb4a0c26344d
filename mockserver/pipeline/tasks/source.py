"""Tasks that begin with the result of another task, such as a remix of a video."""

from collections.abc import Mapping
from typing import Any

from mockserver.pipeline.exchange import Exchange
from mockserver.pipeline.request.body_parsing import ParsedBody
from mockserver.pipeline.tasks.lookup import kind_of, owner_of, role_of
from mockserver.state.tasks import TaskRecord
from specs import JSON, Role, values_at
from specs.documents.video import SOURCE_DURATION

OWN_FIELDS = {"prompt", "image", "last_image", "n", "seed"}  # of each task


async def find_source(exchange: Exchange, parsed_body: ParsedBody) -> TaskRecord | None:
    """
    The task whose result a new task begins with; None without one.

    An unknown id is no error: a result may be from elsewhere.
    """
    place = role_of(exchange).source
    if place is None:
        return None
    id_ = exchange.path_parameters.get(place)
    if place.startswith("/"):
        id_ = next(values_at(parsed_body.payload, place), None)
    if not isinstance(id_, str):
        return None
    store = exchange.provider_context.store.tasks
    return await store.get(owner_of(exchange), id_)


def inherited_fields(
    exchange: Exchange, source: TaskRecord | None
) -> Mapping[str, Any]:
    """
    The fields, in canonical names, that a task takes from the one it begins with.

    Without a known one, they are the defaults of the first operation of the kind.
    """
    if role_of(exchange).source is None:
        return {}
    if source is not None:
        fields = {**source.request}
        if role_of(exchange).extends:
            before = next(iter(source.outputs), {})
            fields[SOURCE_DURATION] = before.get("duration", 0)
        return {name: fields[name] for name in fields if name not in OWN_FIELDS}
    provider = exchange.provider_context.provider
    first = provider.operations_on(kind_of(exchange).name, Role.CREATE)[0]
    return provider.canonical_request(first.id, JSON, {}, include_assumed=True)
