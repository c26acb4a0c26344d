"""An input image in the request of any operation."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.media.files import Sample
from contracts.planning.request_model import RequestModel
from contracts.planning.values.pointers import replaced_at
from specs.documents.tasks import values_at

INPUT_IMAGE = "image"  # the canonical name of its field
GOOD, BROKEN = Sample(variant=3), Sample(format=None)
"""An image, and a file of the same type that is none."""


def with_input_image(
    model: RequestModel, payload: Mapping[str, Any], prompt: str, sample: Sample
) -> Iterator[dict[str, Any]]:
    """
    Payloads with an input image: in its field, or as in an example of the document.

    None where the body takes no image, or where the document shows none inside others.
    """
    name = model.wire_name(INPUT_IMAGE)
    if name is not None:
        for value in model.values(name):
            changed = _with_sample(value.value, sample)
            if changed != value.value:
                yield {**payload, name: changed}
        return
    nested = model.provider.dialect.places_of(model.operation.id)
    for example in model.body.examples.values():
        for place in nested.get(INPUT_IMAGE, ()):
            for text in values_at(example, place):
                is_uri = str(text).startswith("data:")
                image = sample.data_uri if is_uri else _base64(sample)
                field = place.split("/")[1]
                shown = replaced_at({**payload, field: example[field]}, place, image)
                yield _with_prompt(shown, nested.get("prompt", ()), prompt)


def _with_prompt(
    payload: dict[str, Any], places: Sequence[str], prompt: str
) -> dict[str, Any]:
    """The payload with another prompt in the first place that it has."""
    changed = (replaced_at(payload, each, prompt) for each in places)
    return next((each for each in changed if each != payload), payload)


def _with_sample(value: Any, sample: Sample) -> Any:
    """A value in which the images that are a part of it are replaced."""
    if isinstance(value, Sample):
        return sample
    if isinstance(value, str) and value.startswith("data:"):
        return sample.data_uri
    if isinstance(value, list):
        return [_with_sample(each, sample) for each in value]
    if isinstance(value, dict):
        return {name: _with_sample(each, sample) for name, each in value.items()}
    return value


def _base64(sample: Sample) -> str:
    return base64.b64encode(sample.data).decode()
