"""
Faulty relays in front of our own mock, for faults that the test servers lack.

The test servers are wrong in all media types at once; a gateway with one parser for
forms and one for JSON can be wrong in one of them. And they send no partial images.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from support.relays import Change, Message, on_events

EDIT = "createImageEdit/request-json/"


def in_json_edits(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Change the JSON body of an edit."""

    def lie(said: Message) -> Message:
        return said.with_json(change(said.asked)) if "image" in said.asked else said

    return lie


def without(member: str) -> Change:
    return in_json_edits(
        lambda asked: {key: asked[key] for key in asked if key != member}
    )


def forgiving(member: str, wrong: Callable[[Any], bool]) -> Change:
    """Accept an invalid value of a field."""

    def forgive(asked: dict[str, Any]) -> dict[str, Any]:
        is_wrong = member in asked and wrong(asked[member])
        return {key: asked[key] for key in asked if not (is_wrong and key == member)}

    return in_json_edits(forgive)


def first_image(asked: dict[str, Any]) -> dict[str, Any]:
    image = asked["image"]
    are_several = isinstance(image, list) and len(image) > 1
    return asked | {"image": image[0]} if are_several else asked


def in_completed(old: str, new: str) -> Change:
    return on_events(
        lambda events: [*events[:-1], events[-1].replace(old, new)] if events else []
    )


def second_partial_again(events: list[str]) -> list[str]:
    """Repeat the index of a partial image."""
    return [
        each.replace('"partial_image_index":1', '"partial_image_index":0')
        for each in events
    ]


def unlabelled(said: Message) -> Message:
    if not said.is_stream:
        return said
    return replace(said, headers={**said.headers, "Content-Type": "text/plain"})


# name: provider, change of the request, change of the response
RELAYS: dict[str, tuple[str, Change | None, Change | None]] = {
    "json-edit/n-ignored": ("tokenhub", without("n"), None),
    "json-edit/mask-ignored": ("tokenhub", without("mask"), None),
    "json-edit/size-ignored": ("tokenhub", without("size"), None),
    "json-edit/format-ignored": ("tokenhub", without("output_format"), None),
    "json-edit/compression-ignored": ("tokenhub", without("output_compression"), None),
    "json-edit/second-image-ignored": ("tokenhub", in_json_edits(first_image), None),
    "json-edit/n-of-eleven": ("tokenhub", forgiving("n", lambda n: n == 11), None),
    "json-edit/n-as-text": (
        "tokenhub",
        forgiving("n", lambda n: isinstance(n, str)),
        None,
    ),
    "json-edit/fidelity-of-any-name": (
        "tokenhub",
        forgiving("input_fidelity", lambda value: value not in ("low", "high")),
        None,
    ),
    "stream/size-misreported": (
        "aihubmix",
        None,
        in_completed('"size":"1024x1024"', '"size":"1536x1024"'),
    ),
    "stream/quality-unknown": (
        "aihubmix",
        None,
        in_completed('"quality":"', '"quality":"very-'),
    ),
    "stream/numbers-stand-still": (
        "aihubmix",
        None,
        on_events(second_partial_again),
    ),
    "stream/labelled-text": ("aihubmix", None, unlabelled),
    "stream/picture-garbled": (
        "aihubmix",
        None,
        in_completed('"b64_json":"', '"b64_json":"!'),
    ),
}
