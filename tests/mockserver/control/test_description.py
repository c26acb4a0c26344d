"""The OpenAPI document of the control API describes the routes that exist."""

import asyncio
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.http import FORM, ask, edit, generation, picture, url_of, watching

import mockserver
import specs
from mockserver.app import create_app
from mockserver.control.access import PUBLIC_PATHS, TOKEN_HEADER
from mockserver.control.behavior import MAX_ADVANCE_SECONDS
from mockserver.control.description import control_document
from mockserver.control.journal import MAX_WAIT_MS
from mockserver.settings import CONTROL_PREFIX, Settings
from mockserver.simulation.namespaces import is_namespace
from mockserver.state.journal import MAX_ENTRIES, Query

pytestmark = pytest.mark.slow

DOCUMENT = control_document()
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]
FILLED = {"{provider}": "openai", "{request_id}": "x", "{index}": "0", "{sha256}": "x"}


def resolved(node: Any) -> Any:
    """A part of the document with its references inlined."""
    if isinstance(node, list):
        return [resolved(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target)
    return {name: resolved(value) for name, value in node.items()}


def closed(schema: Any) -> Any:
    """A schema in which each object has none but the listed properties."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    if "properties" in schema:
        found.setdefault("additionalProperties", False)
    return found


def url_path(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return f"{CONTROL_PREFIX}{path}"


def query_names(path: str, operation: dict[str, Any]) -> set[str]:
    item = DOCUMENT["paths"][path]
    given = [*item.get("parameters", ()), *operation.get("parameters", ())]
    return {each["name"] for each in resolved(given) if each["in"] == "query"}


@pytest.fixture(scope="module")
def server():
    """A server that has seen requests of all kinds."""
    openai = specs.load("openai")
    with mockserver.running() as running:
        created = ask(url_of(running, openai), body=generation(openai))
        assert created.status == 200
        assert ask(url_of(running, openai), body={"prompt": "x", "n": 99}).status == 400
        sent = edit(openai, FORM, picture(64, 64))
        assert ask(url_of(running, openai, "createImageEdit"), **sent).status == 200
        assert ask(f"{running.base_urls['openai']}/none", body={}).status == 404
        assert ask(f"{running.url}/none", body={}).status == 404
        assert ask(f"{running.url}/_images/x.png", method="GET").status == 404
        models = f"{running.base_urls['openai']}/models"
        assert ask(models, method="GET", X_Mock_Error="418").status == 418
        yield running


def call(running, path, method="GET", **more):
    return ask(f"{running.url}{url_path(path)}", method=method, key=None, **more)


def checked(answer, path, method="GET"):
    """A response, after a comparison with the document."""
    responses = resolved(DOCUMENT["paths"][path][method.lower()]["responses"])
    described = responses.get(str(answer.status), responses["default"])
    content_type = answer.headers.get_content_type()
    assert content_type in described["content"], answer.body
    if content_type == "application/json":
        schema = closed(described["content"][content_type]["schema"])
        Draft202012Validator(schema).validate(answer.json)
    return answer


def test_each_route_is_described_and_each_path_exists():
    async def routes():
        app = create_app([specs.load("openai")], Settings())
        found = {
            (route.method, route.resource.canonical.removeprefix(CONTROL_PREFIX))
            for route in app.router.routes()
            if route.resource.canonical.startswith(CONTROL_PREFIX)
        }
        await app.cleanup()
        return found

    described = {
        (method.upper(), path)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "parameters"
    }
    any_other = {("*", "{path}")}
    assert asyncio.run(routes()) == described | any_other


def test_it_is_served_as_json(server):
    answer = call(server, "/openapi.json")

    assert checked(answer, "/openapi.json").json == DOCUMENT
    assert answer.json["openapi"].startswith("3.1.")
    assert answer.json["servers"] == [{"url": CONTROL_PREFIX}]


def test_it_is_an_openapi_document():
    OpenAPIV31SpecValidator(DOCUMENT).validate()


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_the_parameters_are_those_that_the_server_knows(
    server, path, method, operation
):
    answer = call(server, f"{path}?nonsense=1", method.upper())

    described = query_names(path, operation)
    if answer.status != 400 or "nonsense" not in answer.body.decode():
        assert described == set()
        return
    known = set(answer.json["error"]["message"].partition("known: ")[2].split(", "))
    assert described <= known
    assert known - described <= {"limit", "count", "timeout_ms"}


def test_the_filters_are_those_of_the_journal():
    item = DOCUMENT["paths"]["/journal/count"]

    assert query_names("/journal/count", item["get"]) == set(Query.__slots__)


def test_the_limits_are_those_of_the_server():
    wait = resolved(DOCUMENT["paths"]["/journal/wait"]["get"]["parameters"])
    limits = {each["name"]: each["schema"].get("maximum") for each in wait}
    clock = DOCUMENT["paths"]["/clock"]["post"]["requestBody"]["content"]
    advance = clock["application/json"]["schema"]["properties"]["advance_s"]
    namespace = DOCUMENT["components"]["parameters"]["namespace"]["schema"]

    assert (limits["count"], limits["timeout_ms"]) == (MAX_ENTRIES, MAX_WAIT_MS)
    assert advance["maximum"] == MAX_ADVANCE_SECONDS
    for name in ("a", "A-b_c.9", "a b", "a/b", "x" * 64, "x" * 65):
        assert Draft202012Validator(namespace).is_valid(name) == is_namespace(name)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_operations_that_need_the_token_say_so(guarded, path, method, operation):
    needs_token = operation.get("security") != []
    schemes = DOCUMENT["components"]["securitySchemes"]

    answer = call(guarded, path, method.upper())

    assert (answer.status == 401) == needs_token
    assert needs_token != (path in PUBLIC_PATHS)
    assert schemes["header"]["name"] == TOKEN_HEADER
    assert {} in DOCUMENT["security"]
    checked(answer, path, method)


@pytest.fixture(scope="module")
def guarded():
    with mockserver.running("openai", settings=Settings(token="t0ken")) as running:
        yield running


@pytest.mark.parametrize(
    "path",
    ["/health", "/ready", "/providers", "/faults", "/costs", "/metrics", "/journal",
     "/journal/count", "/journal/wait", "/clock", "/script/{provider}", "/"],
)  # fmt: skip
def test_a_response_is_as_described(server, path):
    assert checked(call(server, path), path).status == 200


def test_an_entry_is_as_described_whatever_was_sent(server):
    entries = checked(call(server, "/journal"), "/journal").json["entries"]

    assert {each["status"] for each in entries} >= {200, 400, 404}
    assert any(each["decision"].get("violations") for each in entries)


def test_a_wait_in_vain_is_as_described(server):
    path = "/journal/wait"
    answer = call(server, f"{path}?count=99&timeout_ms=1")

    assert checked(answer, path).status == 408


def test_thumbnails_are_as_described(server):
    entries = call(server, "/journal").json["entries"]
    created = next(each for each in entries if each["operation"] == "createImage")
    edited = next(each for each in entries if each["operation"] == "createImageEdit")
    uploaded = edited["payload"]["image"]
    digest = (uploaded[0] if isinstance(uploaded, list) else uploaded)["sha256"]
    for path, filled in (
        ("/pictures/{request_id}/{index}", f"/pictures/{created['request_id']}/0"),
        ("/uploads/{sha256}", f"/uploads/{digest}"),
    ):
        assert checked(call(server, filled), path).status == 200
        assert checked(call(server, path), path).status == 404


def test_events_are_as_described(server):
    described = DOCUMENT["paths"]["/events"]["get"]["responses"]["200"]
    assert list(described["content"]) == ["text/event-stream"]
    with watching(server) as lines:
        assert next(lines)


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/script/{provider}", "POST", [{"error": "rate_limited", "times": 2}]),
        (
            "/script/{provider}",
            "POST",
            [{"status": 524, "headers": {"a": "b"}, "body": 1}],
        ),
        ("/script/{provider}", "POST", [{"error": "503", "message": "x"}]),
        ("/clock", "POST", {"advance_s": 1}),
        ("/clock", "POST", {"freeze": "2026-05-04T12:00:00Z"}),
        ("/reset", "POST", None),
        ("/journal", "DELETE", None),
    ],
)
def test_a_change_is_accepted_as_described(path, method, body):
    operation = resolved(DOCUMENT["paths"][path][method.lower()])
    with mockserver.running("openai") as own:
        answer = checked(call(own, path, method, body=body), path, method)

    assert answer.status == 200
    if body is not None:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema).validate(body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/clock", {}),
        ("/clock", {"advance_s": -1}),
        ("/clock", {"later": 1}),
        ("/script/{provider}", {}),
        ("/script/{provider}", [{"times": 0}]),
        ("/script/{provider}", [{"status": 100}]),
        ("/script/{provider}", [{"status": 500, "headers": {"a b": "c"}}]),
        ("/script/{provider}", [{"eror": "x"}]),
    ],
)
def test_an_invalid_change_is_rejected_as_described(server, path, body):
    operation = resolved(DOCUMENT["paths"][path]["post"])
    schema = operation["requestBody"]["content"]["application/json"]["schema"]

    answer = checked(call(server, path, "POST", body=body), path, "POST")

    assert answer.status == 400
    assert not Draft202012Validator(schema).is_valid(body)
