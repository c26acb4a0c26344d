"""Faults of streamed generations, by provider and name."""

import re
from dataclasses import replace
from functools import partial

from faulty_servers.relay_faults import RelayFault, without_field
from support.relays import Change, Message, on_events

CASES = (
    "createImage/request/plain",
    "createImage/request/output_",
    "createImage/request/streams/",
)
stream = partial(RelayFault, only=CASES)


def in_completed(old: str, new: str) -> Change:
    """Replace text in the last event."""
    return on_events(
        lambda events: [*events[:-1], events[-1].replace(old, new)] if events else []
    )


def numbered_from_one(events: list[str]) -> list[str]:
    pattern = r'"partial_image_index":(\d+)'
    return [
        re.sub(pattern, lambda m: f'"partial_image_index":{int(m[1]) + 1}', each)
        for each in events
    ]


def second_partial_again(events: list[str]) -> list[str]:
    """Repeat the index of a partial image."""
    return [
        each.replace('"partial_image_index":1', '"partial_image_index":0')
        for each in events
    ]


def is_partial(event: str) -> bool:
    return "partial_image" in event


def labelled_text(response: Message) -> Message:
    if not response.is_stream:
        return response
    return replace(response, headers={**response.headers, "Content-Type": "text/plain"})


OPENAI = {
    "stream-ignored": stream(request=without_field("stream")),
    "nothing-completed": stream(
        on_events(lambda events: [each for each in events if is_partial(each)])
    ),
    "completed-twice": stream(on_events(lambda events: [*events, events[-1]])),
    "goes-on-after-the-end": stream(
        on_events(lambda events: [*events, *filter(is_partial, events)])
    ),
    "partials-from-one": stream(on_events(numbered_from_one)),
    "partials-nobody-asked-for": stream(
        on_events(
            lambda events: [events[-1].replace("completed", "partial_image"), *events]
        )
    ),
    "event-misnamed": stream(
        on_events(
            lambda events: [
                re.sub("^event: .*", "event: image", each) for each in events
            ]
        )
    ),
    "completed-without-usage": stream(
        on_events(
            lambda events: [re.sub(r',"usage":\{.*\}\}', "}", each) for each in events]
        )
    ),
}
AIHUBMIX = {
    "stream-size-misreported": RelayFault(
        in_completed('"size":"1024x1024"', '"size":"1536x1024"')
    ),
    "stream-quality-unknown": RelayFault(
        in_completed('"quality":"', '"quality":"very-')
    ),
    "stream-partial-number-repeated": RelayFault(on_events(second_partial_again)),
    "stream-labelled-text": RelayFault(labelled_text),
    "stream-picture-no-base64": RelayFault(
        in_completed('"b64_json":"', '"b64_json":"!')
    ),
}
FAULTS: dict[str, dict[str, RelayFault]] = {
    provider: {f"createImage/{name}": fault for name, fault in faults.items()}
    for provider, faults in (("openai", OPENAI), ("aihubmix", AIHUBMIX))
}
