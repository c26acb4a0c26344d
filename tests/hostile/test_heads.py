"""Malformed HTTP gets an error response, and the connection is closed."""

import json
import threading
import time

import pytest
from support.http import KEY, ask, generation, url_of
from support.providers import IMAGE_PROVIDERS
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

BODY = b'{"prompt":"x"}'
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture
def url(server, lone):
    return url_of(server, lone)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([CHUNKED, "Content-Length: 5"], id="length-and-chunks"),
        pytest.param(["Content-Length: 14", "Content-Length: 3"], id="two-lengths"),
        pytest.param(["Content-Length: 14", "Content-Length: 14"], id="twice-the-same"),
        pytest.param(["Content-Length: -1"], id="negative"),
        pytest.param(["Content-Length: +14"], id="signed"),
        pytest.param(["Content-Length: 0x0e"], id="hexadecimal"),
        pytest.param(["Content-Length: 14, 14"], id="list"),
        pytest.param(["Content-Length: 1" + "0" * 40], id="beyond-all-numbers"),
        pytest.param(["Transfer-Encoding: xchunked"], id="unknown-coding"),
        pytest.param(["Transfer-Encoding: chunked, gzip"], id="chunks-not-last"),
        pytest.param(["X-Folded: a", b" b"], id="folded"),
        pytest.param(["X-Name : a"], id="space-before-colon"),
        pytest.param([b"X-Name: a\0b"], id="nul"),
        pytest.param([b"X-Name: a\rb"], id="lone-return"),
        pytest.param([b"no colon at all"], id="no-colon"),
        pytest.param([b": no name"], id="no-name"),
        pytest.param([b"X-N\xc3\xa4me: a"], id="name-beyond-ascii"),
        pytest.param(["Host: other.example"], id="two-hosts"),
    ],
)
def test_a_malformed_header_is_refused(url, lone, lines):
    answer = only(url, post(url, BODY, *lines))

    assert is_refusal(answer, lone, 400)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(b"zz\r\n{}\r\n0\r\n\r\n", id="no-number"),
        pytest.param(b"-2\r\n{}\r\n0\r\n\r\n", id="negative"),
        pytest.param(b"2\r\n{}}}0\r\n\r\n", id="longer-than-it-says"),
        pytest.param(b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n", id="beyond-all-numbers"),
        pytest.param(b"2\n{}\n0\n\n", id="bare-newlines"),
    ],
)
def test_malformed_chunks_are_refused(url, lone, chunks):
    """Sent together with the headers, or later."""
    for pieces in ([head(url, CHUNKED) + b"\r\n" + chunks], split(url, chunks)):
        answer = exchange(url, *pieces)[0]

        assert is_refusal(answer, lone, 400)


def split(url, chunks):
    first = head(url, CHUNKED, "Content-Type: application/json")
    return [first + b"\r\n" + b"1\r\n{\r\n", chunks]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param([f"X-Long: {'a' * 9_000}"], 431, id="9-kilobytes"),
        pytest.param([f"X-Long: {'a' * 1_000_000}"], 431, id="a-megabyte"),
        pytest.param([f"{'X' * 100_000}: a"], 431, id="long-name"),
        pytest.param([f"X-{each}: a" for each in range(200)], 431, id="200"),
        pytest.param([f"X-{each}: a" for each in range(10_000)], 431, id="10000"),
    ],
)
def test_too_much_of_a_head_is_refused_and_heard(url, lone, lines, status):
    """The client can read the response although not all bytes were read."""
    answer = only(url, post(url, BODY, *lines))

    assert is_refusal(answer, lone, status)


def test_who_goes_on_sending_has_heard_the_answer(url, lone):
    """The connection is closed cleanly although the client continues to send."""
    with connected(url) as connection:
        connection.sendall(head(url, f"X-Long: {'a' * 9_000}"))
        answer = one(connection)
        for _ in range(5):
            connection.sendall(b"a" * 10_000)
            time.sleep(0.01)
        received, end = everything(connection)

    assert is_refusal(answer, lone, 431)
    assert (received, end) == (b"", "closed")


@pytest.mark.parametrize("more", ["/" + "a" * 1_000_000, "?" + "a=1&" * 100_000,
                                  "/" + "%00%2f" * 10_000])  # fmt: skip
def test_too_long_a_first_line_is_refused(url, more):
    first, _, rest = head(url).partition(b" HTTP")

    answer = only(url, first + more.encode() + b" HTTP" + rest + b"\r\n")

    assert is_refusal(answer, None, 414)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\x11" * 500,
                     id="tls"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="http-2"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="ssh"),
        pytest.param(b"\0" * 10_000, id="zeros"),
        pytest.param(b"\xff" * 100_000, id="ones"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", id="http-9"),
        pytest.param(b"GET\r\n\r\n", id="nothing-but-a-method"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no-host"),
        pytest.param(b"GET *a HTTP/1.1\r\nHost: a\r\n\r\n", id="no-target"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", id="not-ascii"),
        pytest.param(b"FETCH / HTTP/1.1\r\nHost: a\r\n\r\n", id="no-method"),
        pytest.param(b"F" * 99_999 + b" / HTTP/1.1\r\n\r\n", id="long-method"),
        pytest.param(b"GET / HTTP/1.1\nHost: a\n\n", id="bare-newlines"),
    ],
)  # fmt: skip
def test_what_is_not_http_is_refused(server, data):
    answer = only(server.url, data)

    assert is_refusal(answer, None)
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("method", ["CONNECT", "OPTIONS", "TRACE", "HEAD", "PATCH"])
@pytest.mark.parametrize("target", ["*", "/", "a.example:443", "//a/b"])
def test_a_method_of_another_trade_is_refused(server, method, target):
    data = f"{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    answer = only(server.url, data.encode())

    assert 400 <= answer.status < 500
    assert method == "HEAD" or is_refusal(answer, None)


def test_a_head_alone_is_answered_with_a_head_alone(server):
    url = f"{server.url}/__mock__/health"
    with connected(url) as connection:
        connection.sendall(head(url, method="HEAD") + b"\r\n")
        connection.sendall(head(url, "Connection: close", method="GET") + b"\r\n")
        received, _ = everything(connection)

    first, _, second = received.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 404")  # there is none
    (answer,) = answers(second)
    assert json.loads(answer.body)


def test_nothing_is_expected_but_that_we_go_on(url, lone):
    body = json.dumps(generation(lone)).encode()

    first, second = exchange(url, post(url, body, "Expect: 100-continue"))
    assert (first.status, second.status) == (100, 200)

    answer = only(url, post(url, body, "Expect: a-miracle"))
    assert is_refusal(answer, lone, 417)


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0", "x" * 5000])
def test_an_upgrade_is_not_taken_up(url, lone, protocol):
    """The request and the next one get normal responses."""
    body = json.dumps(generation(lone)).encode()
    with connected(url) as connection:
        lines = ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}"]
        connection.sendall(post(url, body, *lines, close=False))
        first = one(connection)
        connection.sendall(good(url, lone))
        (second,) = answers(*everything(connection))

    assert (first.status, second.status) == (200, 200)


@pytest.mark.parametrize(
    "host", ["evil.example", "169.254.169.254", "[::1", "a b", "x" * 5000, "", "é"]
)
def test_a_foreign_host_is_as_good_as_any(url, lone, host):
    """The mock is not a proxy: nothing is forwarded."""
    data = good(url, lone).replace(
        b"Host: " + url.split("/")[2].encode(), f"Host: {host}".encode()
    )

    assert only(url, data).status == 200


def test_an_absolute_address_is_not_fetched_but_answered(url, lone):
    data = good(url, lone).replace(b"POST /", b"POST http://evil.example:1/", 1)

    assert only(url, data).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cwindows",
        "/%00",
        "/%ff%fe",
        "/%zz",
        "/a%0d%0aSet-Cookie:%20a=b",
        "//etc/passwd",
        "/.",
        "/etc/passwd%00.png",
    ],
)
@pytest.mark.parametrize("below", ["", "/_images", "/_replayed", "/__mock__", "/v1"])
def test_no_path_leads_to_a_file(server, below, path):
    lines = f"GET {below}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"

    (answer,) = exchange(server.url, lines.encode() + b"\r\n")

    assert answer.status in {400, 404}
    assert b"root:" not in answer.body
    assert answer.header("Set-Cookie") is None


def test_requests_in_a_row_are_answered_in_their_order(url, lone):
    """One of them is invalid; those after it still get responses."""
    row = [good(url, lone, close=False) for _ in range(8)]
    row[2] = post(url, b"{", close=False)

    found = exchange(url, b"".join(row) + good(url, lone))

    statuses = [200] * 9
    statuses[2] = 400
    assert [each.status for each in found] == statuses


def test_ten_thousand_requests_in_a_row_are_answered(server):
    """While the client sends, it also reads; the server queues few of them."""
    count = 10_000
    request = head(f"{server.url}/__mock__/health", method="GET") + b"\r\n"
    with connected(server.url) as connection:
        sender = threading.Thread(target=connection.sendall, args=(request * count,))
        sender.start()
        found, last = 0, b""
        while found < count and (data := connection.recv(65536)):
            found += (last + data).count(STATUS_LINE)
            last = data[1 - len(STATUS_LINE) :]
        sender.join()

    assert found == count


STATUS_LINE = b"HTTP/1.1 200 OK\r\n"


def test_a_hundred_headers_as_long_as_one_may_be_are_borne(url, lone):
    body = json.dumps(generation(lone)).encode()
    lines = [f"X-{each}: {'a' * 8000}" for each in range(100)]

    assert only(url, post(url, body, *lines)).status == 200


def test_what_is_no_request_does_not_harm_the_answer_before_it(url, lone):
    with connected(url) as connection:
        connection.sendall(good(url, lone, close=False))
        first = one(connection)
        connection.sendall(b"\0garbage\r\n\r\n")
        (second,) = answers(*everything(connection))

    assert first.status == 200
    assert is_refusal(second, None, 400)


def test_a_connection_goes_on_after_a_refusal(url, lone):
    """A rejected body is read to its end, so that the next request is valid."""
    with connected(url) as connection:
        for body, status in ((b"[" * 100_000, 400), (b"x" * 5_000_000, 413)):
            connection.sendall(post(url, body, close=False))
            assert one(connection).status == status
        received, _ = everything(connection)

    assert received == b"", "after a 413 there is no next request"


def test_headers_with_any_bytes_are_borne(url, lone):
    body = json.dumps(generation(lone)).encode()
    for name in ("User-Agent", "X-Mock-Latency", "X-Mock-Namespace", "Cookie",
                 "X-Stainless-Retry-Count", "Accept", "Origin", "Content-Encoding",
                 "X-Mock-Error", "X-Mock-Fault"):  # fmt: skip
        for value in (b"\xff\xfe", b"", b"a" * 8000, b"\xf0\x9f\x90\xb8;times=x"):
            lines = [name.encode() + b": " + value]
            answer = only(url, post(url, body, *lines))

            assert answer.status in {200, 400, 415}
            assert answer.status == 200 or is_refusal(answer, lone)


def test_a_key_as_long_as_a_header_may_be(url, lone):
    key = "k" * 8000
    data = good(url, lone).replace(KEY.encode(), key.encode())

    assert only(url, data).status == 200


def test_old_clients_are_answered_and_the_connection_closed(url, lone):
    data = good(url, lone, close=False).replace(b"HTTP/1.1", b"HTTP/1.0")

    answer = only(url, data)

    assert answer.status == 200
    assert answer.is_whole


def test_a_refusal_is_in_the_envelope_of_the_provider_that_was_meant(server):
    """The request line selects the provider, also when sent in parts."""
    for name in IMAGE_PROVIDERS:
        provider = specs.load(name)
        data = post(url_of(server, provider), BODY, CHUNKED, "Content-Length: 14")
        known = ask(url_of(server, provider), body="{").json

        for pieces in ([data], [data[:9], data[9:30], data[30:]]):
            answer = only(server.url, *pieces)

            assert is_refusal(answer, provider, 400)
            assert set(json.loads(answer.body)["error"]) == set(known["error"])
