"""Images by URL, as clients download them: parts, copies, signatures and faults."""

import json
from urllib.parse import quote, unquote, urlsplit

import pytest
from support.http import ask, control, generation, opened, url_of, wire

import mockserver
import specs

NOON = 1_777_896_000.0
SETTINGS = mockserver.Settings(frozen=NOON, secret=b"known to both")


@pytest.fixture(scope="module")
def running():
    with mockserver.running("tikhub", "aihubmix", settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def in_query():
    options = {"image_urls": "query"}
    with mockserver.running("tikhub", settings=SETTINGS, **options) as running:
        yield running


@pytest.fixture(autouse=True)
def _reset(running):
    running.reset()


def image_url(running, **more):
    provider = specs.load("tikhub")
    body = generation(provider, response_format="url")
    answer = ask(url_of(running, provider), body=body, **more)
    return answer.json["data"][0]["url"]


def get(url, method="GET", key=None, **headers):
    return ask(url, method=method, key=key, **headers)


def test_head_says_what_get_sends(running):
    url = image_url(running)

    head, whole = get(url, "HEAD"), get(url)

    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]
    assert int(head.headers["Content-Length"]) == len(whole.body)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-50", slice(-50, None)),
        ("bytes=10-999999999", slice(10, None)),
        ("bytes=-999999999", slice(0, None)),
        ("bytes=0-0", slice(0, 1)),
    ],
)
def test_a_range_is_a_part_of_the_image(running, asked, part):
    url = image_url(running)
    whole = get(url).body

    answer = get(url, Range=asked)

    assert (answer.status, answer.body) == (206, whole[part])
    start, stop, _ = part.indices(len(whole))
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_satisfied(running, asked):
    url = image_url(running)

    answer = get(url, Range=asked)

    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(get(url).body)}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=-", "bytes=0-1,4-5", "rows=0-1", "bytes=a-b", ""]
)
def test_an_invalid_range_is_ignored(running, asked):
    url = image_url(running)

    answer = get(url, Range=asked)

    assert (answer.status, answer.body) == (200, get(url).body)


def test_a_download_that_broke_off_goes_on(running):
    """The parts make the image, as long as it is still the same one."""
    url = image_url(running)
    first = get(url, Range="bytes=0-999")
    etag = first.headers["ETag"]

    rest = get(url, Range="bytes=1000-", If_Range=etag)
    other = get(url, Range="bytes=1000-", If_Range='"another"')

    assert opened(first.body + rest.body).size == (1024, 1024)
    assert (rest.status, other.status) == (206, 200)


def test_a_copy_is_confirmed(running):
    url = image_url(running)
    etag = get(url).headers["ETag"]

    for said in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = get(url, If_None_Match=said)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == etag
    assert get(url, If_None_Match='"another"').status == 200
    assert etag != get(image_url(running, X_Mock_Fault="other-format")).headers["ETag"]


def test_a_copy_may_be_kept_as_long_as_the_url_lives(running):
    url = image_url(running)
    running.advance(600)

    assert get(url).headers["Cache-Control"] == "public, max-age=3000"


def test_a_url_with_a_signed_query_gives_the_image(in_query):
    url = image_url(in_query)
    query = urlsplit(url).query

    assert "se=2026-05-04T13%3A00%3A00Z" in query
    for encoded in ("%2B", "%2F", "%3D"):
        assert encoded in query.partition("sig=")[2]
    assert opened(get(url).body).size == (1024, 1024)
    assert get(url, "HEAD").status == 200


def mangled(url):
    """A URL as faulty clients request it, by what they did."""
    head, _, query = url.partition("?")
    stem, _, extension = head.rpartition(".")
    yield "appended", f"{url}x"
    yield "another extension", url.replace(f".{extension}", ".jpg", 1)
    yield "no extension", url.replace(f".{extension}", "", 1)
    yield "another provider", url.replace("/tikhub/", "/aihubmix/", 1)
    yield "cut", f"{stem[:-1]}.{extension}" + (f"?{query}" if query else "")
    if query:
        yield "query dropped", head
        yield "query decoded", f"{head}?{unquote(query)}"
        yield "query encoded twice", f"{head}?{quote(query, safe='=&')}"
        yield "query escaped for HTML", url.replace("&", "&amp;")
        yield "longer life", url.replace("se=2026", "se=2027")
        yield "more permissions", url.replace("sp=r", "sp=rw")


def test_a_url_that_was_changed_is_refused(running, in_query):
    for server in (running, in_query):
        url = image_url(server)
        assert get(url).status == 200
        for change, wrong in mangled(url):
            assert get(wrong).status in {403, 404}, change


def test_a_url_with_a_signed_query_expires(in_query):
    url = image_url(in_query)
    in_query.advance(3600)

    answer = get(url)

    in_query.reset()
    assert (answer.status, answer.body) == (403, b"This URL has expired.\n")
    assert get(url).status == 200


@pytest.mark.parametrize("form", ["path", "query"])
def test_replicas_with_one_secret_serve_the_urls_of_each_other(form):
    options = {"secret": b"one", "image_urls": form}
    with mockserver.running("tikhub", **options) as one:
        path = image_url(one).removeprefix(one.url)
        with mockserver.running("tikhub", **options) as other:
            assert get(f"{other.url}{path}").status == 200
        with mockserver.running("tikhub", image_urls=form) as stranger:
            assert get(f"{stranger.url}{path}").status in {403, 404}


def test_a_fault_of_the_download_damages_it(running):
    url = image_url(running)
    whole = get(url).body

    assert wire_of(url, "reset").end == "reset"
    cut = wire_of(url, "truncate")
    assert cut.body == whole[: len(whole) // 2]
    page = get(url, X_Mock_Fault="html;status=504")
    assert (page.status, b"504 Gateway Timeout" in page.body) == (504, True)
    assert get(url).body == whole


def test_head_gets_the_faults_that_are_not_of_the_body(running):
    url = image_url(running)

    assert "Access-Control-Allow-Origin" in get(url, "HEAD").headers
    hidden = get(url, "HEAD", X_Mock_Fault="no-cors")
    assert (hidden.status, hidden.headers["Access-Control-Allow-Origin"]) == (200, None)
    assert hidden.headers["ETag"] == get(url).headers["ETag"]
    for fault, status in (("html", 502), ("cdn-timeout;seconds=0", 524)):
        answer = get(url, "HEAD", X_Mock_Fault=fault)
        assert (answer.status, answer.body) == (status, b"")
    assert get(url, "HEAD", X_Mock_Fault="truncate").status == 200
    entries = running.journal(operation="image")
    faults = [each["decision"].get("fault") for each in entries]
    assert faults == [None, "no-cors", None, "html", "cdn-timeout", None]


def wire_of(url, fault):
    return wire(url, method="GET", body=b"", X_Mock_Fault=fault)


def test_an_error_of_the_download_is_its_response(running):
    url = image_url(running)

    answer = get(url, X_Mock_Error="server_error;times=1")

    assert answer.status == 500
    assert get(url, X_Mock_Error="server_error;times=1").status == 200
    assert (
        get(url, X_Mock_Error="rate_limited;retry-after=3")
        .headers["Retry-After"]
        .startswith("3")
    )
    unknown = get(url, X_Mock_Error="moderation_blocked")
    assert unknown.status == 400
    assert b"known: invalid_request, expired" in unknown.body


def test_a_script_names_the_downloads_that_fail(running):
    items = [{"operation": "image", "error": "expired"}]
    items += [{"operation": "image", "fault": "truncate", "times": 2}]
    running.script(items, "tikhub")
    url = image_url(running)  # an item for downloads is not for it

    assert get(url).status == 403
    for _ in range(2):
        got = wire(url, method="GET", body=b"")
        assert not got.is_whole
    assert get(url).status == 200


def test_a_download_takes_only_what_is_meant_for_it(running):
    url = image_url(running)
    running.script([{"error": "server_error"}], "tikhub")

    assert get(url).status == 200
    provider = specs.load("tikhub")
    answer = ask(url_of(running, provider), body=generation(provider))
    assert answer.status == 500


def test_an_unknown_error_of_a_download_is_refused(running):
    for item, said in (
        ({"operation": "image", "error": "insufficient_quota"}, "known: invalid_req"),
        ({"error": "expired"}, "unknown error 'expired'"),
    ):
        answer = control(running, "/script/tikhub", "POST", [item])
        assert answer.status == 400
        assert said in answer.json["error"]["message"]


def test_a_download_belongs_to_the_namespace_of_its_image(running):
    mine, other = image_url(running, key="sk-ns-mine"), image_url(running)
    running.script({"operation": "image", "error": "expired"}, "tikhub", "mine")

    assert get(other).status == 200
    assert get(mine).status == 403
    assert get(mine).status == 200


def test_the_end_of_a_key_is_meant_for_the_image_not_for_its_download(running):
    url = image_url(running)

    assert get(url, key="sk-mock-reset").status == 200
    assert get(url, key="sk-mock-no_such_error").status == 200


@pytest.mark.parametrize("way", ["header", "script"])
def test_storage_that_signs_for_get_only_refuses_head(running, way):
    url, headers = image_url(running), {}
    if way == "script":
        running.script({"operation": "image", "fault": "head-refused"}, "tikhub")
    else:
        headers = {"X_Mock_Fault": "head-refused"}

    answer = get(url, "HEAD", **headers)

    assert (answer.status, answer.body) == (403, b"")
    assert get(url, "HEAD").status == 200


def test_the_urls_of_a_response_can_refuse_head(running):
    url = image_url(running, X_Mock_Fault="head-refused")

    for _ in range(2):
        assert get(url, "HEAD").status == 403
    assert get(url).status == 200


@pytest.mark.parametrize("wait", ["Latency: 600000", "Fault: cdn-timeout"])
def test_the_wait_of_a_download(running, wait):
    """It is still open when another request has been answered."""
    import socket

    url = urlsplit(image_url(running))
    with socket.create_connection((url.hostname, url.port), 30) as slow:
        lines = [f"GET {url.path} HTTP/1.1", f"Host: {url.netloc}"]
        lines += [f"X-Mock-{wait}", "Connection: close", "\r\n"]
        slow.sendall("\r\n".join(lines).encode())
        assert get(url.geturl()).status == 200
        slow.setblocking(False)
        with pytest.raises(BlockingIOError):
            slow.recv(1)


def test_the_journal_shows_what_a_content_delivery_network_hid(running):
    """The client gets an error page, while the image is drawn and billed."""
    provider = specs.load("aihubmix")
    more = {"X_Mock_Fault": "cdn-timeout;seconds=0"}
    before = running.costs()

    answer = ask(url_of(running, provider), body=generation(provider, n=2), **more)

    assert answer.status == 524
    assert answer.headers["Content-Type"].startswith("text/html")
    entry = running.journal("aihubmix")[-1]
    assert (entry["status"], entry["images"]) == (524, 2)
    assert entry["decision"]["fault"] == entry["outcome"] == "cdn-timeout"
    assert json.dumps(running.costs()) != json.dumps(before)


def test_a_content_delivery_network_waits_by_the_clock_of_the_mock(running):
    """After 100 seconds; nobody has to wait for them."""
    import threading

    provider, answers = specs.load("aihubmix"), []

    def request():
        url, body = url_of(running, provider), generation(provider)
        answers.append(ask(url, body=body, X_Mock_Fault="cdn-timeout"))

    thread = threading.Thread(target=request)
    thread.start()
    (entry,) = running.wait_for(provider="aihubmix", timeout=30)
    assert entry["images"] == 1
    assert answers == []
    running.advance(100)
    thread.join(30)

    assert [each.status for each in answers] == [524]


def test_fewer_images_than_asked_for_come(running):
    provider = specs.load("aihubmix")
    body = generation(provider, n=3)

    answer = ask(url_of(running, provider), body=body, X_Mock_Fault="fewer-images")

    assert len(answer.json["data"]) == 2
    assert running.journal("aihubmix")[-1]["images"] == 2


def test_a_script_gives_the_status_of_a_page(running):
    item = {"fault": "html", "status": 504}
    running.script([item, {**item, "operation": "image"}], "tikhub")
    provider = specs.load("tikhub")

    page = ask(url_of(running, provider), body=generation(provider))
    url = image_url(running)

    assert (page.status, b"504 Gateway Timeout" in page.body) == (504, True)
    assert get(url).status == 504
    assert get(url).status == 200
    made, *_ = running.journal("tikhub")
    damaged = running.journal("tikhub", operation="image")[0]
    for entry in (made, damaged):
        assert (entry["status"], entry["outcome"]) == (504, "html")
