"""A recording is replayed to the byte and holds no secret."""

import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.http import FORM, ask, data_uri, form, saved

import specs
from mockserver.embedded.starter import serve_in_thread
from mockserver.media.image.uploads import upload_facts
from mockserver.pipeline.request.body_parsing import parse_body
from mockserver.recordings.cassette_file import REPLAY_PATH, CassetteError
from mockserver.recordings.cassettes import Cassettes
from mockserver.recordings.recorder import ExchangeRecord, Recorder
from mockserver.recordings.redaction import find_secrets, redact
from mockserver.recordings.request_key import request_key, without_file_bytes

KEY = "sk-live-0123456789abcdef"
ASKED = {"model": "gpt-image-2", "prompt": "A paper boat", "size": "1024x1024"}
PNG = saved(Image.radial_gradient("L"))
ODD = PNG + b"x" * ((1 - len(PNG)) % 3)
OTHER = saved(Image.linear_gradient("L"))
JPEG = saved(Image.radial_gradient("L"), "JPEG")


def answer_with(*pictures: bytes) -> bytes:
    data = [{"b64_json": base64.b64encode(each).decode()} for each in pictures]
    return json.dumps({"created": 1, "data": data}).encode()


def taken(**more) -> ExchangeRecord:
    return ExchangeRecord(
        **{
            "provider": "tokenhub",
            "operation": "createImage",
            "payload": ASKED,
            "status": 200,
            "headers": [("Content-Type", "application/json")],
            "body": answer_with(PNG),
            **more,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cassettes"


def recorded(folder: Path, *exchanges: ExchangeRecord) -> Cassettes:
    recorder = Recorder(folder)
    for exchange in exchanges:
        recorder.record(exchange)
    return Cassettes.open(folder)


def everything(folder: Path) -> bytes:
    """All that is on disk: names and contents."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    return b"".join(str(each).encode() + each.read_bytes() for each in files)


def test_an_answer_comes_back_as_it_was(folder):
    found = recorded(folder, taken(status=201)).find("createImage", ASKED)

    assert (found.status, found.body()) == (201, answer_with(PNG))
    assert found.headers == (("Content-Type", "application/json"),)
    assert found.replay_header == "hit"


BODIES = [
    pytest.param(b"", id="empty"),
    pytest.param(answer_with(PNG, JPEG, PNG), id="pictures"),
    pytest.param(b'{"a": "' + base64.b64encode(PNG)[:-4] + b'"}', id="cut-base64"),
    pytest.param(json.dumps([data_uri(JPEG)]).encode(), id="data-uri"),
    pytest.param(answer_with(PNG).replace(b"/", rb"\/"), id="escaped-slashes"),
    pytest.param(json.dumps(answer_with(PNG).decode()).encode(), id="json-in-json"),
    pytest.param(base64.encodebytes(PNG), id="wrapped-base64"),
    pytest.param(base64.b64encode(ODD)[:-3] + b"B==", id="stray-bits"),
    pytest.param(b"x" * 5000, id="no-picture"),
    pytest.param(PNG, id="binary"),
    pytest.param('{"a":  "\u2028 é 🛶",\r\n"b":\t1e400}\x00'.encode(), id="odd-text"),
    pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
    pytest.param(b"\xff\xfe broken \xe2\x82", id="not-utf8"),
    pytest.param(b"<html>502</html>", id="html"),
]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_comes_back_to_the_byte(folder, body):
    found = recorded(folder, taken(body=body)).find("createImage", ASKED)

    assert found.body() == body


@given(body=st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_body_comes_back_to_the_byte(tmp_path_factory, body):
    folder = tmp_path_factory.mktemp("any")

    found = recorded(folder, taken(body=body)).find("createImage", ASKED)

    assert found.body() == body


def test_pictures_are_files_and_not_in_the_text(folder):
    recorded(folder, taken(body=answer_with(PNG, PNG, JPEG)))

    files = sorted(folder.glob("pictures/*"), key=lambda each: each.suffix)

    assert [each.suffix for each in files] == [".jpeg", ".png"]
    assert [each.read_bytes() for each in files] == [JPEG, PNG]
    (text,) = [each.read_text() for each in folder.glob("*.json")]
    assert not re.search(r"[A-Za-z0-9+/]{120}", text)


def test_files_have_names_that_sort_and_tell(folder):
    cassettes = recorded(folder, taken(), taken(payload={}), taken())
    Recorder(folder).record(taken())

    names = sorted(each.name for each in folder.glob("*.json"))

    first, second = (
        request_key("createImage", ASKED)[:8],
        request_key("createImage", {})[:8],
    )
    assert names == [
        f"0001-createImage-{first}.json",
        f"0002-createImage-{second}.json",
        f"0003-createImage-{first}.json",
        f"0004-createImage-{first}.json",
    ]
    assert len(cassettes.recordings) == 3


def test_the_same_request_gets_its_answers_in_order_and_the_last_again(folder):
    cassettes = recorded(folder, *(taken(body=each) for each in (b"1", b"2", b"3")))

    def played(count):
        return [cassettes.find("createImage", ASKED).body() for _ in range(count)]

    assert played(5) == [b"1", b"2", b"3", b"3", b"3"]
    cassettes.rewind()
    assert played(2) == [b"1", b"2"]


def test_ten_thousand_recordings_stay_in_order(folder):
    recorder = Recorder(folder)
    recorder.record(taken(body=b"first"))
    next(folder.glob("*.json")).rename(folder / "9999-createImage-x.json")
    Recorder(folder).record(taken(body=b"second"))

    cassettes = Cassettes.open(folder)

    assert [each.path.name[:5] for each in cassettes.recordings] == ["9999-", "10000"]


def test_recordings_of_two_providers_are_told_apart(folder):
    one, two = taken(body=b"1"), taken(provider="openai", body=b"2")
    cassettes = recorded(folder, one, two)

    found = cassettes.find("createImage", ASKED, provider="openai")

    assert found.body() == b"2"
    assert cassettes.find("createImage", ASKED, provider="llmapi") is None
    assert cassettes.find("createImageEdit", ASKED) is None


def test_a_field_can_be_ignored(folder):
    recorded(folder, taken(payload={**ASKED, "user": "a"}, body=b"1"))
    cassettes = Cassettes.open(folder, ["user", "seed"])

    for changed in ({**ASKED, "user": "b", "seed": 1}, ASKED):
        found = cassettes.find("createImage", changed, provider="tokenhub")
        assert found.body() == b"1"
    missed = {**ASKED, "n": 9, "user": "b"}
    assert cassettes.find("createImage", missed) is None
    said = cassettes.explain_miss("createImage", missed)
    assert "n: recorded" in said
    assert "user" not in said
    assert Cassettes.open(folder).find("createImage", ASKED) is None


# What makes two requests the same.


def uploads(*parts, name="a.png"):
    """The payload of a form with files, as the mock reads it."""
    operation = specs.load("tokenhub").operations["createImageEdit"]
    sent = form(("model", "gpt-image-2"), ("prompt", "A boat"), *parts)
    body = sent["body"].replace(b'filename="a.png"', f'filename="{name}"'.encode())
    return parse_body(body, sent["Content_Type"], operation).payload


def test_a_file_counts_by_what_is_in_it():
    key = request_key("createImageEdit", uploads(("image", PNG)))

    assert key == request_key("createImageEdit", uploads(("image", PNG), name="b.png"))
    assert key != request_key("createImageEdit", uploads(("image", OTHER)))
    inline = {**uploads(), "image": data_uri(PNG)}
    assert key == request_key("createImageEdit", inline)
    assert key == request_key(
        "createImageEdit", {**inline, "image": base64.b64encode(PNG).decode()}
    )


def test_the_order_of_members_does_not_count():
    assert request_key("x", {"a": 1, "b": [2]}) == request_key("x", {"b": [2], "a": 1})
    assert request_key("x", {"a": [1, 2]}) != request_key("x", {"a": [2, 1]})
    assert request_key("x", {"n": 1}) != request_key("x", {"n": "1"})
    assert request_key("x", {}) != request_key("y", {})


def test_uploads_are_written_down_as_facts(folder):
    payload = uploads(("image", PNG), ("mask", OTHER))
    inline = {"images": [{"image_url": data_uri(JPEG, "jpeg")}]}
    cassettes = recorded(
        folder,
        taken(payload=payload, body=b"form", media_type=FORM),
        taken(payload=inline, body=b"json"),
    )

    disk = everything(folder)

    for image in (PNG, OTHER, JPEG):
        assert image not in disk
        assert base64.b64encode(image)[:200] not in disk
    assert cassettes.find("createImage", payload).body() == b"form"
    assert cassettes.find("createImage", inline).body() == b"json"
    facts = cassettes.recordings[1].payload["images"][0]["image_url"]
    assert facts == upload_facts(JPEG, content_type="image/jpeg").facts()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300)
    | st.just(data_uri(PNG)),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each),
    max_leaves=8,
)


@settings(deadline=None)
@given(payload=st.dictionaries(st.text(), JSON, max_size=4))
def test_whatever_was_asked_is_found_again(tmp_path_factory, payload):
    cassettes = recorded(tmp_path_factory.mktemp("any"), taken(payload=payload))

    assert cassettes.find("createImage", payload) is not None
    kept = cassettes.recordings[0].payload
    assert without_file_bytes(kept) == without_file_bytes(payload)


# A miss says how near it was.


def test_a_miss_names_what_differs(folder):
    other = {"model": "gpt-image-2", "prompt": "A whole other prompt", "n": 2}
    cassettes = recorded(folder, taken(), taken(payload=other))

    said = cassettes.explain_miss("createImage", {**ASKED, "size": "1536x1024"})

    assert cassettes.find("createImage", {**ASKED, "size": "1536x1024"}) is None
    assert "0001-" in said
    assert said.endswith("differs in size: recorded '1024x1024', requested '1536x1024'")
    said = cassettes.explain_miss("createImage", {**other, "n": None, "user": "me"})
    assert "n: recorded 2, requested null" in said
    assert "user: recorded nothing, requested 'me'" in said


def test_a_miss_shows_where_long_texts_part(folder):
    cassettes = recorded(folder, taken(payload={"prompt": "boat " * 50 + "one"}))

    said = cassettes.explain_miss("createImage", {"prompt": "boat " * 50 + "two"})

    assert "one', requested '…" in said
    assert said.endswith("two'")
    assert len(said) < 300


def test_a_miss_tells_pictures_apart_and_says_when_there_is_nothing(folder):
    cassettes = recorded(folder, taken(payload=uploads(("image", PNG))))

    said = cassettes.explain_miss("createImage", uploads(("image", OTHER)))

    assert re.search(r"image: recorded a file \w{8}…, requested a file \w{8}…", said)
    nothing = cassettes.explain_miss("createImageEdit", {})
    assert nothing == f"no recording of createImageEdit in {folder}"


# Streams, and pictures at addresses.


def test_a_stream_comes_back_event_by_event(folder):
    events = [b"event: a\ndata: 1\n\n", b": ping\n\n", b"data: 2\r\n\r\n", b"rest"]
    body = b"".join(events)
    arrivals = [(0.5, 5), (0.25, len(events[0]) - 5 + 9), (2.0, len(body) - 14)]
    arrivals[2] = (2.0, len(body) - sum(size for _, size in arrivals[:2]))

    found = recorded(folder, taken(body=body, arrivals=arrivals)).find(
        "createImage", ASKED
    )

    assert found.is_stream
    assert found.body() == body
    assert found.timed_chunks() == list(zip([0.75, 0, 2.0, 0], events, strict=True))


def test_a_picture_in_an_event_is_a_file(folder):
    event = b"data: " + answer_with(PNG) + b"\n\n"

    found = recorded(folder, taken(body=event * 2, arrivals=[(0.0, 2 * len(event))]))

    assert found.find("createImage", ASKED).body() == event * 2
    assert len(list(folder.glob("pictures/*"))) == 1


@pytest.mark.parametrize(
    "written", [json.dumps, lambda url: json.dumps(url).replace("/", "\\/")]
)
def test_an_address_leads_to_the_picture_that_was_fetched(folder, written):
    url, gone = "https://x.example/a.png?b=1&c=é", "https://x.example/gone.png"
    body = f'{{"data": [{{"url": {written(url)}}}, {{"url": "{gone}"}}]}}'.encode()
    cassettes = recorded(folder, taken(body=body, links={url: PNG, gone: None}))

    found = cassettes.find("createImage", ASKED)

    assert found.body() == body
    assert found.unrecorded == (gone,)
    assert found.replay_header == "hit; pictures=unrecorded"
    urls = [each["url"] for each in json.loads(found.body("http://mock"))["data"]]
    assert urls[1] == gone
    assert urls[0].startswith(f"http://mock{REPLAY_PATH}/")

    from aiohttp import web

    app = web.Application()
    app.router.add_get(f"{REPLAY_PATH}/{{name}}", cassettes.serve_image)
    with serve_in_thread(app) as (origin, _):
        shown = ask(urls[0].replace("http://mock", origin), method="GET")
        missing = ask(f"{origin}{REPLAY_PATH}/..%2F{found.path.name}", method="GET")

    assert (shown.status, shown.body) == (200, PNG)
    assert shown.headers["Content-Type"] == "image/png"
    assert missing.status == 404


# No secret, on no account.


def test_nothing_secret_is_on_disk(folder):
    headers = [
        ("Authorization", f"Bearer {KEY}"),
        ("X-Api-Key", "another-secret-77"),
        ("Cookie", "session=cookie-secret-88"),
        ("OpenAI-Organization", "org-private"),
        ("X-Note", f"my key is {KEY}"),
        ("Accept", "*/*"),
    ]
    secrets = find_secrets(headers)
    payload = {"prompt": f"Draw {KEY}", KEY: [KEY]}
    exchange = taken(
        payload=payload,
        request_headers=headers,
        headers=[("Set-Cookie", "a=set-secret-99"), ("X-Echo", KEY), ("X-Ok", "yes")],
        body=f'{{"error": "{KEY} another-secret-77"}}'.encode() + answer_with(PNG),
        links={f"https://x.example/{KEY}.png": None},
        path=f"/images/{KEY}",
        secrets=secrets,
    )

    cassettes = recorded(folder, exchange)

    disk = everything(folder)
    for secret in (KEY, "another-secret", "cookie-secret", "set-secret", "org-private"):
        assert secret.encode() not in disk
    found = cassettes.find("createImage", payload)
    assert found.headers == (("X-Ok", "yes"),)
    assert len(found.body()) == len(exchange.body)
    assert found.body().endswith(answer_with(PNG))


def test_a_secret_inside_a_picture_is_blanked(folder):
    marked = PNG + KEY.encode()

    recorded(folder, taken(body=answer_with(marked), secrets=(KEY,)))

    assert KEY.encode() not in everything(folder)


@given(value=JSON)
def test_hiding_leaves_everything_else_alone(value):
    assert redact(value, ()) == value
    assert KEY not in json.dumps(redact({KEY: [value, f"a{KEY}b"]}, (KEY,)))


# Folders that cannot be used.


def test_what_is_cut_short_leaves_nothing_behind(folder):
    recorder = Recorder(folder)
    in_the_way = (
        folder / f"0001-createImage-{request_key('createImage', ASKED)[:8]}.json"
    )
    in_the_way.mkdir()

    with pytest.raises(IsADirectoryError):
        recorder.record(taken())

    assert sorted(folder.iterdir()) == [in_the_way, folder / "pictures"]
    in_the_way.rmdir()
    assert recorder.record(taken()) == in_the_way


def test_a_folder_that_cannot_be_had_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        Recorder(tmp_path / "file" / "in")


def damaged(folder, change):
    recorded(folder, taken())
    (path,) = folder.glob("*.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CassetteError) as caught:
        Cassettes.open(folder)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_damaged_recording_is_refused_with_its_place(folder):
    said = damaged(folder, lambda content: content["response"].update(status="ok"))

    assert "#/response/status" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda each: each.update(format="other/2"), "#/format"),
        (lambda each: each.update(extra=1), "extra"),
        (lambda each: each.pop("request"), "request"),
        (lambda each: each["response"].pop("body"), "#/response"),
        (lambda each: each["response"]["body"][1].update(file="../../x"), "#/response"),
        (lambda each: each["request"]["payload"].update(n=2), "its key is now"),
        (
            lambda each: each["response"]["body"][1].update(file=f"{'0' * 64}.png"),
            "is missing",
        ),
    ],
)
def test_each_damage_is_told(folder, change, said):
    assert said in damaged(folder, change)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": NaN}', "\udcff"])
def test_garbage_is_no_recording(folder, text):
    folder.mkdir()
    (folder / "0001-x.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(CassetteError, match=r"0001-x\.json"):
        Cassettes.open(folder)


def test_a_folder_without_recordings_is_none(folder):
    with pytest.raises(CassetteError, match="is not a folder of recordings"):
        Cassettes.open(folder)
    folder.mkdir()
    with pytest.raises(CassetteError, match="contains no recordings"):
        Cassettes.open(folder)


def test_a_picture_that_was_changed_is_not_played(folder):
    found = recorded(folder, taken()).find("createImage", ASKED)
    (kept,) = folder.glob("pictures/*")
    kept.write_bytes(OTHER)

    with pytest.raises(CassetteError, match="was changed"):
        found.body()
