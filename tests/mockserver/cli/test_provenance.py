"""`imageparity whose`: from a file back to the request and the seed."""

import json

import pytest
from click.testing import CliRunner
from support.http import JSON, ask, delivered, generation, picture, url_of

import mockserver
from mockserver.cli.provenance import provenance
from mockserver.media.image.drawing.encode import render_image
from mockserver.media.image.plan import FORMATS, Plan

PLAN = Plan("A boat", 64, 48, seed=7, request="0123456789abcdef", index=2)


def told(*arguments, **more):
    return CliRunner().invoke(provenance, [*map(str, arguments)], **more)


@pytest.fixture
def boat(tmp_path):
    file = tmp_path / "boat.png"
    file.write_bytes(render_image(PLAN))
    return file


@pytest.mark.parametrize("format", FORMATS)
def test_it_tells_people_where_a_picture_comes_from(tmp_path, format):
    file = tmp_path / f"boat.{format}"
    file.write_bytes(render_image(Plan(**{**facts(PLAN), "format": format})))

    result = told(file)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{file}: {format.upper()}, 64x48",
        "  request  0123456789abcdef",
        "  seed     7",
        "  image    3 of the response",
        "  journal  GET /__mock__/journal?request=0123456789abcdef",
    ]


def facts(plan):
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


def test_it_tells_programs_the_same(boat):
    result = told("--json", boat, boat)

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert lines == 2 * [
        {
            "file": str(boat),
            "request": PLAN.request,
            "seed": 7,
            "index": 2,
            "identity": PLAN.identity,
            "format": "png",
            "width": 64,
            "height": 48,
        }
    ]


def test_a_dash_is_the_standard_input():
    result = told("-", input=render_image(PLAN))

    assert result.exit_code == 0
    assert result.stdout.startswith("-: PNG, 64x48\n")


def test_a_picture_of_others_is_one_line_and_1(tmp_path):
    file = tmp_path / "other.png"
    file.write_bytes(picture())

    result = told(file)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {file} ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["nowhere", "folder", "empty", "text"])
def test_what_cannot_be_read_is_one_line_and_2(tmp_path, kind):
    file = tmp_path / kind
    if kind == "folder":
        file.mkdir()
    elif kind != "nowhere":
        file.write_bytes(b"no picture" if kind == "text" else b"")

    result = told(file)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {file} ")
    assert result.stderr.count("\n") == 1


def test_of_several_files_each_is_told_and_the_worst_decides(tmp_path, boat):
    other = tmp_path / "other.png"
    other.write_bytes(picture())

    result = told(other, boat, tmp_path / "nowhere")

    assert result.exit_code == 2
    assert "request  0123456789abcdef" in result.stdout
    assert result.stderr.count("\n") == 2


def test_without_a_file_it_says_how_it_is_used():
    assert told().exit_code == 2


def test_a_served_picture_leads_back_to_its_request(tmp_path, provider):
    """The seed is the server's, and the journal knows the request by its hash."""
    settings = mockserver.Settings(seed=11)
    with mockserver.running(provider, settings=settings) as running:
        for prompt in ("One", "Two"):
            body = generation(provider, prompt=prompt, n=2)
            answer = ask(url_of(running, provider), body=body)
            pictures = [delivered(each) for each in answer.json["data"]]
        entries = running.journal()
    file = tmp_path / "two.png"
    file.write_bytes(pictures[1])

    found = json.loads(told("--json", file).stdout)

    assert (found["seed"], found["index"]) == (11, 1)
    (entry,) = [each for each in entries if each["request"] == found["request"]]
    assert entry["payload"]["prompt"] == "Two"


def test_what_does_not_change_a_request_does_not_change_its_hash(provider, tmp_path):
    """Order and spaces; the seed of the server neither."""

    def asked(seed, **sent):
        settings = mockserver.Settings(seed=seed)
        with mockserver.running(provider, settings=settings) as running:
            answer = ask(url_of(running, provider), Content_Type=JSON, **sent)
            file = tmp_path / "picture"
            file.write_bytes(delivered(answer.json["data"][0]))
            return json.loads(told("--json", file).stdout)["request"]

    payload = generation(provider)
    turned = dict(reversed(payload.items()))

    one = asked(1, body=json.dumps(payload))

    assert one == asked(2, body=json.dumps(turned, indent=2))
    assert one != asked(1, body=json.dumps(payload | {"prompt": "Another"}))
