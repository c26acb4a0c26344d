"""Faults of the lists of models, by provider and name."""

from dataclasses import replace
from functools import partial
from typing import Any

from faulty_servers.relay_faults import RelayFault, recoded
from support.relays import Message, on_pictures, on_success

listing = partial(RelayFault, only=("listModels/",))
reading = partial(RelayFault, only=("retrieveModel/",))
UNKNOWN = {"id": "any", "object": "model", "created": 1, "owned_by": "us"}


def without_first(body: Any, _: Message) -> Any:
    """A list without its first model, which is the one of the tests."""
    return {**body, "data": body["data"][1:]}


def as_another(body: Any, _: Message) -> Any:
    return {**body, "id": "gpt-image-0"}


def known_whatever_its_id(response: Message) -> Message:
    if response.status != 404:
        return response
    return replace(response, status=200).with_json(UNKNOWN)


def square_whatever_the_ratio(response: Message) -> Message:
    if "aspect_ratio" not in response.asked:
        return response
    return on_pictures(lambda data: recoded(data, size=(1024, 1024)))(response)


FAULTS = {
    "openai": {
        "listModels/without-one-that-draws": listing(on_success(without_first)),
        "retrieveModel/another-model": reading(on_success(as_another)),
        "retrieveModel/unknown-id-is-known": reading(known_whatever_its_id),
    },
    "openrouter": {
        "listModels/ratio-declared-and-ignored": RelayFault(
            square_whatever_the_ratio, only=("listModels/", "aspect_ratio")
        ),
    },
}
