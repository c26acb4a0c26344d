"""Large, deep, numerous or compressed bodies are rejected early and cheaply."""

import gzip
import json
import resource
import sys
import zlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.http import (
    BOUNDARY,
    FORM,
    JSON,
    ask,
    control,
    eventually,
    form,
    generation,
    picture,
    url_of,
)
from support.properties import examples
from support.providers import IMAGE_OPERATIONS
from support.raw_http import connected, head, is_refusal, only, post

import mockserver
import specs
from mockserver.errors import Rejected
from mockserver.pipeline.request import body_reading as receiving
from mockserver.pipeline.request.body_parsing import (
    MAX_DIGITS,
    MAX_PARTS,
    MAX_VALUES,
    parse_body,
)
from mockserver.pipeline.request.validation import MAX_VIOLATIONS
from mockserver.settings import MAX_BODY, MAX_TEXT_BODY

MULTIPART = f"Content-Type: {FORM}; boundary={BOUNDARY}"
MEGABYTE = 1024 * 1024


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("impatient")]


@pytest.fixture
def url(server, lone):
    return url_of(server, lone)


@pytest.fixture
def edits(server, lone):
    return url_of(server, lone, "createImageEdit")


def peak():
    """The peak memory of this process, including the server, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forever(piece):
    while True:
        yield piece


@pytest.mark.parametrize("media_type", [JSON, f"{FORM}; boundary=b"])
def test_an_endless_body_is_refused_and_no_longer_read(edits, lone, media_type):
    """Also a form without its boundary."""
    before = peak()
    begun = head(edits, "Transfer-Encoding: chunked", f"Content-Type: {media_type}")
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"

    answer = only(edits, begun + b"\r\n", forever(chunk))

    assert is_refusal(answer, lone, 413)
    assert peak() - before < 4 * MAX_BODY


def test_words_may_not_be_as_large_as_pictures(url, lone):
    """Bodies of operations without image fields have a lower limit."""
    before = peak()

    answer = only(url, post(url, b'{"prompt": "' + b"x" * 30 * MEGABYTE + b'"}'))

    assert is_refusal(answer, lone, 413)
    assert str(MAX_TEXT_BODY) in answer.body.decode()
    assert peak() - before < 100 * MEGABYTE  # of which thirty are the test's own


def test_all_that_comes_at_once_is_bounded_too(edits, lone, monkeypatch):
    """A request beyond the limit is rejected, and accepted when others ended."""
    monkeypatch.setattr(receiving, "MAX_INCOMING", 2 * MEGABYTE)
    lines = "Content-Length: 3000000", f"Content-Type: {JSON}"
    begun = head(edits, *lines) + b"\r\n" + b" " * (2 * MEGABYTE - 1000)

    with connected(edits) as first:
        first.sendall(begun)
        eventually(lambda: receiving._incoming.total == 2 * MEGABYTE - 1000)
        refused = only(edits, begun)
    eventually(lambda: receiving._incoming.total == 0)

    assert is_refusal(refused, lone, 503)
    assert refused.header("Retry-After") == "1"
    late = only(edits, post(edits, b" " * MEGABYTE))
    assert is_refusal(late, lone, 400), "it was read, and is no JSON"


@pytest.mark.parametrize("layers", [1, 2])
def test_a_packed_body_is_bounded_unpacked(url, lone, layers):
    before = peak()
    bomb = packed(b" ", 128 * MEGABYTE)
    for _ in range(layers - 1):
        bomb = gzip.compress(bomb)

    answer = only(url, post(url, bomb, "Content-Encoding: gzip"))

    assert is_refusal(answer, lone, 413 if layers == 1 else 400)
    assert peak() - before < 100 * MEGABYTE


def packed(byte, size):
    packer = zlib.compressobj(1, wbits=31)
    block = byte * MEGABYTE
    return b"".join(
        [packer.compress(block) for _ in range(size // MEGABYTE)] + [packer.flush()]
    )


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no gzip", id="not-packed"),
        pytest.param(b"a" * 300_000, id="not-packed-and-large"),
        pytest.param(gzip.compress(b"{}" * 1000)[:-9] + b"a" * 9, id="wrong-checksum"),
        pytest.param(gzip.compress(b" ") * 1100, id="1100-members"),
        pytest.param(gzip.compress(b"{}")[:-9], id="cut"),
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
def test_a_body_without_the_coding_of_its_header_is_refused(
    url, lone, coding, body, is_split
):
    """Sent together with the headers, or later; without a traceback in the log."""
    data = post(url, body, f"Content-Encoding: {coding}")
    at = len(data) - len(body)
    pieces = [data[:at], data[at : at + 5], data[at + 5 :]] if is_split else [data]

    answer = only(url, *pieces)

    assert is_refusal(answer, lone, 400)


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "x"])
def test_a_coding_that_is_not_known_is_refused(url, lone, coding):
    body = json.dumps(generation(lone)).encode()

    answer = only(url, post(url, body, f"Content-Encoding: {coding}"))

    assert is_refusal(answer, lone, 415)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b'{"n": 1' + b"0" * MAX_DIGITS + b"}", "digits", id="whole"),
        pytest.param(b'{"n": 0.' + b"0" * 1_000_000 + b"}", "digits", id="fraction"),
        pytest.param(b'{"n": 1e' + b"0" * 1_000_000 + b"}", "digits", id="exponent"),
        pytest.param(b"[" * 3_000_000, "values", id="brackets"),
        pytest.param(b'{"a":[' + b"[]," * 1_000_000 + b"0]}", "values", id="lists"),
        pytest.param(b'{"a":[' + b"{}," * 5_000 + b"0]}", "values", id="objects"),
        pytest.param(b'{"a":[' + b"0," * MAX_VALUES + b"0]}", "values", id="numbers"),
        pytest.param(b'{"a":' * 65 + b"0" + b"}" * 65, "deeper", id="65-levels"),
        pytest.param('{"prompt": "x"}'.encode("utf-16"), "UTF-8", id="utf-16"),
        pytest.param('{"prompt": "x"}'.encode("utf-16-le"), "Expect", id="utf-16-le"),
        pytest.param('{"prompt": "x"}'.encode("utf-32"), "UTF-8", id="utf-32"),
        pytest.param(b'{"prompt": "\xed\xa0\xbd"}', "UTF-8", id="surrogate-as-bytes"),
        pytest.param(b'{"prompt": "\xc0\xaf"}', "UTF-8", id="overlong"),
        pytest.param(b'{"prompt": "a\nb"}', "control", id="raw-newline"),
        pytest.param(b'{"n": 0x10}', "delimiter", id="hexadecimal"),
        pytest.param(b'{"n": 01}', "delimiter", id="leading-zero"),
        pytest.param(b"{} // a comment", "Extra", id="comment"),
    ],
)  # fmt: skip
def test_what_json_should_not_be_is_refused_with_the_reason(url, lone, body, why):
    answer = only(url, post(url, body))

    assert is_refusal(answer, lone, 400)
    assert why in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a":' * 60 + b"0" + b"}" * 60, id="60-levels"),
        pytest.param(b'{"a":[' + b"0," * (MAX_VALUES - 5) + b"0]}", id="numbers"),
        pytest.param(b'{"n": ' + b"9" * MAX_DIGITS + b"}", id="digits"),
        pytest.param(b'{"prompt": "' + b"[,{" * 50_000 + b'"}', id="marks-in-a-text"),
    ],
)
def test_what_is_just_bearable_is_judged(url, body):
    answer = ask(url, body=body, Content_Type=JSON)

    assert answer.status in {200, 400}
    assert "cannot be read" not in answer.body.decode()


def test_a_name_given_twice_counts_as_given_last_and_is_noted(server, url, lone):
    body = json.dumps(generation(lone))[:-1] + ', "n": 3, "n": 1, "n": 2}'

    assert len(ask(url, body=body, Content_Type=JSON).json["data"]) == 2

    entry = server.journal()[-1]
    assert entry["payload"]["n"] == 2
    assert entry["decision"]["doubled"] == ["n"]


def test_a_name_given_once_is_not_noted(server, url, lone):
    ask(url, body=generation(lone))

    assert server.journal()[-1]["decision"]["doubled"] == []


def test_of_many_mistakes_some_are_told(server, lone, edits):
    """Collecting all violations would take seconds."""
    wrong = {**generation(lone), "images": list(range(MAX_VALUES - 50))}

    answer = ask(edits, body=wrong)

    assert answer.status == 400
    told = server.journal()[-1]["decision"]["violations"]
    assert 0 < len(told) <= MAX_VIOLATIONS + 1
    assert any(each["basis"] == "documented" for each in told)


def test_the_reason_of_a_refusal_is_told_however_many_there_are(server, lone, url):
    """The documented violation comes after many undocumented ones."""
    unlisted = {f"x{each}": each for each in range(500)}

    answer = ask(url, body={**unlisted, **generation(lone), "n": 0})

    assert answer.status == 400
    assert answer.json["error"]["message"].startswith("n: ")


def test_a_long_name_is_not_repeated(server):
    """Also with `strict`, which rejects unlisted fields."""
    with mockserver.running("openai", strict=True) as strict:
        url = url_of(strict, specs.load("openai"))
        body = {**generation(specs.load("openai")), "k" * MEGABYTE: 1}

        answer = ask(url, body=body)

        assert answer.status == 400
        assert len(answer.body) < 8192
        assert len(control(strict, "/journal").body) < 20_000


def part(name="prompt", value=b"x", *headers: bytes) -> bytes:
    top = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
    return (
        top + b"".join(each + b"\r\n" for each in headers) + b"\r\n" + value + b"\r\n"
    )


END = f"--{BOUNDARY}--\r\n".encode()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(part() * (MAX_PARTS + 1) + END, "count", id="65-parts"),
        pytest.param(part() * 10_000 + END, "count", id="10000-parts"),
        pytest.param(part("p", b"x", *[b"X-A: b"] * 9999) + END, "header", id="heads"),
        pytest.param(part("p", b"x", b"X-A: " + b"b" * MEGABYTE) + END, "header",
                     id="long-header"),
        pytest.param(part("p", b"x", b"X-A: b" * 100_000), "header", id="no-end"),
        pytest.param(part("n" * 500) + END, "name", id="long-name"),
        pytest.param(b"x" * 2000 + part() + END, "boundary", id="long-preamble"),
        pytest.param(b"x" * 10 * MEGABYTE, "boundary", id="nothing-but-preamble"),
        pytest.param(part() + part()[:-20], "", id="cut"),
        pytest.param(part("p", b"+2D0-", b"Content-Type: text/plain; charset=utf-7")
                     + END, "charset", id="utf-7"),
        pytest.param(part("p", b"\\ud83d",
                          b"Content-Type: text/plain; charset=unicode_escape")
                     + END, "charset", id="escapes"),
        pytest.param(part("p", b"a-" * 100_000,
                          b"Content-Type: text/plain; charset=punycode")
                     + END, "charset", id="punycode"),
        pytest.param(part("p", b"x", b"Content-Type: text/plain; charset=zlib") + END,
                     "charset", id="no-charset-at-all"),
        pytest.param(part("p", b"\xff") + END, "charset", id="not-utf-8"),
        pytest.param(part().replace(b"form-data", b"attachment") + END, "",
                     id="attachment"),
        pytest.param(b"--" + b"-" * 5000 + END, "", id="dashes"),
    ],
)  # fmt: skip
def test_a_form_that_is_none_or_too_much_is_refused_with_the_reason(
    edits, lone, body, why
):
    answer = only(edits, post(edits, body, MULTIPART))

    assert is_refusal(answer, lone, 400)
    assert why in json.loads(answer.body)["error"]["message"]


def test_a_form_may_have_a_word_before_and_after(edits, lone):
    sent = form(*generation(lone).items(), ("image", picture()))

    body = b"This is a multipart message.\r\n" + sent["body"] + b"\r\nThe end.\r\n"

    assert only(edits, post(edits, body, MULTIPART)).status == 200


def test_the_same_file_under_two_names_is_one_file(server, edits, lone):
    data = picture()
    sent = form(*generation(lone).items(), ("image", data), ("image", data))

    ask(edits, **sent)

    entry = server.journal()[-1]
    assert len({each["sha256"] for each in entry["payload"]["image"]}) == 1


def test_an_operation_may_have_a_limit_of_its_own(lone):
    small = replace(lone.dialect, mock=replace(lone.dialect.mock, max_body_bytes=500))
    with mockserver.running(replace(lone, dialect=small)) as own:
        url = url_of(own, lone)

        answer = only(url, post(url, b" " * 501))

    assert is_refusal(answer, lone, 413)
    assert b"500 bytes" in answer.body


def test_a_server_may_have_a_limit_of_its_own(lone):
    with mockserver.running(lone, max_body=10_000) as own:
        for operation in ("createImage", "createImageEdit"):
            url = url_of(own, lone, operation)

            answer = only(url, post(url, b" " * 10_001))

            assert is_refusal(answer, lone, 413)


OPERATIONS = [operation for name, operation in IMAGE_OPERATIONS]
bounded = settings(
    deadline=None,
    max_examples=examples(200),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read(data, content_type, operation):
    """The payload of a body, or None if it is rejected."""
    try:
        return parse_body(data, content_type, operation)
    except Rejected:
        return None


json_like = st.recursive(
    st.sampled_from(["{", "}", "[", "]", ",", ":", '"', "\\u", "d83d", "\\", "NaN"])
    | st.text(max_size=6)
    | st.integers().map(str)
    | st.floats().map(repr),
    lambda inner: st.lists(inner, max_size=6).map("".join),
    max_leaves=30,
)


@given(st.sampled_from(OPERATIONS), json_like.map(lambda text: f'{{"a":{text}}}'))
@bounded
def test_no_text_breaks_the_reader_of_json(server, operation, text):
    received = read(text.encode("utf-8", "surrogatepass"), JSON, operation)
    if received is not None:
        assert received.payload == json.loads(text)
        assert received.value_count <= MAX_VALUES


pieces = st.sampled_from(
    [f"--{BOUNDARY}", "\r\n", "\n", "--", "Content-Disposition: form-data", "; ",
     'name="prompt"', 'name="image[]"', 'filename="a"', "name*=utf-8''a", '"', "\\",
     "Content-Type: image/png", "Content-Type: text/plain; charset=", "utf-8", "x",
     "\0", ":", "Content-Transfer-Encoding: base64"]
)  # fmt: skip


@given(st.sampled_from(OPERATIONS), st.lists(pieces | st.text(max_size=3), max_size=30))
@bounded
def test_no_bytes_break_the_reader_of_forms(server, operation, parts):
    content_type = f"{FORM}; boundary={BOUNDARY}"
    received = read("".join(parts).encode(), content_type, operation)
    if received is not None:
        json.dumps(received.payload)
        assert len(received.payload) <= MAX_PARTS
