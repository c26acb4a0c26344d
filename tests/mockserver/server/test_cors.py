"""Pages of other origins: preflight requests, readable responses, and a browser."""

import http.server
import threading
from contextlib import contextmanager

import pytest
from support.browser import chromium
from support.http import ask, control, generation, request_for, url_of, wire
from support.processes import post, refusal, serving
from support.raw_http import exchange

import mockserver
import specs

pytestmark = pytest.mark.slow

PAGE = "http://localhost:3000"
TIKHUB = specs.load("tikhub")
ALLOW_ORIGIN, EXPOSE = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"


@pytest.fixture(scope="module")
def any_origin():
    with mockserver.running("tikhub", "openai", cors="*") as running:
        yield running


@pytest.fixture(scope="module")
def one_origin():
    with mockserver.running("tikhub", cors=(PAGE,)) as running:
        yield running


def preflight(url, origin=PAGE, method="POST", headers="authorization"):
    more = {"Access_Control_Request_Headers": headers} if headers else {}
    more["Access_Control_Request_Method"] = method
    return ask(url, method="OPTIONS", key=None, Origin=origin, **more)


def image_url(running, **more):
    body = generation(TIKHUB, response_format="url")
    return ask(url_of(running, TIKHUB), body=body, **more).json["data"][0]["url"]


def test_a_preflight_gets_all_that_it_asks_for(any_origin):
    asked = "authorization,content-type,x-stainless-os,x-mock-error"
    for operation in TIKHUB.operations:
        answer = preflight(url_of(any_origin, TIKHUB, operation), headers=asked)

        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers[ALLOW_ORIGIN] == "*"
        assert answer.headers["Access-Control-Allow-Headers"] == asked
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_a_preflight_of_a_download_with_a_key_passes(any_origin):
    answer = preflight(image_url(any_origin), method="GET")

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]


def responses(running):
    """Responses of all kinds, each by the status that it must have."""
    url, body = url_of(running, TIKHUB), generation(TIKHUB)
    yield 200, ask(url, body=body, Origin=PAGE)
    yield 400, ask(url, body={"model": 5, "prompt": 1}, Origin=PAGE)
    yield 401, ask(url, body=body, key=None, Origin=PAGE)
    yield 404, ask(f"{running.url}/tikhub/v1/nowhere", body=body, Origin=PAGE)
    yield 404, ask(f"{running.url}/nobody/v1/images", body=body, Origin=PAGE)
    yield 404, ask(f"{running.url}/_images/tikhub/none.png", method="GET", Origin=PAGE)
    yield 405, ask(url, method="DELETE", Origin=PAGE)
    yield 413, ask(url, body=b" " * (5 << 20), Content_Type="x/y", Origin=PAGE)
    yield 415, ask(url, body=b"x", Content_Type="text/plain", Origin=PAGE)
    yield 429, ask(url, body=body, Origin=PAGE, X_Mock_Error="rate_limited")
    yield 502, ask(url, body=body, Origin=PAGE, X_Mock_Fault="html")
    yield 200, ask(image_url(running), method="GET", Origin=PAGE)


def test_each_response_can_be_read_by_a_page(any_origin, one_origin):
    for running, allowed in ((any_origin, "*"), (one_origin, PAGE)):
        for status, answer in responses(running):
            assert answer.status == status
            assert answer.headers.get_all(ALLOW_ORIGIN) == [allowed]
            assert answer.headers[EXPOSE] == "*"
            assert answer.headers.get("Vary") == (None if allowed == "*" else "Origin")


@pytest.mark.parametrize("fault", ["slow", "truncate", "garbage", "leading-whitespace"])
def test_a_damaged_response_can_be_read_by_a_page(one_origin, fault):
    got = wire(
        url_of(one_origin, TIKHUB),
        body=generation(TIKHUB),
        Origin=PAGE,
        X_Mock_Fault=f"{fault};seconds=0.05",
    )

    assert got.header(ALLOW_ORIGIN) == PAGE


def test_a_stream_can_be_read_by_a_page(any_origin):
    openai = specs.load("openai")
    sent = request_for(openai, stream=True, partial_images=1)
    answer = ask(url_of(any_origin, openai), Origin=PAGE, **sent)

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers[ALLOW_ORIGIN] == "*"


def test_a_request_that_cannot_be_parsed_gets_a_response_that_can_be_read(one_origin):
    head = f"GET /tikhub/v1/images HTTP/1.1\r\nHost: x\r\nOrigin: {PAGE}\r\n"
    (answer,) = exchange(one_origin.url, f"{head}Bad Name: x\r\n\r\n".encode())

    assert answer.status == 400
    assert answer.header(ALLOW_ORIGIN) == PAGE


def test_a_page_of_another_origin_can_read_nothing(one_origin):
    other = "http://evil.example"
    url = image_url(one_origin)
    for answer in (
        ask(url_of(one_origin, TIKHUB), body=generation(TIKHUB), Origin=other),
        ask(url, method="GET", Origin=other),
        preflight(url_of(one_origin, TIKHUB), origin=other),
    ):
        assert ALLOW_ORIGIN not in answer.headers
        assert answer.headers["Vary"] == "Origin"


def test_the_control_api_lets_no_page_in(any_origin):
    for answer in (
        control(any_origin, "/journal", Origin=PAGE),
        preflight(f"{any_origin.url}/__mock__/journal", method="GET"),
        preflight(f"{any_origin.url}/__mock__/script/tikhub"),
        preflight(f"{any_origin.url}/__mock__"),
    ):
        assert answer.status == 403
        assert ALLOW_ORIGIN not in answer.headers


def test_without_the_option_only_images_can_be_read(mock):
    """By pages of all origins, as long as they send no key."""
    answer = ask(url_of(mock, TIKHUB), body=generation(TIKHUB), Origin=PAGE)

    assert ALLOW_ORIGIN not in answer.headers
    assert preflight(url_of(mock, TIKHUB)).status == 405
    image = ask(image_url(mock), method="GET", key=None, Origin=PAGE)
    assert image.headers[ALLOW_ORIGIN] == "*"


def test_a_fault_takes_the_headers_away(any_origin, mock):
    for running in (any_origin, mock):
        url = image_url(running)
        image = ask(url, method="GET", Origin=PAGE, X_Mock_Fault="no-cors")
        answer = ask(
            url_of(running, TIKHUB),
            body=generation(TIKHUB),
            Origin=PAGE,
            X_Mock_Fault="no-cors",
        )
        for got in (image, answer):
            assert got.status == 200
            names = [name.lower() for name in got.headers]
            assert not [name for name in names if name.startswith("access-control")]


def test_the_option_takes_several_origins():
    with serving("tikhub", "--cors", "http://a.test", "--cors", "http://b.test") as (
        _,
        ready,
    ):
        for origin in ("http://a.test", "http://b.test"):
            assert post(ready, "tikhub", Origin=origin).headers[ALLOW_ORIGIN] == origin
        assert ALLOW_ORIGIN not in post(ready, "tikhub", Origin="http://c.test").headers


def test_the_option_can_be_set_by_the_environment():
    with serving("tikhub", IMAGEPARITY_CORS="*") as (_, ready):
        assert (
            post(ready, "tikhub", Origin="http://a.test").headers[ALLOW_ORIGIN] == "*"
        )


@pytest.mark.parametrize(
    "value", ["localhost:3000", "http://a.test/page", "a.test", "http://a.test?x", ""]
)
def test_what_is_no_origin_is_refused(value):
    said, status = refusal("--cors", value)

    assert status == 2
    assert "--cors takes * or the origin of a page, such as http://localhost" in said


# --- In a browser ---


@contextmanager
def page_server():
    """An empty page at an origin of its own."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>A page</title>")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


ASK = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    const body = await answer.arrayBuffer();
    return {status: answer.status, bytes: body.byteLength,
      text: answer.headers.get("content-type").includes("json")
        ? new TextDecoder().decode(body) : "",
      retry: answer.headers.get("retry-after")};
  } catch (error) { return {failed: String(error)} }
}"""


def json_request(**headers):
    import json

    sent = {"Authorization": "Bearer k", "Content-Type": "application/json", **headers}
    body = json.dumps(generation(TIKHUB, response_format="url"))
    return {"method": "POST", "headers": sent, "body": body}


@pytest.mark.browser
def test_a_page_in_a_browser_uses_the_mock():
    """It is on another port, asks as the SDKs do, and downloads with its key."""
    import json

    with chromium() as browser, page_server() as origin:
        page = browser.new_page()
        page.goto(origin)

        def fetch(url, **options):
            return page.evaluate(ASK, [url, options])

        with mockserver.running("tikhub", cors=(origin,)) as running:
            url = url_of(running, TIKHUB)
            answer = fetch(url, **json_request(**{"X-Stainless-OS": "Unknown"}))
            assert answer["status"] == 200
            image = json.loads(answer["text"])["data"][0]["url"]
            key = {"Authorization": "Bearer k"}
            assert fetch(image, headers=key)["bytes"] > 1000
            assert fetch(image)["bytes"] > 1000
            wrong = {"X-Mock-Error": "rate_limited;retry-after=2"}
            refused = fetch(url, **json_request(**wrong))
            assert (refused["status"], refused["retry"][:1]) == (429, "2")
            assert fetch(f"{running.url}/tikhub/v1/nowhere")["status"] == 404
            spoilt = {"X-Mock-Fault": "no-cors"}
            assert "failed" in fetch(url, **json_request(**spoilt))
            running.script({"operation": "image", "fault": "no-cors"}, "tikhub")
            image = image_url(running)  # the browser has a copy of the other one
            assert "Failed to fetch" in fetch(image)["failed"]
            assert fetch(image)["status"] == 200
            assert "failed" in fetch(f"{running.url}/__mock__/journal")
        with mockserver.running("tikhub") as running:
            assert "failed" in fetch(url_of(running, TIKHUB), **json_request())
