"""Other protocols, smuggled requests, and odd numbers and characters, over a socket."""

import json
import socket
import ssl
import struct
from urllib.parse import urlsplit

import pytest
from support.http import (
    BOUNDARY,
    FORM,
    ask,
    data_uri,
    form,
    generation,
    picture,
    url_of,
)
from support.raw_http import (
    answers,
    connected,
    everything,
    exchange,
    good,
    head,
    is_refusal,
    one,
    only,
    post,
)

import specs

pytestmark = pytest.mark.slow

PARTS = f"Content-Type: {FORM}; boundary={BOUNDARY}"
HIDDEN = b"GET /__mock__/hidden HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def url(server, lone):
    return url_of(server, lone)


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        pytest.param(["Transfer-Encoding: chunked", "Content-Length: 4"],
                     b"0\r\n\r\n" + HIDDEN, id="chunks-and-length"),
        pytest.param(["Content-Length: 0", "Content-Length: 44"], HIDDEN,
                     id="two-lengths"),
        pytest.param(["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
                     b"0\r\n\r\n" + HIDDEN, id="two-codings"),
        pytest.param(["Transfer-Encoding: chunked, chunked"],
                     b"0\r\n\r\n" + HIDDEN, id="chunked-twice"),
        pytest.param([b"Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n" + HIDDEN,
                     id="control-before-coding"),
        pytest.param([b"Transfer-Encoding : chunked"], b"0\r\n\r\n" + HIDDEN,
                     id="space-after-name"),
        pytest.param([b"Transfer-Encoding:\n chunked"], b"0\r\n\r\n" + HIDDEN,
                     id="folded"),
        pytest.param([b"X: a\nContent-Length: 0"], HIDDEN, id="lone-newline"),
        pytest.param(["Transfer-Encoding: chunked"],
                     b"2;a=\n\r\n{}\r\n0\r\n\r\n" + HIDDEN, id="newline-in-extension"),
        pytest.param(["Transfer-Encoding: chunked"],
                     b"2 \r\n{}\r\n0x0\r\n\r\n" + HIDDEN, id="odd-last-chunk"),
    ],
)  # fmt: skip
def test_no_request_is_smuggled_in_a_body(server, url, hidden_requests, lines, body):
    """Whatever the answer, what a body hides is no request, or is the second one."""
    found = exchange(url, post(url, body, *lines, close=False))

    assert found[0].status == 400, found[0].head
    assert len(found) == 1
    assert hidden_requests() == []


@pytest.fixture
def hidden_requests(server):
    """The requests for the hidden path since the test began."""
    server.reset()
    return lambda: [e for e in server.journal() if "hidden" in str(e.get("path"))]


@pytest.mark.parametrize("rest", [b"", b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x12\x04" * 500])
def test_http_2_without_a_question_is_refused(server, rest):
    """The client hears it in HTTP/1.1, which it can tell from HTTP/2."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    answer = only(server.url, preface + rest)

    assert is_refusal(answer, None, 400)


def test_a_websocket_is_not_opened(server, url, lone):
    lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]  # fmt: skip
    frame = b"\x81\x85\x01\x02\x03\x04" + b"hello"
    for path in ("/", "/__mock__/events", "/openai/v1/realtime"):
        with connected(server.url) as connection:
            request = head(server.url + path, *lines, method="GET")
            connection.sendall(request + b"\r\n" + frame)
            start = connection.recv(12)

        assert start.startswith(b"HTTP/1.1 ")
        assert not start.endswith(b"101")

    body = json.dumps(generation(lone)).encode()
    assert only(url, post(url, body, *lines[1:])).status == 200


def test_tls_on_a_plain_port_is_refused_at_once(server):
    parts = urlsplit(server.url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        connected(server.url) as connection,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(connection, server_hostname=parts.hostname)


def test_a_reset_beside_the_response_to_malformed_http_is_no_error(server):
    """The reset may come while the server closes its side of the connection."""
    no_linger = struct.pack("ii", 1, 0)
    for _ in range(200):
        with connected(server.url) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
            connection.sendall(b"no HTTP at all\r\n\r\n")
            connection.recv(1)


def nested_form(depth: int) -> bytes:
    """A file that is a form with a file, and so on."""
    data = picture()
    for level in range(depth):
        name = f"level-{level}"
        data = (
            f'--{name}\r\nContent-Disposition: file; filename="a"\r\n\r\n'.encode()
            + data
            + f"\r\n--{name}--\r\n".encode()
        )
    return data


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b'Content-Disposition: form-data; name="\xff"', id="name"),
        pytest.param(b'Content-Disposition: form-data; name="image"; filename="\xff"',
                     id="filename"),
        pytest.param(b"X-\xff: a", id="header"),
        pytest.param('Content-Disposition: form-data; name="a"'.encode("utf-16"),
                     id="utf-16"),
    ],
)  # fmt: skip
def test_a_bad_header_of_a_part_is_named_in_words(server, header):
    for name in ("openai", "recraft"):
        edits = url_of(server, specs.load(name), "createImageEdit")
        body = f"--{BOUNDARY}\r\n".encode() + header + b"\r\n\r\nx\r\n"

        answer = only(edits, post(edits, body + f"--{BOUNDARY}--\r\n".encode(), PARTS))

        assert answer.status == 400
        assert b"a header of a part is not UTF-8" in answer.body
        assert b"Unicode" not in answer.body


def test_tiny_parts_and_nested_encodings_are_bounded(server, lone):
    """Also a form in a form, base64 in base64, and escapes of escapes."""
    edits = url_of(server, lone, "createImageEdit")
    tiny = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n\r\n'
        for each in range(10_000)
    )
    uri = data_uri(data_uri(data_uri(picture()).encode()).encode())
    escaped = "prompt"
    for _ in range(8):
        escaped = json.dumps(escaped)

    assert is_refusal(only(edits, post(edits, tiny.encode(), PARTS)), lone, 400)
    sent = form(*generation(lone).items(), ("image", nested_form(60)))
    assert ask(edits, **sent).status == 400
    body = {**generation(lone), "images": [{"image_url": uri}]}
    assert ask(edits, body=body).status == 400
    assert (
        ask(url_of(server, lone), body=generation(lone, prompt=escaped)).status == 200
    )


NUMBERS = [
    *("1e999", "-1e999", "NaN", "Infinity", "-0", "1e-999", "0e0", "1E+2", "01", "1."),
    *(".5", "+1", "0x10", "1_0", "\uff11", "1" * 100, "1" * 5000, "1." + "0" * 5000),
    "1e" + "9" * 90,
]


@pytest.mark.parametrize("field", ["n", "output_compression", "seed"])
def test_no_number_is_too_odd(server, field):
    """It is one, or it is refused; a document that leaves it open gets the nearest."""
    for name in ("openai", "tikhub", "tokenhub", "together"):
        provider = specs.load(name)
        url, text = url_of(server, provider), json.dumps(generation(provider))
        requests = [
            post(url, f'{text[:-1]}, "{field}": {number}}}'.encode(), close=False)
            for number in NUMBERS
        ]
        with connected(url) as connection:
            connection.sendall(b"".join(requests) + good(url, provider))
            found = answers(*everything(connection))

        assert len(found) == len(NUMBERS) + 1
        assert {each.status for each in found[:-1]} <= {200, 400}
        assert found[-1].status == 200


def test_what_a_document_leaves_open_is_drawn_with_the_nearest_value(server):
    url = url_of(server, specs.load("llmapi"))
    for number in (250, -3, 1e300):
        body = {**generation(specs.load("llmapi")), "output_compression": number}
        assert ask(url, body=body).status == 200


def test_any_character_in_every_header_is_borne(url, lone):
    """In UTF-8 and in other bytes."""
    text = "é \ufb00 \u202e \u2028 \U0001f469\u200d\U0001f680 \ufeff \u0131 \x80"
    names = [
        *("Authorization", "Content-Type", "Content-Encoding", "Content-Length"),
        *("Transfer-Encoding", "Host", "Connection", "Expect", "Upgrade", "Cookie"),
        *("Accept-Encoding", "X-Forwarded-For", "Forwarded", "Range", "Traceparent"),
        *("X-Mock-Task", "X-Mock-Namespace", "Idempotency-Key"),
    ]
    for name in names:
        for value in (text.encode(), b"\xff\xfe", b"\x7f"):
            lines = good(url, lone).replace(f"{name}: ".encode(), b"X-Other: ")
            first, _, rest = lines.partition(b"\r\n")
            header = name.encode() + b": " + value
            with connected(url) as connection:
                connection.sendall(b"\r\n".join((first, header, rest)))
                answer = one(connection)

            assert answer.status < 500, (name, value, answer.head)
            assert answer.status == 200 or is_refusal(answer, lone)
