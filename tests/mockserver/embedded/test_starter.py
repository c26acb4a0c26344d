"""A mock inside a program: what can be asked of it, and that nothing of it stays."""

import asyncio
import gc
import inspect
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http import ask, eventually, generation, url_of
from support.providers import IMAGE_PROVIDERS

import mockserver
import specs
from mockserver.state.memory import StateError
from mockserver.state.transcript import MAX_LINE_LENGTH, MAX_LINES, transcript

pytestmark = pytest.mark.slow

NAMES = IMAGE_PROVIDERS
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


@pytest.fixture(scope="module")
def server():
    with mockserver.running() as running:
        yield running


@pytest.fixture
def mock(server):
    server.reset()
    return server


def draw(running, name, **headers):
    provider = specs.load(name)
    return ask(url_of(running, provider), body=generation(provider), **headers)


def statuses(running, **query):
    return [each["status"] for each in running.journal(**query)]


def threads():
    """Those that live; which a mock before it had may still be ending."""
    return set(threading.enumerate())


# What can be asked


def test_it_says_where_each_provider_is(mock, provider):
    assert mock.url_for(provider.id) == mock.base_urls[provider.id]
    assert mock.bound_to(provider.id).base_url == mock.base_urls[provider.id]
    assert mock.base_urls[provider.id].startswith(f"{mock.url}/{provider.id}/")


def test_a_mock_of_one_provider_is_about_that_one(provider):
    with mockserver.running(provider) as running:
        running.script({"error": "server_error"})
        answer = draw(running, provider.id)

        error = provider.operations["createImage"].errors["server_error"]
        assert running.provider == provider.id
        assert answer.status == error.status


@pytest.mark.parametrize("ask_for", ["url_for", "bound_to", "journal", "count"])
def test_a_provider_that_is_not_served_is_named_with_those_that_are(mock, ask_for):
    with pytest.raises(
        ValueError, match="provider 'nobody' is not served; served: "
    ) as told:
        getattr(mock, ask_for)("nobody")

    assert all(name in str(told.value) for name in NAMES)


def test_the_journal_is_asked_by_its_entries_members(mock):
    draw(mock, NAMES[0])
    draw(mock, NAMES[1], X_Mock_Error="rate_limited")
    draw(mock, NAMES[1], X_Mock_Namespace="mine")

    first, second, third = mock.journal()
    assert mock.journal(NAMES[1]) == mock.bound_to(NAMES[1]).journal()
    assert mock.journal(NAMES[1]) == [second, third]
    assert mock.journal(error="rate_limited") == [second]
    assert mock.journal(namespace="mine", status=200) == [third]
    assert mock.journal(since=first["id"]) == [second, third]
    assert mock.count(status=200) == 2
    assert mock.bound_to(NAMES[1]).count(status=200) == 1


def test_a_member_that_no_entry_has_is_named_with_those_that_they_have(mock):
    with pytest.raises(TypeError, match=r"unknown filter 'statsu'; known: .*status"):
        mock.count(statsu=200)


def test_what_is_yet_to_come_can_be_waited_for(mock):
    with ThreadPoolExecutor(1) as others:
        waiting = others.submit(mock.wait_for, 2, 60, status=200)
        draw(mock, NAMES[0])
        draw(mock, NAMES[0], X_Mock_Error="rate_limited")
        assert not waiting.done()
        draw(mock, NAMES[1])

        assert [each["provider"] for each in waiting.result()] == [*NAMES[:2]]


def test_who_waits_in_vain_is_told_what_came_instead(mock):
    draw(mock, NAMES[0], X_Mock_Error="rate_limited")

    with pytest.raises(TimeoutError) as told:
        mock.bound_to(NAMES[1]).wait_for(timeout=0, status=200)

    first, last = str(told.value).splitlines()
    assert first == (
        f"0 of 1 request received within 0 s with provider='{NAMES[1]}', status=200; "
        "the journal contains"
    )
    assert last.endswith("429  rate_limited (requested by header)")
    assert f"POST /{NAMES[0]}/" in last


def test_a_script_is_followed_item_by_item(mock):
    mock.script({"error": "rate_limited", "times": 2}, NAMES[0])
    mock.script([{"fault": "html"}, {"error": "server_error"}], NAMES[0])

    met = [draw(mock, NAMES[0]).body for _ in range(3)]

    assert b"<html" in met[2]
    assert [each["decision"]["error"] for each in mock.journal()] == [
        "rate_limited", "rate_limited", None,
    ]  # fmt: skip
    assert draw(mock, NAMES[1]).status == 200


def test_a_script_is_for_its_namespace(mock):
    bound = mock.bound_to(NAMES[0])
    bound.script({"error": "rate_limited"}, namespace="mine")

    assert draw(mock, NAMES[0]).status == 200
    assert draw(mock, NAMES[0], X_Mock_Namespace="mine").status == 429


@pytest.mark.parametrize(
    ("items", "named", "problem"),
    [
        ({"error": "rate_limited"}, None, "a script needs a provider; served: "),
        ({"error": "rate_limited"}, "nobody", "provider 'nobody' is not served"),
        ({"error": "tired"}, NAMES[0], "item 0: unknown error 'tired'; known: "),
        ([{}, {"fault": "tired"}], NAMES[0], "item 1: unknown fault 'tired'; known: "),
        ([{"eror": "x"}], NAMES[0], "item 0: unknown property 'eror'; known: "),
    ],
)
def test_a_script_that_cannot_be_followed_is_refused(mock, items, named, problem):
    with pytest.raises(ValueError, match=problem):
        mock.script(items, named)

    assert draw(mock, NAMES[0]).status == 200


def test_a_reset_wipes_the_slate_or_one_of_them(mock):
    bound = mock.bound_to(NAMES[0])
    for namespace in ("mine", "yours"):
        bound.script({"error": "rate_limited", "times": 2}, namespace=namespace)
        draw(mock, NAMES[0], X_Mock_Namespace=namespace)

    bound.reset("mine")

    assert [each["namespace"] for each in mock.journal()] == ["yours"]
    assert draw(mock, NAMES[0], X_Mock_Namespace="mine").status == 200
    assert draw(mock, NAMES[0], X_Mock_Namespace="yours").status == 429

    bound.reset()

    assert mock.journal() == []


def test_a_reset_takes_nothing_off_what_was_spent():
    with mockserver.running("tokenhub") as running:
        draw(running, "tokenhub")
        price = running.costs()["total"]["amounts"]["USD"]
        running.reset()
        after = running.costs()["total"]
        draw(running, "tokenhub")

        assert price > 0
        assert (after["requests"], after["amounts"]) == (0, {})
        assert running.spent() == {
            "requests": 2,
            "images": 2,
            "unpriced_images": 0,
            "undelivered": 0,
            "amounts": {"USD": 2 * price},
        }


def test_the_clock_can_be_stopped_and_moved_on(provider):
    with mockserver.running(provider) as running:
        running.freeze("2026-05-04T12:00:00Z")
        first = draw(running, provider.id).json["created"]
        running.advance(3600)
        second = draw(running, provider.id).json["created"]
        running.reset()

        assert (first, second) == (1_777_896_000, 1_777_899_600)
        assert draw(running, provider.id).json["created"] > second
        with pytest.raises(ValueError, match=r"seconds must be from 0 to \d+, not -1"):
            running.advance(-1)


def test_both_kinds_of_mock_can_be_asked_the_same():
    def signatures(kind):
        return {
            name: str(inspect.signature(each))
            for name, each in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert signatures(mockserver.Running) == signatures(mockserver.AsyncRunning)


def test_it_can_be_served_in_the_loop_at_hand():
    async def talk():
        before = asyncio.all_tasks()
        async with mockserver.running(*NAMES) as running:
            assert threads() <= threads_before
            await running.script({"error": "rate_limited"}, NAMES[1])
            waiting = asyncio.create_task(running.wait_for(2, 60))
            for name in NAMES[:2]:
                await asyncio.to_thread(draw, running, name)
            await running.freeze()
            await running.advance(1)
            found = [each["status"] for each in await waiting]
            spent = await running.spent()
            assert await running.count(status=429) == 1
            assert await running.costs() == {**await running.costs(), "total": spent}
            await running.reset()
            assert await running.journal() == []
        assert asyncio.all_tasks() == before
        return found, running.url

    threads_before = threads()
    found, url = asyncio.run(talk())

    assert found == [200, 429]
    with pytest.raises(OSError):  # noqa: PT011 -- refused, or reset, as it pleases
        ask(f"{url}/__mock__/health", method="GET")


# How it is started


def test_settings_are_options():
    options = {"strict": True, "seed": 7, "latency": "0..1", "requests_per_minute": 1}
    frozen = "2026-05-04T12:00:00Z"
    with mockserver.running("openai", frozen=frozen, **options) as running:
        openai = specs.load("openai")
        open_ended = generation(openai, nobody_knows=1)

        assert ask(url_of(running, openai), body=open_ended).status == 400
        assert draw(running, "openai").status == 429
        assert draw(running, "openai", key="sk-other").json["created"] == 1_777_896_000


def test_options_go_over_settings():
    settings = mockserver.Settings(seed=1, strict=True)

    def bytes_of(**more):
        with mockserver.running("openai", **more) as running:
            return draw(running, "openai").body

    frozen = {"frozen": "2026-05-04"}
    assert bytes_of(settings=settings, seed=2, **frozen) == bytes_of(seed=2, **frozen)
    assert bytes_of(settings=settings, **frozen) != bytes_of(seed=2, **frozen)


@pytest.mark.parametrize(
    ("options", "kind", "problem"),
    [
        ({"sede": 7}, TypeError, "unknown option 'sede'; known: .*seed"),
        ({"latency": "soon"}, ValueError, "not 'soon'"),
        ({"frozen": "noon"}, ValueError, "noon"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_at_once(options, kind, problem):
    with pytest.raises(kind, match=problem):
        mockserver.running("openai", **options)


@pytest.mark.parametrize(
    ("providers", "options", "kind"),
    [
        (["nobody"], {}, specs.SpecError),
        ([], {"specs_path": "/nowhere"}, specs.SpecError),
        ([], {"state": "redis://127.0.0.1:1"}, StateError),
        ([], {"state": "elephant"}, StateError),
    ],
)
def test_what_cannot_be_served_is_refused_and_leaves_nothing(providers, options, kind):
    before = threads()

    with pytest.raises(kind), mockserver.running(*providers, **options):
        pytest.fail("it was served")

    assert threads() <= before


@pytest.mark.parametrize("in_loop", [False, True])
def test_a_port_in_use_is_an_error_and_leaves_nothing(in_loop):
    before = threads()

    async def inside(port):
        async with mockserver.running("openai", port=port):
            pytest.fail("it was served")

    def beside(port):
        with mockserver.running("openai", port=port):
            pytest.fail("it was served")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            asyncio.run(inside(port)) if in_loop else beside(port)

    assert eventually(lambda: threads() <= before)


def test_it_has_the_port_that_it_is_given():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with mockserver.running("openai", port=port) as running:
        assert running.url == f"http://127.0.0.1:{port}"


# Where it is started


def test_several_at_once_know_nothing_of_each_other():
    with mockserver.running("openai") as one, mockserver.running("openai") as other:
        one.script({"error": "rate_limited"})

        assert one.url != other.url
        assert (draw(other, "openai").status, draw(one, "openai").status) == (200, 429)
        assert (statuses(one), statuses(other)) == ([429], [200])


def test_every_thread_can_start_one_and_ask_any():
    def work(name):
        with mockserver.running(name) as own:
            draw(own, name)
            draw(shared, name)
            return statuses(own), len(shared.journal(name))

    names = NAMES * 2
    with mockserver.running() as shared, ThreadPoolExecutor(len(names)) as others:
        found = list(others.map(work, names))

        assert [own for own, _ in found] == [[200]] * len(names)
        assert shared.count() == len(names)


def test_it_can_be_started_and_asked_inside_a_running_loop():
    async def talk():
        with mockserver.running("openai") as running:
            await asyncio.to_thread(draw, running, "openai")
            return statuses(running)

    assert asyncio.run(talk()) == [200]


# How it ends


class Own(Exception):
    pass


@pytest.mark.parametrize("in_loop", [False, True])
def test_an_exception_passes_and_the_mock_ends(in_loop):
    async def inside():
        async with mockserver.running("openai") as running:
            raise Own(running.url)

    def beside():
        with mockserver.running("openai") as running:
            raise Own(running.url)

    with pytest.raises(Own) as raised:
        asyncio.run(inside()) if in_loop else beside()

    with pytest.raises(OSError):  # noqa: PT011 -- refused, or reset, as it pleases
        ask(f"{raised.value}/__mock__/health", method="GET")


@LINUX
@pytest.mark.parametrize("way", ["idle", "half a request", "stalled", "watching"])
def test_nothing_of_it_stays(way):
    """Neither threads nor sockets, whatever its clients are about."""

    def descriptors():
        return len([*Path("/proc/self/fd").iterdir()])

    opened, before = descriptors(), threads()
    with ExitStack() as later:
        with mockserver.running("openai") as running:
            draw(running, "openai")  # whoever draws has threads of its own
            host, port = running.url.removeprefix("http://").split(":")
            client = later.enter_context(socket.create_connection((host, int(port))))
            client.sendall(SAID[way])
            if way == "stalled":
                running.wait_for(fault="stall", timeout=60)
            elif way != "half a request":
                assert client.recv(12) == b"HTTP/1.1 200"
        # Until the mock has hung up; what it never took in is reset.
        with suppress(ConnectionResetError):
            while client.recv(65536):
                pass

    assert eventually(lambda: descriptors() <= opened and threads() <= before)


HEAD = b"Host: x\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n"
BODY = b'{"model": "gpt-image-2", "prompt": "x"}'
SAID = {
    "idle": b"GET /__mock__/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "half a request": b"POST /v1/images/generations HTTP/1.1\r\n" + HEAD,
    "stalled": b"POST /v1/images/generations HTTP/1.1\r\n"
    b"X-Mock-Fault: stall\r\nContent-Length: %d\r\n%b\r\n%b" % (len(BODY), HEAD, BODY),
    "watching": b"GET /__mock__/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("in_loop", [False, True])
def test_who_connects_as_it_ends_is_not_left_behind(in_loop, caplog):
    openai = specs.load("openai")

    def knock(url):
        """Many at once, none of whom waits to be let in."""
        host, port = url.removeprefix("http://").split(":")
        for _ in range(20):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex((host, int(port)))
            clients.append(client)

    async def inside():
        async with mockserver.running(openai) as running:
            knock(running.url)

    for _ in range(10):
        clients = []
        if in_loop:
            asyncio.run(inside())
        else:
            with mockserver.running(openai) as running:
                knock(running.url)
        for client in clients:
            client.close()
    gc.collect()  # a socket that was forgotten is a warning now, and warnings fail

    assert [each.message for each in caplog.records if each.name == "asyncio"] == []


def test_who_asks_it_after_its_end_is_told_so():
    with mockserver.running("openai") as running:
        pass

    for asked in (running.journal, running.reset, running.wait_for):
        with pytest.raises(RuntimeError, match="has ended; use it inside its `with`"):
            asked()


def test_who_waits_as_it_ends_does_not_wait_for_ever():
    with ThreadPoolExecutor(1) as others:
        with mockserver.running("openai") as running:
            waiting = others.submit(running.wait_for, 1, 3600)

        assert isinstance(waiting.exception(60), RuntimeError | TimeoutError)


def run(script, **more):
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.mark.parametrize("form", ["with", "async with"])
def test_ctrl_c_ends_it_like_any_program(form):
    body = "print('up', flush=True); "
    scripts = {
        "with": "import mockserver, time\n"
        "with mockserver.running('openai') as mock:\n"
        f"    {body}time.sleep(600)",
        "async with": "import mockserver, asyncio\n"
        "async def main():\n"
        "    async with mockserver.running('openai') as mock:\n"
        f"        {body}await asyncio.sleep(600)\n"
        "asyncio.run(main())",
    }
    # Whoever starts us in the background may have turned Ctrl-C off for us, too.
    turned_on = "import signal\nsignal.signal(2, signal.default_int_handler)\n"
    with run(turned_on + scripts[form]) as process:
        try:
            assert process.stdout.readline() == "up\n"
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate(timeout=60)
        finally:
            process.kill()

    assert complaint.splitlines()[-1] == "KeyboardInterrupt"
    assert "Warning" not in complaint
    assert "ignored" not in complaint


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
def test_a_forked_process_has_its_address_and_not_its_thread():
    script = """
import os, urllib.request, warnings, mockserver
warnings.simplefilter("ignore", DeprecationWarning)  # forks and threads
with mockserver.running("openai") as mock:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    else:
        print(urllib.request.urlopen(f"{mock.url}/__mock__/health").status)
        try:
            mock.journal()
        except RuntimeError as error:
            print(error)
        with mockserver.running("openai") as own:
            print(own.count())
print("left", flush=True)
if child:
    print(mock.url)
"""
    process = run(script)
    told, complaint = process.communicate(timeout=60)

    *child, left, url = told.splitlines()
    there = f"this mock runs in another process; use its control API at {url}/__mock__/"
    assert child == ["200", f"{there}, or start a mock in this process", "0", "left"]
    assert (left, complaint, process.returncode) == ("left", "", 0)


# What is told of it


def test_a_line_tells_what_was_decided_and_why(mock, provider):
    draw(mock, provider.id)
    ask(url_of(mock, provider), body=generation(provider, prompt=7))
    ask(f"{mock.base_urls[provider.id]}/nothing", body={})

    drawn, refused, lost = transcript(mock.journal()).splitlines()

    source = mock.journal(status=400)[0]["decision"]["violations"][0]["source"]
    assert "  200  1 image" in drawn
    assert "  400  invalid_request: prompt" in refused
    assert refused.endswith(f", {source}]")
    assert "  404  not_found: POST /" in lost


def test_a_client_that_left_is_told_as_such(mock):
    entry = {
        "at": 0, "method": "POST", "path": "/x", "status": None, "outcome": "aborted",
        "decision": {"trigger": None}, "cost": {}, "images": 0,
    }  # fmt: skip

    assert transcript([entry]).endswith("—  client disconnected before the response")


@given(st.lists(st.text(max_size=300), max_size=3 * MAX_LINES))
def test_a_transcript_is_short_and_clean_whatever_came(paths):
    entries = [
        {
            "at": number, "method": "POST", "path": path, "status": 404,
            "outcome": "answered", "images": 0, "cost": {},
            "decision": {"error": "not_found", "because": path},
        }
        for number, path in enumerate(paths)
    ]  # fmt: skip

    lines = transcript(entries).split("\n")

    assert len(lines) == (min(len(paths), MAX_LINES) or 1)
    assert all(line.isprintable() and len(line) <= MAX_LINE_LENGTH for line in lines)
    assert paths or lines == ["no requests"]
