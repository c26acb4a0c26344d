"""Connections that end, pause or split at any byte, in both directions."""

import json
import os
import socket
import struct
import time

import pytest
from support.http import BOUNDARY, FORM, ask, edit, generation, picture, url_of
from support.raw_http import answers, connected, everything, good, post

import specs

pytestmark = pytest.mark.slow

STEP = 1 if os.environ.get("SOAK") else 7


@pytest.fixture
def requests(server, lone):
    """A JSON request and a form request, as bytes."""
    sent = edit(lone, FORM, picture(8, 8))
    by_form = post(
        url_of(server, lone, "createImageEdit"),
        sent["body"],
        f"Content-Type: {FORM}; boundary={BOUNDARY}",
    )
    return [good(url_of(server, lone), lone, size="1024x1024"), by_form]


def reset(connection):
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def test_a_request_that_comes_byte_by_byte_is_one_request(server, requests):
    for data in requests:
        with connected(server.url) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(data)):
                connection.sendall(data[at : at + 1])
            (answer,) = answers(*everything(connection))

        assert answer.status == 200


def test_a_request_in_two_pieces_is_one_request(server, requests):
    """At every split position, with a pause after the first part."""
    for data in requests:
        for at in range(1, len(data), STEP * 3):
            with connected(server.url) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(data[:at])
                time.sleep(0.001)
                connection.sendall(data[at:])
                (answer,) = answers(*everything(connection))

            assert answer.status == 200, at


@pytest.mark.parametrize("how", ["closed", "reset", "half-closed"])
def test_a_request_that_is_cut_is_none(server, requests, how):
    """It gets no response as if complete; the journal has the known facts."""
    seen = server.journal()[-1]["id"] if server.journal() else 0
    for data in requests:
        for at in range(0, len(data), STEP):
            with connected(server.url) as connection:
                connection.sendall(data[:at])
                if how == "reset":
                    reset(connection)
                elif how == "half-closed":
                    connection.shutdown(socket.SHUT_WR)
                    received, _ = everything(connection)
                    assert not received.startswith(b"HTTP/1.1 200"), at
    for entry in server.journal(since=seen):
        assert entry["outcome"] == "aborted" or entry["status"] == 400


def test_an_answer_that_is_cut_is_the_clients_affair(server, lone):
    """Also for a stream: it ends, and the next request succeeds."""
    openai = specs.load("openai")
    streaming = good(
        url_of(server, openai), openai, stream=True, partial_images=1, close=False
    )
    for data in (good(url_of(server, lone), lone), *[streaming] * 4):
        for at in (0, 1, 15, 200, 3_000, 9_000, 30_000):
            for how in ("closed", "reset"):
                with connected(server.url) as connection:
                    connection.sendall(data)
                    left = at
                    while left > 0 and (got := connection.recv(min(left, 4096))):
                        left -= len(got)
                    if how == "reset":
                        reset(connection)
            answer = ask(url_of(server, lone), body=generation(lone))
            assert answer.status == 200


def test_many_at_once_with_pieces_in_any_order_are_each_their_own(server, lone):
    """Forty requests, one byte of each in turn."""
    count = 40
    asked = [
        good(url_of(server, lone), lone, user=f"user-{each:02d}", n=each % 2 + 1)
        for each in range(count)
    ]
    lines = [connected(server.url) for _ in asked]
    try:
        for at in range(max(map(len, asked))):
            for connection, data in zip(lines, asked, strict=True):
                connection.sendall(data[at : at + 1])
        found = [answers(*everything(each))[0] for each in lines]
    finally:
        for line in lines:
            line.close()

    assert [each.status for each in found] == [200] * count
    numbers = [len(json.loads(each.body)["data"]) for each in found]
    assert numbers == [each % 2 + 1 for each in range(count)]
