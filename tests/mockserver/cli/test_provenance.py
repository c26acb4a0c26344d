"""`imageparity whose`: from a file back to the request and the seed."""

import json
import struct

import pytest
from click.testing import CliRunner
from support.http import JSON, ask, delivered, generation, picture, url_of

import mockserver
from mockserver.cli.provenance import provenance
from mockserver.media.image.drawing.encode import render_image
from mockserver.media.image.plan import FORMATS, Plan
from mockserver.media.video.plan import VideoPlan
from mockserver.media.video.render import render as render_video

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


VIDEO = VideoPlan("A boat", 64, 48, 0.5, 24, seed=7, request="0123456789abcdef")
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def box(name, content):
    return struct.pack(">I", len(content) + 8) + name + content


def test_it_tells_where_a_video_comes_from(tmp_path):
    file = tmp_path / "boat.mp4"
    file.write_bytes(render_video(VIDEO))

    result, as_json = told(file), json.loads(told("--json", file).stdout)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{file}: MP4, 64x48, 0.5 s",
        "  request  0123456789abcdef",
        "  seed     7",
        "  video    1 of the response",
        "  journal  GET /__mock__/journal?request=0123456789abcdef",
    ]
    assert (as_json["prompt"], as_json["duration"]) == ("A boat", 0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda data: data + box(b"uuid", C2PA + bytes(100)),
            "a C2PA manifest, not verified (100 bytes), title 'A boat'",
        ),
        (lambda data: data.replace(b"A boat", b"A\x1b[2m!"), "title 'A�[2m!'"),
        (lambda data: data.replace(b"\xa9", b"x"), "nothing of its origin"),
    ],
)
def test_of_a_video_of_others_it_tells_its_claims(tmp_path, change, words):
    file = tmp_path / "other.mp4"
    data = render_video(VIDEO).replace(b"imageparity", b"something__")
    file.write_bytes(change(data))

    result = told(file)

    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("nowhere", None),
        ("folder", None),
        ("empty", b""),
        ("text", b"no picture"),
        ("cut", render_video(VIDEO)[:40]),
        ("heic", box(b"ftyp", b"heic") + box(b"meta", bytes(20))),
    ],
)
def test_what_cannot_be_read_is_one_line_and_2(tmp_path, kind, data):
    file = tmp_path / kind
    if kind == "folder":
        file.mkdir()
    elif data is not None:
        file.write_bytes(data)

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
