"""Events that no constant names, and images inside nested lists beside texts."""

from specs import COMPLETED, END, PARTIAL_IMAGE
from specs.documents.layout import USUAL_LAYOUT, ResponseLayout, response_layout

IMAGE = {"inline": {"data": "{output.b64_json}"}}
TEXT = {"text": "Here it is."}
HAS_IMAGE = {
    "properties": {
        "answers": {
            "contains": {
                "properties": {"parts": {"contains": {"required": ["inline"]}}}
            }
        }
    }
}
HAS_END = {"required": ["end"]}
SCHEMA = {
    "anyOf": [
        {"x-event": {"name": "picture", "if": HAS_IMAGE}},
        {"x-event": {"name": "finish", "if": HAS_END}},
        {"x-event": {"name": "text"}},
    ]
}
PICTURE = {"answers": [{"parts": [IMAGE]}]}
FINISH = {"answers": [{"parts": [TEXT]}], "end": "stop"}
CHUNKS = response_layout(
    {"response": {"answers": [{"parts": [TEXT, IMAGE]}]}},
    {COMPLETED: PICTURE, END: FINISH},
    SCHEMA,
)


def roles(layout: ResponseLayout, event: object) -> list[str]:
    return [
        each for each in (PARTIAL_IMAGE, COMPLETED, END) if layout.has_role(event, each)
    ]


def test_events_are_told_apart_by_the_schemas_of_the_document():
    both = {**PICTURE, "end": "stop"}
    events = [PICTURE, FINISH, both, {"answers": [{"parts": [TEXT]}]}, [1]]

    assert [CHUNKS.event_name(each) for each in events] == [
        *("picture", "finish", "picture", "text", "no JSON")
    ]
    assert [roles(CHUNKS, each) for each in events] == [
        *([COMPLETED], [END], [COMPLETED, END], [], [])
    ]


def test_images_are_found_beside_texts_in_every_list():
    body = {"answers": [{"parts": [TEXT, IMAGE]}, {}, {"parts": [IMAGE]}]}

    assert CHUNKS.images(body) == [{"b64_json": "{output.b64_json}"}] * 2
    assert CHUNKS.images({"answers": [{"parts": [TEXT]}]}) == []
    assert CHUNKS.entries({"blocked": True}) is None
    assert CHUNKS.images_of_event(body) == CHUNKS.images(body)
    assert CHUNKS.described("b64_json") == ("b64_json in answers[].parts[].inline.data")


def test_a_role_is_the_whole_name_among_those_that_a_document_has():
    names = ("x.call.completed", "x.completed", "x.call.partial_image")
    schema = {"oneOf": [{"properties": {"kind": {"const": each}}} for each in names]}
    schema["discriminator"] = {"propertyName": "kind"}
    layout = response_layout({}, {COMPLETED: {"kind": "x.completed"}}, schema)

    found = [roles(layout, {"kind": each}) for each in (*names, "y.completed")]

    # That of another prefix is wrong once, as an event, and not as a missing image too.
    assert found == [[], [COMPLETED], [], [COMPLETED]]
    assert roles(USUAL_LAYOUT, {"type": "z.partial_image"}) == [PARTIAL_IMAGE]
