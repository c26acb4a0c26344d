"""Operations that the programs cannot serve or test are refused at load."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import specs

FOLDER = Path(specs.__file__).parent / "tokenhub"
IMAGES = "/paths/~1images~1generations/post"
CHAT = {
    "operationId": "createChatCompletion",
    "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
    "responses": {
        "200": {"content": {"application/json": {"schema": {"type": "object"}}}}
    },
}
SPEECH = CHAT | {
    "operationId": "createSpeech",
    "responses": {
        "200": {"content": {"audio/mpeg": {"schema": {"type": "string"}}}},
    },
}
COOKIE = {"name": "session", "in": "cookie", "schema": {"type": "string"}}
DEPLOYMENT = {
    "name": "deployment",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
}
TASK = {"operationId": "getImageTask", "responses": CHAT["responses"]}


def edit(document: dict[str, Any], pointer: str, value: Any) -> None:
    """Set the value at a JSON pointer; the mappings above it are made."""
    *above, last = [
        step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]
    ]
    for step in above:
        document = document.setdefault(step, {})
    document[last] = value


UNSUPPORTED = {
    "a chat operation": (
        "/paths/~1chat~1completions",
        {"post": CHAT},
        "/paths/~1chat~1completions/post/operationId",
        "the operation 'createChatCompletion' is not supported",
    ),
    "a speech operation": (
        "/paths/~1audio~1speech",
        {"post": SPEECH},
        "/paths/~1audio~1speech/post/operationId",
        "the operation 'createSpeech' is not supported",
    ),
    "a task to poll": (
        "/paths/~1images~1tasks~1{task_id}",
        {"get": TASK},
        "/paths/~1images~1tasks~1{task_id}/get/operationId",
        "the operation 'getImageTask' is not supported",
    ),
    "a path template without its parameter": (
        "/paths/~1images~1{id}",
        {"post": CHAT | {"operationId": "createImage"}},
        "/paths/~1images~1{id}/post",
        "the path parameter 'id' is not described",
    ),
    "a GET": (
        "/paths/~1models",
        {"get": TASK | {"operationId": "createImage"}},
        "/paths/~1models/get",
        "GET is not supported",
    ),
    "a cookie of all operations of a path": (
        "/paths/~1images~1generations/parameters",
        [COOKIE],
        f"{IMAGES}/parameters",
        "a parameter in a cookie is not supported",
    ),
    "a path parameter that the path lacks": (
        f"{IMAGES}/parameters",
        [DEPLOYMENT],
        f"{IMAGES}/parameters",
        "the path has no '{deployment}'",
    ),
    "another medium": (
        f"{IMAGES}/x-medium",
        "video",
        f"{IMAGES}/x-medium",
        "the medium 'video' is not supported here",
    ),
    "no request body": (
        f"{IMAGES}/requestBody/content",
        {},
        IMAGES,
        "an operation without a request body is not supported",
    ),
    "a request in XML": (
        f"{IMAGES}/requestBody/content/application~1xml",
        {"schema": {"type": "object"}},
        f"{IMAGES}/requestBody/content/application~1xml",
        "the media type 'application/xml' is not supported here",
    ),
    "a success that is an image": (
        f"{IMAGES}/responses/200",
        {"content": {"image/png": {"schema": {"type": "string"}}}},
        f"{IMAGES}/responses/200/content/image~1png",
        "the media type 'image/png' is not supported here",
    ),
    "a success without a body": (
        f"{IMAGES}/responses/200",
        {"description": "Nothing"},
        f"{IMAGES}/responses/200",
        "a success without JSON is not supported",
    ),
    "two successes": (
        f"{IMAGES}/responses/202",
        CHAT["responses"]["200"],
        f"{IMAGES}/responses/202",
        "a second success status is not supported",
    ),
    "an error in HTML": (
        f"{IMAGES}/responses/502",
        {"content": {"text/html": {"schema": {"type": "string"}}}},
        f"{IMAGES}/responses/502/content/text~1html",
        "the media type 'text/html' is not supported here",
    ),
    "a link to an unknown operation": (
        f"{IMAGES}/responses/418",
        {"links": {"poll": {"operationId": "getImageTask", "parameters": {}}}},
        f"{IMAGES}/responses/418/links/poll",
        "the link names an unknown operation 'getImageTask'",
    ),
    "a key in a cookie": (
        "/components/securitySchemes/bearer",
        {"type": "apiKey", "in": "cookie", "name": "session"},
        "/components/securitySchemes/bearer",
        "the security scheme 'apiKey cookie session' is not supported",
    ),
    "a key in a header without a name": (
        "/components/securitySchemes/bearer",
        {"type": "apiKey", "in": "header"},
        "/components/securitySchemes/bearer",
        "the security scheme 'apiKey header' is not supported",
    ),
    "a key in a header with an impossible name": (
        "/components/securitySchemes/bearer",
        {"type": "apiKey", "in": "header", "name": "api key"},
        "/components/securitySchemes/bearer",
        "the security scheme 'apiKey header api key' is not supported",
    ),
    "basic authentication": (
        "/components/securitySchemes/bearer",
        {"type": "http", "scheme": "basic"},
        "/components/securitySchemes/bearer",
        "the security scheme 'http basic' is not supported",
    ),
    "oauth": (
        "/components/securitySchemes/bearer",
        {"type": "oauth2", "flows": {}},
        "/components/securitySchemes/bearer",
        "the security scheme 'oauth2' is not supported",
    ),
    "two schemes at once": (
        "/security",
        [{"bearer": [], "other": []}],
        "/security",
        "several security schemes in one request are not supported",
    ),
    "an optional key": (
        "/security",
        [{"bearer": []}, {}],
        "/security",
        "an optional security scheme is not supported",
    ),
    "an unknown alternative": (
        "/security",
        [{"bearer": []}, {"other": []}],
        "/paths/~1images~1edits/post",
        "unknown security scheme 'other'",
    ),
    "a stream whose events are not told apart": (
        f"{IMAGES}/responses/200",
        {
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/event-stream": {
                    "schema": {
                        "oneOf": [{"properties": {"object": {"type": "string"}}}]
                    }
                },
            }
        },
        f"{IMAGES}/responses/200/content/text~1event-stream/schema/oneOf/0",
        "this event has no constant type",
    ),
    "an event with a role that no branch is": (
        f"{IMAGES}/responses/200",
        {
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/event-stream": {
                    "schema": {
                        "oneOf": [{"x-event": {"name": "a", "if": {"required": ["a"]}}}]
                    },
                    "examples": {"completed": {"value": {"b": "{output.b64_json}"}}},
                },
            }
        },
        f"{IMAGES}/responses/200/content/text~1event-stream/examples/completed",
        "the example 'completed' is no event of the schema",
    ),
    "a stream without events": (
        f"{IMAGES}/responses/200",
        {
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/event-stream": {"schema": {"type": "string"}},
            }
        },
        f"{IMAGES}/responses/200/content/text~1event-stream/schema",
        "the events of this stream are not described",
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_it_is_refused_with_its_place_and_a_remedy(tmp_path, name):
    pointer, value, place, problem = UNSUPPORTED[name]
    folder = tmp_path / "mine"
    folder.mkdir()
    document = yaml.safe_load((FOLDER / "openapi.yaml").read_text(encoding="utf-8"))
    if pointer.startswith("/paths") and isinstance(value, dict) and value:
        for operation in value.values():
            if isinstance(operation, dict) and "operationId" in operation:
                operation |= {"x-source": "S4"}
    edit(document, pointer, value)
    (folder / "openapi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    dialect = (FOLDER / "dialect.yaml").read_text(encoding="utf-8")
    (folder / "dialect.yaml").write_text(dialect, encoding="utf-8")

    with pytest.raises(specs.SpecError) as caught:
        specs.load("mine", tmp_path)

    assert caught.value.file == str(folder / "openapi.yaml")
    assert (caught.value.pointer, caught.value.problem) == (place, problem)
    assert caught.value.remedy
