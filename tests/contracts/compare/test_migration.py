"""Breaking changes for code that moves: each rule is planted, each finding is true."""

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
import requests
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.properties import examples

import mockserver
import specs
from contracts.compare.migration import Examination, Migration, examine
from contracts.compare.migration import common_subset as common
from contracts.compare.migration import patch as adapter
from contracts.compare.migration.rules import Severity, rules
from contracts.compare.servers.translation import Intent, translate
from contracts.media.files import with_file_facts
from contracts.planning.case import Case, body_of
from mockserver.cli.common import LazyGroup
from specs import State
from specs.clients import clients

pytestmark = pytest.mark.slow

# What was worked out by hand, of the document before its changes of later months.
AUGUST = "openai@2026-08-21"
NAMES = ("openai", "tikhub", "aihubmix", "llmapi", "tokenhub")
VERBS = {
    "drop-in": ("contracts.cli.documents.migration:drop_in", "What breaks."),
    "common": (
        "contracts.cli.documents.migration:common",
        "What all accept.",
    ),
    "explain": ("contracts.cli.documents.migration:explain", "What a rule means."),
}


@cache
def moved(old: str, new: str, client: str | None = None, **options) -> Examination:
    profile = clients()[client] if client else None
    return examine(Migration(specs.load(old), specs.load(new), profile, **options))


def ids(examination: Examination, severity: Severity | None = None) -> set[str]:
    return {
        each.id
        for each in examination.findings
        if severity in (None, Severity(each.severity))
    }


def run(*words: str):
    return CliRunner().invoke(LazyGroup(name="imageparity", verbs=VERBS), list(words))


# Each rule, planted: a provider moves to a copy of itself with one thing changed.

Edit = Callable[[dict, dict], None]


def schema(document: dict, name: str) -> dict:
    return document["components"]["schemas"][name]


def generation(document: dict) -> dict:
    return schema(document, "Generation")["properties"]


def edits_without_json(document, dialect):
    operation = document["paths"]["/images/edits"]["post"]
    del operation["requestBody"]["content"]["application/json"]


def format_renamed(document, dialect):
    members = generation(document)
    members["picture_format"] = members.pop("format")
    dialect["fields"]["createImage"]["output_format"] = "picture_format"


def created_gone(document, dialect):
    answer = schema(document, "ImagesResponse")
    del answer["properties"]["created"]
    answer["required"].remove("created")


def stream_gone(document, dialect):
    operation = document["paths"]["/images/generations"]["post"]
    answer = document["components"]["responses"]["Images"]
    content = {"application/json": answer["content"]["application/json"]}
    operation["responses"]["200"] = {**answer, "content": content}


def another_status(document, dialect):
    operation = document["paths"]["/images/generations"]["post"]
    body = {"error": {"message": "No.", "type": "forbidden"}}
    operation["responses"]["403"] = {
        "description": "Forbidden",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": {"forbidden": {"value": body}},
            }
        },
    }


def other_base_url(document, dialect):
    document["servers"][0]["url"] = "https://tokenhub.store/v2"
    dialect["live"]["base_url"] = "https://tokenhub.store/v2"


def changed(*path, **members) -> Edit:
    """The mapping at a path of the document, with other members."""

    def edit(document, dialect):
        node = document
        for step in path:
            node = node[step]
        node.update(members)

    return edit


def schema_changed(name: str, **members) -> Edit:
    return changed("components", "schemas", name, **members)


def member_changed(name: str, member: str, **members) -> Edit:
    return changed("components", "schemas", name, "properties", member, **members)


def both(rule: str, member: str) -> set[str]:
    return {f"{rule} {each} {member}" for each in ("createImage", "createImageEdit")}


def task_changed(kind: str, **members) -> Edit:
    return changed("x-tasks", kind, **members)


def role_changed(path: str, method: str, **members) -> Edit:
    return changed("paths", path, method, "x-task", **members)


def list_gone(document, dialect):
    del document["paths"]["/v1/videos/text2video"]["get"]


def unknown_id_gone(document, dialect):
    """An unknown id gets the error for another thing."""
    operation = document["paths"]["/ai/v1/images/{id}"]["get"]
    operation["x-task"]["unknown"] = "unauthenticated"


def state_renamed(old: str, new: str) -> Edit:
    """Another word for a state, wherever the document has it."""

    def edit(document, dialect):
        kept = re.escape('"phase": ')
        text = re.sub(f'(?<!{kept})"{old}"', f'"{new}"', json.dumps(document))
        document.update(json.loads(text))

    return edit


SIZES = ["1024x1024", "auto"]
PLANTED: dict[str, tuple[str, Edit, Severity, set[str]]] = {
    "enum": (
        "tokenhub",
        schema_changed("Size", enum=SIZES),
        Severity.BREAKS,
        both("REQ-ENUM", "size"),
    ),
    "enum of one operation": (
        "tokenhub",
        lambda document, _: generation(document).update(
            quality={"type": "string", "enum": ["auto"], "default": "auto"}
        ),
        Severity.BREAKS,
        {"REQ-ENUM createImage quality"},
    ),
    "maximum": (
        "tokenhub",
        schema_changed("N", maximum=4),
        Severity.BREAKS,
        both("REQ-RANGE", "n"),
    ),
    "maximum that is assumed": (
        "tokenhub",
        schema_changed("N", allOf=[{"maximum": 4, "x-basis": "assumed"}]),
        Severity.WARNS,
        both("REQ-RANGE", "n"),
    ),
    "rule of two members": (
        "tokenhub",
        schema_changed(
            "Generation",
            allOf=[
                {
                    "x-rule": "one-jpeg",
                    "x-source": "S4#n",
                    "if": {
                        "required": ["format"],
                        "properties": {"format": {"const": "jpeg"}},
                    },
                    "then": {"properties": {"n": {"maximum": 1}}},
                }
            ],
        ),
        Severity.BREAKS,
        {"REQ-RANGE createImage n"},
    ),
    "maximum of what needs another member": (
        "openai",
        schema_changed("OutputCompression", maximum=90),
        Severity.BREAKS,
        {"REQ-RANGE createImage output_compression"},
    ),
    "length": (
        "tokenhub",
        schema_changed("Prompt", maxLength=500),
        Severity.BREAKS,
        both("REQ-RANGE", "prompt"),
    ),
    "pattern": (
        "tokenhub",
        schema_changed("Prompt", pattern="^A"),
        Severity.BREAKS,
        both("REQ-PATTERN", "prompt"),
    ),
    "type": (
        "tokenhub",
        schema_changed("N", type="string"),
        Severity.BREAKS,
        both("REQ-TYPE", "n"),
    ),
    "default": (
        "tokenhub",
        schema_changed("Size", default="auto"),
        Severity.WARNS,
        both("REQ-DEFAULT", "size"),
    ),
    "default that costs": (
        "tokenhub",
        schema_changed("N", default=2),
        Severity.BREAKS,
        both("REQ-DEFAULT", "n"),
    ),
    "field": (
        "tokenhub",
        lambda document, _: generation(document).pop("quality"),
        Severity.WARNS,
        {"REQ-FIELD createImage quality"},
    ),
    "field refused": (
        "tokenhub",
        lambda document, _: generation(document).update(quality=False),
        Severity.BREAKS,
        {"REQ-FIELD createImage quality"},
    ),
    "renamed": (
        "tokenhub",
        format_renamed,
        Severity.BREAKS,
        {"REQ-RENAMED createImage format"},
    ),
    "required": (
        "tokenhub",
        lambda document, _: schema(document, "Generation")["required"].append("size"),
        Severity.BREAKS,
        {"REQ-REQUIRED createImage size"},
    ),
    "model": (
        "tokenhub",
        schema_changed("Model", enum=["gpt-image-2"]),
        Severity.BREAKS,
        both("REQ-MODEL", "model"),
    ),
    "part": (
        "tokenhub",
        member_changed("EditForm", "image", maxItems=1),
        Severity.BREAKS,
        {"REQ-PART createImageEdit image"},
    ),
    "media": (
        "tokenhub",
        edits_without_json,
        Severity.BREAKS,
        {"REQ-MEDIA createImageEdit application/json"},
    ),
    "no such path": (
        "tokenhub",
        lambda document, _: document["paths"].pop("/images/edits"),
        Severity.BREAKS,
        {"REQ-PATH createImageEdit /images/edits"},
    ),
    "another path": (
        "tokenhub",
        lambda document, _: document["paths"].update(
            {"/edits": document["paths"].pop("/images/edits")}
        ),
        Severity.BREAKS,
        {"REQ-PATH createImageEdit /images/edits"},
    ),
    "base URL": ("tokenhub", other_base_url, Severity.INFO, {"REQ-PATH base URL"}),
    "no key": (
        "tokenhub",
        lambda document, _: document.update(security=[]),
        Severity.BREAKS,
        both("REQ-AUTH", "Authorization"),
    ),
    "key form": (
        "tokenhub",
        lambda _, dialect: dialect["key"].update(form="key-xxxx"),
        Severity.INFO,
        {"REQ-AUTH key form"},
    ),
    "answer lacks a member": (
        "tokenhub",
        created_gone,
        Severity.BREAKS,
        both("RES-MISSING", "created"),
    ),
    "answer may lack a member": (
        "tokenhub",
        schema_changed("ImagesResponse", required=["data"]),
        Severity.WARNS,
        both("RES-MISSING", "created"),
    ),
    "delivery": (
        "tokenhub",
        lambda _, dialect: dialect["delivery"][0].update(give="b64_json"),
        Severity.BREAKS,
        both("RES-MISSING", "data[].url"),
    ),
    "data URI": (
        "aihubmix",
        lambda _, dialect: next(
            each for each in dialect["delivery"] if each["give"] == "url"
        ).update(give="data_uri"),
        Severity.BREAKS,
        {"RES-FORMAT createImage data[].url"},
    ),
    "answer of another type": (
        "tokenhub",
        member_changed("ImagesResponse", "created", type=["integer", "string"]),
        Severity.WARNS,
        both("RES-TYPE", "created"),
    ),
    "answer with a new value": (
        "openai",
        member_changed("ImagesResponse", "quality", enum=["low", "medium", "best"]),
        Severity.WARNS,
        both("RES-ENUM", "quality") | both("DOC-SELF", "quality"),
    ),
    "answer with a new member": (
        "tokenhub",
        lambda document, _: schema(document, "ImagesResponse")["properties"].update(
            seed={"type": "integer"}
        ),
        Severity.INFO,
        both("RES-EXTRA", "seed"),
    ),
    "no stream": (
        "openai",
        stream_gone,
        Severity.BREAKS,
        {"RES-MEDIA createImage stream"},
    ),
    "events lack a member": (
        "openai",
        schema_changed("GenerationPartialEvent", required=["type", "b64_json"]),
        Severity.WARNS,
        {
            f"RES-MISSING createImage image_generation.partial_image: {each}"
            for each in (
                *("created_at", "size", "quality", "background", "output_format"),
                "partial_image_index",
            )
        },
    ),
    "status": (
        "tokenhub",
        another_status,
        Severity.WARNS,
        {"RES-STATUS createImage 403"},
    ),
    "error": (
        "tokenhub",
        member_changed("Error", "error", required=["message"]),
        Severity.WARNS,
        both("RES-ERROR", "error.type"),
    ),
    "only some requests create a task": (
        "llmapi",
        role_changed(
            "/images/tasks",
            "post",
            when={
                "required": ["prompt"],
                "properties": {"background": {"const": "auto"}},
            },
        ),
        Severity.BREAKS,
        {"TASK-POLL createImageTask task"},
    ),
    "no list of tasks": (
        "kling",
        list_gone,
        Severity.BREAKS,
        {"TASK-PATH createTextToVideo list"},
    ),
    "pages of a list": (
        "kling",
        role_changed(
            "/v1/videos/text2video", "get", page={"number": "page", "size": "pageSize"}
        ),
        Severity.BREAKS,
        {"TASK-PAGES createTextToVideo list"},
    ),
    "place of the id": (
        "kling",
        task_changed("textToVideo", id={"at": "/request_id", "form": "{digits:18}"}),
        Severity.BREAKS,
        {"TASK-ID createTextToVideo id"},
    ),
    "word for a success": (
        "llmapi",
        state_renamed("succeeded", "completed"),
        Severity.BREAKS,
        {"TASK-STATE createImageTask succeeded"},
    ),
    "word for a wait": (
        "llmapi",
        state_renamed("queued", "pending"),
        Severity.WARNS,
        {"TASK-STATE createImageTask waiting"},
    ),
    "place of a result": (
        "kling",
        task_changed(
            "textToVideo",
            result=[
                {
                    "at": "/data/task_result/videos/*/address",
                    "as": "url",
                    "x-source": "KL-t2v#task_result",
                }
            ],
        ),
        Severity.BREAKS,
        {"TASK-RESULT createTextToVideo result"},
    ),
    "place of a reason": (
        "kling",
        task_changed(
            "textToVideo", error={"at": "/data/reason", "x-source": "KL-t2v#reason"}
        ),
        Severity.WARNS,
        {"TASK-FIELD createTextToVideo failure"},
    ),
    "unit of times": (
        "kling",
        lambda document, _: [
            document["x-tasks"]["textToVideo"][each].update(unit="s")
            for each in ("created", "updated")
        ],
        Severity.BREAKS,
        {"TASK-UNIT createTextToVideo unit of times"},
    ),
    "lifetime of results": (
        "kling",
        task_changed(
            "textToVideo", lifetime={"result": 3600, "x-source": "KL-t2v#url"}
        ),
        Severity.WARNS,
        {"TASK-LIFETIME createTextToVideo lifetime of results"},
    ),
    "interval": (
        "kling",
        task_changed("textToVideo", poll={"seconds": 60, "x-source": "KL-t2v#poll"}),
        Severity.INFO,
        {"TASK-INTERVAL createTextToVideo interval"},
    ),
    "cancellation": (
        "ark",
        role_changed(
            "/contents/generations/tasks/{id}", "delete", **{"from": ["running"]}
        ),
        Severity.WARNS,
        {"TASK-CANCEL createVideo cancel"},
    ),
    "error for an unknown id": (
        "aihubmix",
        unknown_id_gone,
        Severity.WARNS,
        {"TASK-ERROR createImageTask an unknown id"},
    ),
    "webhooks": (
        "kling",
        lambda document, _: document["x-tasks"]["textToVideo"]["webhook"].pop(
            "signature"  # both kinds have the same object
        ),
        Severity.WARNS,
        {
            "TASK-WEBHOOK createTextToVideo webhook",
            "TASK-WEBHOOK createImageToVideo webhook",
        },
    ),
    "a page against itself": (
        "openai",
        member_changed("ImagesResponse", "size", enum=["1024x1024"]),
        Severity.WARNS,
        both("DOC-SELF", "size"),
    ),
}


def copy_of(name: str, folder: Path, edit: Edit) -> specs.Provider:
    """A provider like another but for an edit."""
    ours = Path(specs.load(name).file).parent
    document = yaml.safe_load((ours / "openapi.yaml").read_text("utf-8"))
    dialect = yaml.safe_load((ours / "dialect.yaml").read_text("utf-8"))
    edit(document, dialect)
    (folder / "copy").mkdir()
    for file, value in (("openapi.yaml", document), ("dialect.yaml", dialect)):
        # Each part for itself: an anchor would change with its likes.
        text = yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False)
        (folder / "copy" / file).write_text(text, "utf-8")
    return specs.load("copy", folder)


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_difference_is_found_and_nothing_else(plant, tmp_path):
    name, edit, severity, expected = PLANTED[plant]

    copy = copy_of(name, tmp_path, edit)
    # A provider with images is compared by these, unless videos are named.
    features = frozenset({"video"} if name == "ark" else ())
    found = examine(Migration(specs.load(name), copy, features=features))

    assert ids(found) == expected
    assert {each.severity for each in found.findings} == {severity}


def test_every_rule_is_planted_but_those_that_only_runs_show():
    planted = {
        each.split()[0] for _, _, _, each_set in PLANTED.values() for each in each_set
    }

    assert planted == {each for each in rules() if not each.startswith("SEM-")}


@pytest.mark.parametrize("name", [*NAMES, "kling", "ark", "veo"])
def test_nothing_breaks_for_code_that_stays(name):
    assert moved(name, name).findings == ()


# Code that polls.


def said(examination: Examination, id_: str) -> tuple[str, str, str]:
    """The statements of both documents, and the fix."""
    (found,) = [each for each in examination.findings if each.id == id_]
    assert found.old.source or "none" in found.old.text
    return found.old.text, found.new.text, found.fix


def test_code_that_polls_is_told_each_place_and_word_that_differs():
    found = moved("kling", "ark")

    task = "createTextToVideo"
    assert said(found, f"TASK-PATH {task} read")[2] == (
        "call GET /api/v3/contents/generations/tasks/{id}"
    )
    assert "`/data/task_id`" in said(found, f"TASK-ID {task} id")[0]
    assert "`/id`" in said(found, f"TASK-ID {task} id")[1]
    assert said(found, f"TASK-STATE {task} succeeded")[:2] == (
        "the state of a task that has succeeded: succeed",
        "the state of a task that has succeeded: succeeded",
    )
    assert "seconds" in said(found, f"TASK-UNIT {task} unit of times")[1]
    assert f"TASK-STATE {task} expired" in ids(found, Severity.WARNS)
    # Both call it `failed`, and a state that no longer comes breaks no code.
    assert f"TASK-STATE {task} failed" not in ids(found)
    assert not {each for each in ids(moved("ark", "kling")) if "expired" in each}


def test_code_that_will_poll_is_told_how_and_code_that_polled_need_not():
    features = frozenset({"task"})

    will = said(
        moved("openai", "llmapi", features=features), "TASK-POLL createImage task"
    )
    assert "/task_id" in will[2]
    assert "until the state at `/status`" in will[2]
    condition = moved("openai", "aihubmix", features=features)
    assert "send async = true" in said(condition, "TASK-POLL createImage task")[2]
    no_more = moved("llmapi", "openai", features=features)
    assert "/images/generations" in said(no_more, "TASK-POLL createImageTask task")[2]
    # Where the code does not poll, its operation of the same name replaces it.
    assert not {each for each in ids(moved("openai", "llmapi")) if "TASK" in each}


@pytest.mark.parametrize(
    "words",
    [
        ("openai", "kling"),
        ("openai", "tokenhub", "--features", "video"),
        ("tokenhub", "tikhub", "--features", "task"),
    ],
)
def test_a_move_to_where_nothing_can_be_called_is_not_a_move(words):
    done = run("drop-in", *words)

    assert done.exit_code == 2
    assert "--features" in done.output


# What is said is true.

MOVES = [
    *(("openai", each) for each in NAMES[1:]),
    *((each, "openai") for each in NAMES[1:]),
    ("llmapi", "tikhub"),
]


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_a_witness_is_valid_at_the_one_and_not_at_the_other(old, new):
    before, after = specs.load(old), specs.load(new)
    found = [
        each
        for each in moved(old, new).findings
        if each.rule.startswith("REQ-") and each.witness
    ]

    assert found
    for finding in found:
        shown = finding.witness
        body = before.operations[finding.operation].bodies[shown.media_type]
        there = after.operations[shown.operation].bodies.get(shown.media_type)
        request = with_file_facts(shown.request)
        assert body.judge.state(request) is State.VALID, finding.id
        if finding.rule == "REQ-MEDIA":
            assert there is None
        elif finding.rule != "REQ-DEFAULT":
            state = there.judge.state(request)
            assert state is not State.VALID, finding.id
            if finding.severity == Severity.BREAKS and finding.rule != "REQ-RENAMED":
                assert state is State.INVALID, finding.id


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_an_error_body_that_lacks_a_member_may_come_from_the_new_one_alone(old, new):
    before, after = specs.load(old), specs.load(new)
    for finding in moved(old, new).findings:
        if finding.rule == "RES-ERROR":
            answer = finding.witness.answer
            assert State.INVALID in verdicts(before, finding.operation, answer), (
                finding.id
            )
            there = new_operation(moved(old, new), finding.operation)
            assert State.VALID in verdicts(after, there, answer), finding.id


def new_operation(examination: Examination, old: str) -> str:
    """The operation of the new provider for one of the old, which may create a task."""
    operation = examination.migration.new_operations.get(old)
    return operation.id if operation else old


def verdicts(provider: specs.Provider, operation: str, error) -> set[State]:
    """The verdicts of a provider's document on an error body, one per status."""
    responses = provider.operations[operation].responses.values()
    bodies = [each.bodies.get("application/json") for each in responses]
    return {
        body.judge.state(error)
        for body, each in zip(bodies, responses, strict=True)
        if body and not each.is_success
    }


def sent(url: str, request, media_type: str) -> int:
    case = Case(
        id="",
        operation="",
        origin="",
        expectation=State.VALID,
        media_type=media_type,
        payload=request,
    )
    body, content_type = body_of(case)
    headers = {"Authorization": "Bearer sk-any", "Content-Type": content_type}
    with requests.post(url, data=body, headers=headers, timeout=60) as answer:
        return answer.status_code


def test_servers_do_what_the_witnesses_say():
    found = [
        each
        for each in moved(AUGUST, "tokenhub").findings
        if each.rule.startswith("REQ-")
        and each.witness
        and each.rule not in {"REQ-DEFAULT", "REQ-RANGE"}
    ]
    with (
        mockserver.running(AUGUST, strict=True) as old,
        mockserver.running("tokenhub", strict=True) as new,
    ):
        for finding in found:
            shown = finding.witness
            path = specs.load(AUGUST).operations[shown.operation].path
            here = sent(f"{old.base_url}{path}", shown.request, shown.media_type)
            there = sent(f"{new.base_url}{path}", shown.request, shown.media_type)
            assert (here, there) == (200, 400), finding.id
    assert len(found) > 10


# The findings that were worked out by hand.


def test_what_breaks_between_the_reference_and_a_gateway_of_its_own_mind():
    found = moved(AUGUST, "tokenhub")

    assert ids(found, Severity.BREAKS) >= {
        "REQ-RENAMED createImage output_format",
        "REQ-ENUM createImage size",
        "REQ-REQUIRED createImage model",
        "REQ-MODEL createImage model",
        "REQ-RENAMED createImageEdit images",
        "RES-MISSING createImage data[].b64_json",
        "RES-MISSING createImage usage",
        "RES-MEDIA createImage stream",
    }
    unlisted = ("background", "moderation", "stream", "partial_images", "user")
    assert ids(found, Severity.WARNS) >= {
        "REQ-DEFAULT createImage size",
        "RES-FORMAT createImage data[].url",
        *(f"REQ-FIELD createImage {each}" for each in unlisted),
        *(
            f"REQ-FIELD createImage {each}"
            for each in ("output_compression", "response_format")
        ),
    }
    assert "REQ-PATH base URL" in ids(found, Severity.INFO)


def test_other_findings_that_were_worked_out_by_hand():
    tikhub = ids(moved(AUGUST, "tikhub"))
    assert {
        "REQ-FIELD createImage stream",
        "REQ-MODEL createImage model",
        "REQ-PART createImageEdit image",
        "RES-MISSING createImage usage",
    } <= tikhub
    assert {
        "REQ-MEDIA createImageEdit application/json",
        "REQ-REQUIRED createImageEdit model",
    } <= ids(moved(AUGUST, "aihubmix"), Severity.BREAKS)
    assert {
        "REQ-MODEL createImage model",
        "REQ-FIELD createImage partial_images",
        "RES-ERROR createImage error.param",
        "RES-ERROR createImage error.code",
    } <= ids(moved(AUGUST, "llmapi"))
    back = moved("llmapi", AUGUST)
    assert "REQ-FIELD createImage response_format" in ids(back, Severity.BREAKS)


# Clients, features, models.


def test_a_client_narrows_what_is_sent():
    bodies = {
        media
        for each in moved(AUGUST, "tokenhub", "openai-python").findings
        if each.operation == "createImageEdit" and each.rule.startswith("REQ-")
        for media in each.media_types
    }

    assert bodies == {"multipart/form-data"}


def test_what_a_client_adds_is_in_every_request():
    found = moved(AUGUST, "tokenhub", "ai-sdk-openai")

    asked = [
        each.witness.request
        for each in found.findings
        if each.witness and each.witness.request
    ]
    asked = [each for each in asked if "image" not in each]
    assert asked
    assert all("n" in each for each in asked)
    dalle = [each for each in asked if str(each.get("model")).startswith("dall-e")]
    assert all("response_format" in each for each in dalle)


def test_a_client_sends_a_list_where_it_always_does():
    found = moved(AUGUST, "tokenhub", "litellm")

    edits = [
        each.witness.request
        for each in found.findings
        if each.operation == "createImageEdit" and each.witness and each.witness.request
    ]
    assert edits
    assert all(isinstance(each["image"], list) for each in edits)


def test_what_a_client_refuses_to_send_breaks_nothing():
    wanted = "REQ-FIELD createImage response_format"

    assert wanted in ids(moved("llmapi", AUGUST, "openai-python"))
    assert wanted not in ids(moved("llmapi", AUGUST, "litellm"))


@pytest.mark.parametrize(
    ("client", "severity"),
    [
        (None, Severity.BREAKS),
        ("openai-python", Severity.BREAKS),
        ("ai-sdk-openai", Severity.BREAKS),
        ("ai-sdk-openai-compatible", Severity.INFO),
    ],
)
def test_a_picture_in_another_member_matters_to_those_who_cannot_read_it(
    client, severity
):
    found = moved(AUGUST, "tokenhub", client)

    assert "RES-MISSING createImage data[].b64_json" in ids(found, severity)


def test_members_that_a_client_does_not_hand_on_are_not_missed():
    assert "RES-MISSING createImage usage" in ids(
        moved(AUGUST, "tokenhub", "ai-sdk-openai"), Severity.INFO
    )
    assert "RES-ERROR createImage error.code" not in ids(
        moved(AUGUST, "tokenhub", "ai-sdk-openai")
    )


def test_features_narrow_what_is_asked_about():
    found = moved(AUGUST, "tokenhub", features=frozenset({"generate"}))

    assert {each.operation for each in found.findings} <= {"createImage", ""}
    assert "REQ-FIELD createImage stream" not in ids(found)
    assert "RES-MEDIA createImage stream" not in ids(found)
    streams = moved(AUGUST, "tokenhub", features=frozenset({"generate", "stream"}))
    assert {
        "REQ-FIELD createImage stream",
        "RES-MEDIA createImage stream",
    } <= ids(streams)
    edits = moved(AUGUST, "tokenhub", features=frozenset({"edit"}))
    masks = moved(AUGUST, "tokenhub", features=frozenset({"edit", "mask"}))
    assert ids(masks) - ids(edits) == {"REQ-TYPE createImageEdit mask"}


def test_code_that_asks_for_one_model_is_not_told_of_others():
    found = ids(moved(AUGUST, "tokenhub", model="gpt-image-2"))

    assert "REQ-ENUM createImage size" in found
    assert not {each for each in found if each.endswith(" model")}
    assert "REQ-FIELD createImage style" not in found


# The adapter.


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_the_adapter_mends_what_it_says_it_mends(old, new):
    examination = moved(old, new)
    after = specs.load(new)
    for finding in examination.findings:
        patch = examination.patches.get(finding.operation)
        repaired = finding.rule == "REQ-RENAMED" or (
            patch is not None and finding.member in patch.remove
        )
        if not repaired or finding.rule not in {"REQ-RENAMED", "REQ-FIELD"}:
            continue
        there = new_operation(examination, finding.operation)
        body = after.operations[there].bodies[finding.witness.media_type]
        verdict = body.judge.judge(
            with_file_facts(patch.apply(finding.witness.request))
        )
        assert not [
            one for one in verdict.violations if one.path[:1] == (finding.member,)
        ], finding.id


WORDS = st.sampled_from(
    ["model", "prompt", "output_format", "format", "user", "style", "images", "n"]
)


@given(
    operation=st.sampled_from(["createImage", "createImageEdit", "other"]),
    payload=st.dictionaries(WORDS, st.integers()),
)
@settings(max_examples=examples(50), deadline=None)
def test_the_python_function_does_what_the_json_says(operation, payload):
    examination = moved(AUGUST, "tokenhub")
    scope: dict = {}
    exec(adapter.as_python(examination.migration, examination.patches), scope)

    adapted = scope["adapt"](operation, payload)

    patch = examination.patches.get(operation, adapter.Patch())
    assert adapted == patch.apply(payload)
    assert scope["PATCHES"] == adapter.as_json(examination.patches)


def test_the_adapter_makes_a_plain_request_acceptable():
    patch = moved(AUGUST, "tokenhub").patches["createImage"]

    adapted = patch.apply(
        {"prompt": "A boat", "output_format": "webp", "user": "me", "stream": False}
    )

    assert adapted == {"model": "gpt-image-2", "prompt": "A boat", "format": "webp"}
    body = specs.load("tokenhub").operations["createImage"].bodies["application/json"]
    assert body.judge.state(adapted) is State.VALID


def test_a_title_cannot_get_out_of_the_function(tmp_path):
    def edit(document, dialect):
        dialect["title"] = 'Mine""" + open("/tmp/none") + """\\'
        generation(document).pop("quality")

    found = examine(
        Migration(specs.load("tokenhub"), copy_of("tokenhub", tmp_path, edit))
    )
    scope: dict = {}
    exec(adapter.as_python(found.migration, found.patches), scope)

    assert scope["adapt"]("createImage", {"quality": "low"}) == {}


# What may be sent everywhere.


def test_what_is_common_is_taken_by_every_server():
    providers = [specs.load(each) for each in NAMES]
    found = {each.operation: each for each in common.subsets(providers)}

    fields = {each.name: each for each in found["createImage"].fields}
    assert fields["n"].values == tuple(range(1, 11))
    assert set(fields["size"].values) == {
        "auto",
        "1024x1024",
        "1536x1024",
        "1024x1536",
    }
    assert fields["output_format"].names["tokenhub"] == "format"
    assert "stream" not in fields
    with mockserver.running(*NAMES, strict=True) as mock:
        for name in ("size", "output_format", "quality"):
            for value in fields[name].values:
                for provider in providers:
                    spoken = translate(
                        Intent("createImage", ((name, value),)), provider
                    )
                    url = f"{mock.base_urls[provider.id]}/images/generations"
                    assert sent(url, spoken.case.payload, "application/json") == 200


def test_an_operation_that_someone_lacks_has_no_common_subset(tmp_path):
    edit = PLANTED["no such path"][1]
    copy = copy_of("tokenhub", tmp_path, edit)

    found = {
        each.operation: each for each in common.subsets([specs.load(AUGUST), copy])
    }

    assert found["createImageEdit"].missing == ("copy",)
    assert "does not have it" in "\n".join(common.text_lines(found["createImageEdit"]))


# The command line.


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((AUGUST, AUGUST), 0),
        ((AUGUST, "tokenhub"), 1),
        ((AUGUST, "tokenhub", "--fail-on", "REQ-PATH,REQ-AUTH"), 0),
        ((AUGUST, "tokenhub", "--fail-on", "REQ-*"), 1),
        ((AUGUST, "tokenhub", "--fail-on", "RES-ERROR"), 1),
        ((AUGUST, "nobody"), 2),
        ((AUGUST,), 0),
        (("nobody",), 2),
        ((AUGUST, "--json"), 2),
        ((AUGUST, "--adapter", "python"), 2),
        ((AUGUST, "--fail-on", "REQ-*"), 2),
        ((AUGUST, "--verbose"), 2),
        ((AUGUST, "--features", "fly"), 2),
        ((AUGUST, "tokenhub", "--fail-on", "REQ-NOTHING"), 2),
        ((AUGUST, "tokenhub", "--client", "nobody"), 2),
        ((AUGUST, "tokenhub", "--features", "fly"), 2),
        ((AUGUST, "tokenhub", "--model", "gpt-imag"), 2),
        ((AUGUST, "tokenhub", "--json", "--adapter", "json"), 2),
    ],
)
def test_the_exit_status(words, status):
    done = run("drop-in", *words)

    assert done.exit_code == status, done.output
    if status == 2:
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("Error: ")


@pytest.mark.parametrize("width", [80, 100, 200])
def test_counts_and_a_line_per_rule_come_first(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    examination = moved("aihubmix", "tokenhub")

    lines = run("drop-in", "aihubmix", "tokenhub").stdout.splitlines()

    counts = examination.counts
    assert lines[0] == (
        f"From AIHubMix to TokenHub: {counts['breaks']} breaking, "
        f"{counts['warns']} possibly breaking, {counts['info']} notes."
    )
    found = [
        (words[0], int(words[1]))
        for line in lines
        if line.startswith(("  REQ-", "  RES-", "  TASK-")) and (words := line.split())
    ]
    assert found == [
        item
        for severity in Severity
        for item in Counter(
            each.rule for each in examination.with_severity(severity)
        ).items()
    ]
    assert max(map(len, lines)) <= width
    assert "curl" not in "".join(lines)
    assert "--verbose" in lines[-2]


def verbose(*words: str) -> str:
    return run("drop-in", *words, "--verbose").stdout


def test_details_show_what_breaks_first_with_both_sides_and_a_curl_line():
    text = verbose(AUGUST, "tokenhub")

    assert text.startswith("From OpenAI as of 2026-08-21 to TokenHub: ")
    details = text[text.index("\n\nBreaking\n") :]
    assert (
        details.index("Breaking\n")
        < details.index("\nPossibly breaking\n")
        < details.index("\nNotes\n")
    )
    block = details[details.index("REQ-RENAMED  createImage") :]
    assert "rename output_format to format" in block
    assert "(R-spec#output_format)" in block
    assert "(S4#format)" in block
    assert "https://tokenhub.store/api/v1/images/generations" in block


def test_a_finding_that_is_the_same_for_two_operations_is_shown_once():
    text = verbose(AUGUST, "tikhub")

    heads = re.findall(r"^  (RE[QS]-\S+  .+)$", text, re.MULTILINE)
    found = {re.sub(r"^(\S+)  createImage\w*[^:]*: ", r"\1 ", each) for each in heads}
    assert len(found) == len(heads)
    title = "  RES-MISSING  createImage, createImageEdit: usage is not listed\n"
    assert text.count(title) == 1
    block = text[text.index(title) :].partition("\n\n")[0]
    assert "usage comes (R-spec#ImageGenUsage)" in block
    assert "usage is not listed (S0#responses; S1#responses)" in block


def test_examples_of_responses_are_json():
    text = verbose(AUGUST, "aihubmix")

    examples = re.findall(r"^      response +(.+)$", text, re.MULTILINE)
    assert examples
    assert all(isinstance(json.loads(each), dict) for each in examples)
    assert "{message}" not in text


def test_all_providers_are_ranked_by_what_breaks():
    text = run("drop-in", "openai").stdout

    shown = [
        (words[0], tuple(map(int, words[1:4])))
        for line in text.splitlines()
        if (words := line.split()) and words[0] in NAMES
    ]
    counts = [
        (name, tuple(moved("openai", name).counts.values()))
        for name in NAMES
        if name != "openai"
    ]
    assert shown == sorted(counts, key=lambda each: each[1])
    assert f"imageparity drop-in openai {shown[0][0]} " in text


def test_the_ranking_is_about_the_client_and_the_features_of_the_code():
    words = ("--client", "openai-python", "--features", "generate")
    lines = run("drop-in", AUGUST, *words).stdout.splitlines()

    examination = moved(
        AUGUST, "tokenhub", "openai-python", features=frozenset({"generate"})
    )
    row = next(each for each in lines if each.startswith("tokenhub")).split()
    assert [*map(int, row[1:4])] == [*examination.counts.values()]
    assert clients()["openai-python"].title in lines[0]


def assert_follows(name: str, record) -> None:
    text = (files("contracts.compare.migration") / name).read_text("utf-8")
    Draft202012Validator(yaml.safe_load(text)).validate(record)


def test_programs_read_json():
    done = run("drop-in", AUGUST, "tokenhub", "--client", "openai-node", "--json")

    record = json.loads(done.stdout)
    assert (record["from"], record["to"]) == (AUGUST, "tokenhub")
    assert record["client"] == "openai-node"
    assert record["counts"]["breaks"] == sum(
        each["severity"] == "breaks" for each in record["findings"]
    )
    renamed = record["adapter"]["createImage"]["rename"]
    assert renamed == {"output_format": "format"}
    assert json.loads(run("common", AUGUST, "tokenhub", "--json").stdout)["operations"]


def test_the_same_move_gives_the_same_bytes():
    words = ("drop-in", "tikhub", "llmapi", "--json")

    assert run(*words).stdout == run(*words).stdout


def test_every_rule_can_be_explained():
    listed = run("explain").stdout
    for rule in rules().values():
        assert f"{rule.id} " in listed
        text = run("explain", rule.id.lower()).stdout
        assert text.startswith(f"{rule.id}: {rule.title}")
        assert "fix: " in text

    assert run("explain", "REQ-NOTHING").exit_code == 2


def test_the_adapter_is_printed_as_python_and_as_json():
    python = run("drop-in", AUGUST, "tokenhub", "--adapter", "python").stdout
    table = run("drop-in", AUGUST, "tokenhub", "--adapter", "json").stdout
    scope: dict = {}
    exec(python, scope)

    assert scope["PATCHES"] == json.loads(table)


def test_the_meaning_of_a_rule_is_never_cut_off(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    shown = run("drop-in", AUGUST, "tokenhub").output

    lines = [each for each in shown.splitlines() if each.startswith("  RE")]
    meanings = [re.sub(r" {2,}", "\t", each.strip()).split("\t")[2] for each in lines]
    assert "A text in the response may have another format" in meanings
    assert not [each for each in meanings if "…" in each]
