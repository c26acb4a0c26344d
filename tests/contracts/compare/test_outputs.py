"""One output from several servers, however long it takes: by a response, by a task."""

import asyncio
import io
import json
from importlib.resources import files

import pytest
import yaml
from jsonschema import Draft202012Validator
from rich.console import Console
from support.relays import Message, relay, replace

import mockserver
import specs
from contracts.compare.measured.read import read
from contracts.compare.servers import run as differential
from contracts.compare.servers.model import Differences, OutputRow
from contracts.compare.servers.outputs import output_questions
from contracts.execution.sending.target import Target
from contracts.execution.targets import NamedTarget
from contracts.execution.tasks.waiting import Waiting
from contracts.judging.outcome import FeatureVerdict
from contracts.reporters.servers import markdown, text
from mockserver.embedded.starter import serve_in_thread

KEY = "sk-of-the-caller"
PROVIDERS = ("aihubmix", "llmapi", "kling")


def without_size(message: Message) -> Message:
    """Lose the size of tasks only, and fail the tasks for one format."""
    asked = message.asked
    if not asked.get("async"):
        return message
    asked.pop("size", None)
    if asked.get("output_format") == "jpeg":
        asked["prompt"] += " [[mock:task=failed]]"
    return message.with_json(asked)


def compare(*targets: tuple[str, str, str], **options) -> Differences:
    named = [
        NamedTarget(label, specs.load(name), Target(url, KEY))
        for label, name, url in targets
    ]
    waiting = Waiting(interval=0.01, timeout=30)
    return asyncio.run(differential.execute(named, waiting=waiting, **options))


@pytest.fixture(scope="module")
def found() -> Differences:
    """Two right servers, one that loses what tasks ask for, and one for videos."""
    with mockserver.running(*PROVIDERS, tasks="polls=2") as mock:
        own: list[str] = []

        def with_own_urls(message: Message) -> Message:
            body = message.body.replace(mock.url.encode(), own[0].encode())
            return replace(message, body=body)

        changed = relay(mock.url, request=without_size, answer=with_own_urls)
        with serve_in_thread(changed) as (url, _):
            own.append(url)
            right = [(each, each, mock.base_urls[each]) for each in PROVIDERS]
            faulty = mock.base_urls["aihubmix"].replace(mock.url, url)
            return compare(
                *right,
                ("faulty", "aihubmix", faulty),
                only=["image/"],
                fetch_from=frozenset({"127.0.0.1"}),
            )


def row_of(found: Differences, label: str, operation: str, question: str) -> OutputRow:
    (row,) = [
        each
        for each in found.outputs
        if (each.label, each.operation) == (label, operation)
        and each.question == f"image/{question}"
    ]
    return row


@pytest.mark.parametrize("question", ["prompt", "size=1536x1024", "output_format=jpeg"])
@pytest.mark.parametrize("label", ["aihubmix", "llmapi"])
def test_a_response_and_a_task_are_the_same_question(found, label, question):
    response = row_of(found, label, "createImage", question)
    task = row_of(found, label, "createImageTask", question)

    assert response.verdict == task.verdict == FeatureVerdict.HONOURED
    assert response.result == task.result
    assert (response.way, response.reads, response.states) == ("response", None, ())
    assert task.way == "task"
    assert task.reads is not None
    assert task.reads > 0


def test_the_states_and_the_delivery_are_those_of_each_dialect(found):
    task = row_of(found, "aihubmix", "createImageTask", "prompt")
    other = row_of(found, "llmapi", "createImageTask", "prompt")

    assert task.states[-1] == "completed"
    assert other.states[-1] == "succeeded"
    assert (task.delivery, other.delivery) == ("content", "b64_json")


def test_what_a_document_does_not_allow_is_not_sent(found):
    row = row_of(found, "llmapi", "createImageTask", "n=2")

    assert row.verdict is FeatureVerdict.UNTESTED
    assert "allows no n 2" in row.note


def test_a_server_without_images_is_no_failure(found):
    rows = [each for each in found.outputs if each.label == "kling"]

    assert [each.verdict for each in rows] == [FeatureVerdict.UNTESTED]
    assert "no image" in rows[0].note
    assert rows[0] not in found.output_alarms


def test_a_task_without_what_was_asked_for_is_an_alarm(found):
    size = row_of(found, "faulty", "createImageTask", "size=1536x1024")
    failed = row_of(found, "faulty", "createImageTask", "output_format=jpeg")

    assert list(found.output_alarms) == [size, failed]
    assert size.verdict is FeatureVerdict.ALTERED
    assert "requested: 1536x1024" in size.note
    assert failed.verdict is FeatureVerdict.REFUSED
    assert "ended as failed" in failed.note
    assert row_of(found, "faulty", "createImage", "size=1536x1024").is_good


def test_a_report_is_read_as_it_was_written(found, tmp_path):
    file = tmp_path / "report.json"
    file.write_text(found.json_text(), "utf-8")

    assert read(file).outputs == found.outputs


def test_all_formats_show_the_alarms(found):
    console = Console(width=100, file=io.StringIO())
    text.print_summary(found, console)
    shown = console.file.getvalue()

    record = json.loads(found.json_text())
    schema = files("contracts.compare.servers") / "differential.schema.yaml"
    Draft202012Validator(yaml.safe_load(schema.read_text("utf-8"))).validate(record)
    assert sum(each["alarms"] for each in record["outputs"]) == 2
    assert "an image, however long it takes" in shown
    assert "altered PNG" in shown
    assert "2 differences, 2 where the documents agree" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "altered PNG 1024x1024 (it is 1024x1024" in markdown.render(found)


def test_videos_are_compared_where_one_server_has_nothing_else():
    openai, kling = specs.load("openai"), specs.load("kling")

    def media(*providers, only=(), operations=()):
        found = output_questions(providers, only, operations)
        return {each.medium.name for each in found}

    assert media(openai, openai) == {"image"}
    assert media(openai, kling) == {"image", "video"}
    veo = specs.load("veo")
    assert media(kling, veo) == {"video"}
    assert media(openai, openai, only=["video"]) == {"video"}
    assert media(openai, kling, operations=["createVideo"]) == {"video"}
    assert media(openai, kling, operations=["createImage"]) == {"image"}


def test_a_video_is_asked_for_in_two_dialects():
    with mockserver.running("kling", "ark", tasks="polls=2") as mock:
        found = compare(
            *((each, each, mock.base_urls[each]) for each in ("kling", "ark")),
            only=["video/aspect_ratio"],
            fetch_from=frozenset({"127.0.0.1"}),
        )

    assert [each.verdict for each in found.outputs] == ["honoured", "honoured"]
    assert all("MP4" in each.result for each in found.outputs)


def test_a_budget_counts_the_creation_of_a_task():
    with mockserver.running("openai", "aihubmix", tasks="immediate") as mock:
        found = compare(
            *((each, each, mock.base_urls[each]) for each in ("openai", "aihubmix")),
            operations=["createVideo"],
            only=["video/prompt"],
            budget=0.01,
            fetch_from=frozenset({"127.0.0.1"}),
        )

    notes = [each.note for each in found.outputs]
    assert "the budget allows no more" in notes
    assert all(each.verdict is FeatureVerdict.UNTESTED for each in found.outputs)


def test_an_output_that_is_wrong_only_once_is_no_alarm():
    lost: list[Message] = []

    def once(message: Message) -> Message:
        if message.asked.get("size") != "1536x1024" or lost:
            return message
        lost.append(message)
        return message.with_json({**message.asked, "size": "1024x1024"})

    with (
        mockserver.running("llmapi", tasks="immediate") as mock,
        serve_in_thread(relay(mock.url, request=once)) as (url, _),
    ):
        right = mock.base_urls["llmapi"]
        found = compare(
            ("right", "llmapi", right),
            ("flaky", "llmapi", right.replace(mock.url, url)),
            only=["image/size"],
            operations=["createImageTask"],
        )

    row = row_of(found, "flaky", "createImageTask", "size=1536x1024")
    assert (row.verdict, row.is_flaky) == (FeatureVerdict.ALTERED, True)
    assert found.output_alarms == ()
    assert KEY not in found.json_text()


def without_input(message: Message) -> Message:
    """Lose the input images of a request."""
    message.asked.pop("input_references", None)
    for said in message.asked.get("messages", ()):
        if isinstance(said["content"], list):
            said["content"] = [e for e in said["content"] if e["type"] == "text"]
    return message.with_json(message.asked)


def test_an_input_image_is_honoured_where_broken_data_is_refused():
    """An output does not show what it was made from, and acceptance is no evidence."""
    with mockserver.running("openai", "openrouter") as mock:
        changed = relay(mock.url, request=without_input)
        with serve_in_thread(changed) as (url, _):
            ids = ("openai", "openrouter")
            right = [(each, each, mock.base_urls[each]) for each in ids]
            faulty = mock.base_urls["openrouter"].replace(mock.url, url)
            found = compare(
                *right, ("faulty", "openrouter", faulty), only=["image/image"]
            )

    question = "image=PNG 64x64"
    for label, operation in (
        ("openai", "createResponse"),
        ("openrouter", "createImage"),
        ("openrouter", "createChatCompletion"),
    ):
        row = row_of(found, label, operation, question)
        assert row.verdict is FeatureVerdict.HONOURED, row
    for operation in ("createImage", "createChatCompletion"):
        row = row_of(found, "faulty", operation, question)
        assert row.verdict is FeatureVerdict.UNTESTED
        assert row.note == "it is accepted, but so is data that is no image"
    none = row_of(found, "openai", "createImage", question)
    assert none.note == "its document has no input image"
