"""Secrets in journals and logs, and access from the network."""

import base64
import json
import string
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.http import (
    ask,
    control,
    delivered,
    generation,
    request_for,
    url_of,
    watching,
)
from support.processes import ended, post, serving
from support.properties import examples
from support.providers import IMAGE_PROVIDERS
from support.raw_http import exchange

import mockserver
import specs
from mockserver.media.image.output import ImageOutput
from mockserver.media.links import ExpiredLink, InvalidLink, Link, Signer

pytestmark = pytest.mark.slow

SECRET = "sk-5ecret-5ecret-5ecret"
FORMATS = ["text", "json"]


@pytest.fixture(scope="module")
def server():
    with mockserver.running(seed=7) as running:
        yield running


def leaks(server, answer):
    """The places that contain a secret."""
    places = {"answer": answer.body}
    for path in ("/journal", "/metrics", "/costs", "/script/llmapi", "/health"):
        places[path] = control(server, path).body
    with watching(server, f"?since={server.journal()[-1]['id'] - 1}") as lines:
        places["/events"] = next(lines).encode()
    return [name for name, said in places.items() if SECRET.encode() in said]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"body": {"prompt": f"my key is {SECRET}"}}, id="prompt"),
        pytest.param({"body": {SECRET: 1}}, id="name"),
        pytest.param({"body": {"prompt": "x", "n": SECRET}}, id="wrong-value"),
        pytest.param({"body": {"prompt": "x", "user": [[SECRET]]}}, id="deep"),
        pytest.param({"body": {"prompt": "x"}, "User_Agent": f"a {SECRET}"},
                     id="agent"),
        pytest.param({"body": f"{{{SECRET}", "Content_Type": "application/json"},
                     id="no-json"),
        pytest.param({"body": "x", "Content_Type": f"text/{SECRET}"}, id="type"),
        pytest.param({"body": {"prompt": "[[mock:server_error]]"},
                      "Authorization": f"Bearer  {SECRET} "}, id="spaces"),
    ],
)  # fmt: skip
def test_a_key_is_kept_wherever_a_client_writes_it(server, lone, asked, caplog):
    """Only responses to the client may repeat its key."""
    caplog.set_level(0)
    asked = {"key": SECRET, **asked}
    if "Authorization" in asked:
        asked["key"] = None
    if isinstance(asked["body"], dict):
        asked["body"] = generation(lone) | asked["body"]

    answer = ask(url_of(server, lone), **asked)

    assert set(leaks(server, answer)) <= {"answer"}
    logged = [*caplog.messages, *(str(vars(each)) for each in caplog.records)]
    assert SECRET not in "".join(logged)


def test_a_key_in_a_path_is_kept_too(server, lone, caplog):
    caplog.set_level(0)
    url = f"{server.base_urls[lone.id]}/{SECRET}/images"

    answer = ask(url, method="GET", key=SECRET)

    assert set(leaks(server, answer)) <= {"answer"}
    assert SECRET not in "".join(caplog.messages)


def test_a_short_key_spoils_nothing(server, lone):
    """Keys such as `test` or `anything` are words, and are not redacted."""
    ask(url_of(server, lone), body=generation(lone, prompt="anything"), key="anything")

    assert server.journal()[-1]["payload"]["prompt"] == "anything"


@pytest.mark.parametrize("format", FORMATS)
def test_no_secret_of_a_process_is_in_what_it_says(format):
    """Neither a client's key nor the given token of the control API."""
    secrets = (SECRET, "t0ken-of-the-control-api")
    with serving("tokenhub", "--log-format", format, "--token", secrets[1]) as (
        process,
        ready,
    ):
        post(ready, "tokenhub", key=SECRET, X_Mock_Token=secrets[1])
        post(ready, "tokenhub", key=SECRET, X_Mock_Error="unauthenticated")
        for path in ("journal", f"journal?token={secrets[1]}"):
            ask(f"{ready['url']}/__mock__/{path}", method="GET", key=SECRET)
        process.terminate()
        lines, said, status = ended(process)

    assert status == 0
    assert "images/generations" in said
    for secret in secrets:
        assert secret not in said + "".join(lines)


@pytest.mark.parametrize("path", ["journal", "events", "uploads/x", "pictures/x/0"])
def test_beyond_this_machine_there_is_a_token(path):
    """It is generated if none is given, and required for everything."""
    with serving("tokenhub", "--host", "0.0.0.0") as (_, ready):
        port = ready["url"].rpartition(":")[2]
        answer = ask(f"http://127.0.0.1:{port}/__mock__/{path}", method="GET", key=None)

    assert answer.status == 401


NAMES = ["..", "%2e%2e", "..%2f..%2f..%2fetc%2fpasswd", "%00", "a%2fb", ".env",
         "%2fetc%2fpasswd", "..%5c..", "~root", "x" * 8000, "*", "%0a"]  # fmt: skip
ROUTES = ["/_images/{}", "/_images/{}.png", "/_replayed/{}", "/__mock__/uploads/{}",
          "/__mock__/pictures/{}/0", "/__mock__/pictures/x/{}", "/__mock__/script/{}",
          "/__mock__/{}", "/{}/v1/images/generations", "/openai/{}"]  # fmt: skip


def test_no_name_in_an_address_is_the_name_of_a_file(server):
    """No file is opened for any of these paths."""
    opened, is_watched = [], True

    def hear(event, arguments):
        if is_watched and event == "open" and threading.current_thread().name == "mock":
            opened.append(arguments[0])

    sys.addaudithook(hear)
    for route in ROUTES:
        for name in NAMES:
            top = f"GET {route.format(name)} HTTP/1.1\r\nHost: localhost\r\n"
            data = f"{top}Connection: close\r\n\r\n".encode()
            (answer,) = exchange(server.url, data)

            assert answer.status in {400, 404, 405, 414}
            assert b"root:x:" not in answer.body
    is_watched = False
    assert opened == []


PLAN = ImageOutput(text="A paper boat", width=64, height=64, request="ab", caption="m")
SIGNER = Signer(b"x" * 32, lambda: 1000.0)
URL = SIGNER.path(Link(PLAN, "one"), 60)
GOOD = URL.rpartition("/")[2].removesuffix(".png")


def test_a_token_is_its_plan_until_it_expires():
    now = [1000.0]
    signer = Signer(b"x" * 32, lambda: now[0])

    now[0] = 1059.999
    assert signer.link("one", f"{GOOD}.png", {}).output == PLAN
    now[0] = 1060.0
    with pytest.raises(ExpiredLink):
        signer.link("one", f"{GOOD}.png", {})


@given(
    st.integers(0, len(GOOD) - 1),
    st.text(string.ascii_letters + string.digits + "-_=", max_size=4),
    st.integers(0, 4),
)
@settings(deadline=None, max_examples=examples(300))
def test_no_other_token_is_as_good(at, put, taken):
    token = GOOD[:at] + put + GOOD[at + taken :]
    if token == GOOD:
        return
    with pytest.raises(InvalidLink):
        SIGNER.link("one", f"{token}.png", {})


def test_the_unused_bits_of_the_last_letter_count():
    """A decoder that ignores them takes several texts for the same bytes."""
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    facts, _, rest = GOOD.partition(".")
    text = facts.rstrip("=")
    assert len(text) < len(facts)
    last = letters[letters.index(text[-1]) ^ 1]
    other = facts.replace(f"{text[-1]}=", f"{last}=", 1)

    assert base64.urlsafe_b64decode(other) == base64.urlsafe_b64decode(facts)
    with pytest.raises(InvalidLink):
        SIGNER.link("one", f"{other}.{rest}.png", {})


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("two", f"{GOOD}.png"),
        ("one", f"{GOOD}.jpg"),
        ("one", f"{GOOD}.pngx"),
        ("one", f"{GOOD}."),
        ("one", GOOD),
    ],
)
def test_provider_and_extension_are_signed(owner, name):
    with pytest.raises(InvalidLink):
        SIGNER.link(owner, name, {})


@given(st.text(max_size=60) | st.binary(max_size=90).map(
    lambda data: base64.urlsafe_b64encode(data).decode()
))  # fmt: skip
@example("A" * 9000)
@example("é")
@settings(deadline=None, max_examples=examples(300))
def test_nothing_is_a_token_by_chance(text):
    with pytest.raises(InvalidLink):
        SIGNER.link("one", f"{text}.png", {})


def test_the_signature_of_another_secret_is_none():
    with pytest.raises(InvalidLink):
        Signer(b"y" * 32, lambda: 1000.0).link("one", f"{GOOD}.png", {})


def test_no_seed_no_secret_that_anybody_knows():
    """Without a seed, two servers reject each other's URLs."""
    openai = specs.load("aihubmix")
    with mockserver.running(openai) as one, mockserver.running(openai) as other:
        secrets = {
            each._context.any_provider_context().signer.secret for each in (one, other)
        }

    assert len(secrets) == 2


def test_an_address_cannot_be_changed_over_the_wire(server):
    """A URL with a changed image or expiry gives 404."""
    with mockserver.running() as own:
        found = [given for name in IMAGE_PROVIDERS for given in urls(own, name)]
        assert found
        for url in found:
            path, _, name = url.rpartition("/")
            token, _, format = name.rpartition(".")
            swapped = token[:-6] + token[-6:].swapcase()
            for wrong in (token[:-4], swapped, token[::-1], "", token + "AAAA"):
                if wrong != token:
                    changed = f"{path}/{wrong}.{format}"
                    assert ask(changed, method="GET", key=None).status == 404


def urls(own, name):
    provider = specs.load(name)
    answer = ask(url_of(own, provider),
                 body=generation(provider, response_format="url"))  # fmt: skip
    given = answer.json.get("data", []) if answer.status == 200 else []
    return [each["url"] for each in given if each.get("url", "").startswith("http")]


def test_an_upload_is_shown_to_who_may_control_and_to_nobody_else(server):
    openai = specs.load("openai")
    with mockserver.running(openai, token="t0ken") as own:
        ask(url_of(own, openai, "createImageEdit"),
            **request_for(openai, "createImageEdit"))  # fmt: skip
        sha256 = own.journal()[-1]["payload"]["image"]["sha256"]
        path = f"{own.url}/__mock__/uploads/{sha256}"

        assert ask(path, method="GET", key=None).status == 401
        foreign = ask(path, method="GET", key="t0ken", Origin="http://evil.example")
        assert foreign.status == 403
        assert ask(path, method="GET", key="t0ken").status == 200


hostile_text = st.text(max_size=40) | st.sampled_from(
    ["__class__", "a" * 5000, "\x00", "\ud83d", "../..", "{message}", "%s", "${x}"]
)
hostile_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile_text,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(hostile_text, inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.sampled_from(["/script/llmapi", "/script/llmapi?namespace=a", "/clock"]),
    hostile_value
    | st.lists(
        st.dictionaries(
            st.sampled_from(
                ["error", "fault", "latency_ms", "times", "retry_after", "seconds",
                 "operation"]
            ),
            hostile_value,
            max_size=3,
        ),
        max_size=3,
    )
    | st.dictionaries(st.sampled_from(["advance_s", "freeze"]), hostile_value),
)  # fmt: skip
@settings(
    deadline=None,
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_order_is_answered_by_a_crash(server, path, value):
    answer = ask(
        f"{server.url}/__mock__{path}", body=json.dumps(value).encode(), key=None
    )

    assert answer.status in {200, 400}
    assert len(answer.body) < 10_000
    control(server, "/reset", "POST")


@pytest.mark.parametrize("body", [b"[" * 200_000, b"\xff", b"", b"x" * 2_000_000,
                                  b'{"advance_s": 1e400}', b'{"advance_s": NaN}',
                                  b'{"advance_s": 1' + b"0" * 5000 + b"}"])  # fmt: skip
def test_an_order_that_cannot_be_read_is_refused(server, body):
    for path in ("/script/llmapi", "/clock"):
        answer = ask(f"{server.url}/__mock__{path}", body=body, key=None)

        assert answer.status in {400, 413}
        assert len(answer.body) < 1000


def test_the_year_2038_and_a_clock_that_jumps_are_borne(server, lone):
    for moment in ("2038-01-19T03:14:08Z", "1970-01-01T00:00:00Z", "9998-12-31T23:59Z",
                   "2026-03-29T02:30:00+01:00"):  # fmt: skip
        assert control(server, "/clock", "POST", {"freeze": moment}).status == 200
        answer = ask(url_of(server, lone), body=generation(lone))
        assert answer.status == 200
        assert delivered(answer.json["data"][0])
    control(server, "/reset", "POST")
    assert abs(server._context.store.clock() - time.time()) < 60
