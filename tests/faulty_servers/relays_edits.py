"""Faults of edits with a JSON body, by provider and name."""

from collections.abc import Callable
from typing import Any

from faulty_servers.relay_faults import RelayFault
from support.relays import Message


def edit(change: Callable[[dict[str, Any]], dict[str, Any]]) -> RelayFault:
    """A change of the JSON body of edits."""

    def apply(request: Message) -> Message:
        if "image" not in request.asked:
            return request
        return request.with_json(change(request.asked))

    return RelayFault(request=apply, only=("createImageEdit/request-json",))


def ignoring(name: str) -> RelayFault:
    """Remove a field."""
    return edit(lambda asked: {key: asked[key] for key in asked if key != name})


def accepting(name: str, is_wrong: Callable[[Any], bool]) -> RelayFault:
    """Accept invalid values of a field: remove them."""
    return edit(
        lambda asked: {
            key: value
            for key, value in asked.items()
            if key != name or not is_wrong(value)
        }
    )


def first_image(asked: dict[str, Any]) -> dict[str, Any]:
    image = asked["image"]
    are_several = isinstance(image, list) and len(image) > 1
    return asked | {"image": image[0]} if are_several else asked


TOKENHUB = {
    "n-ignored": ignoring("n"),
    "mask-ignored": ignoring("mask"),
    "size-ignored": ignoring("size"),
    "format-ignored": ignoring("output_format"),
    "compression-ignored": ignoring("output_compression"),
    "second-image-ignored": edit(first_image),
    "n-of-eleven": accepting("n", lambda value: value == 11),
    "n-as-text": accepting("n", lambda value: isinstance(value, str)),
    "fidelity-of-any-name": accepting(
        "input_fidelity", lambda value: value not in ("low", "high")
    ),
}
FAULTS: dict[str, dict[str, RelayFault]] = {
    "tokenhub": {
        f"createImageEdit/json-{name}": fault for name, fault in TOKENHUB.items()
    }
}
