"""Large images and videos are made in a helper process."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.http import (
    FORM,
    JSON,
    ask,
    delivered,
    edit,
    eventually,
    opened,
    picture,
    url_of,
)
from support.processes import children_of, is_alive

import mockserver
import specs
from mockserver.media.base import UnreadableUpload
from mockserver.media.helper_process import (
    close_idle_helpers,
    run_in_helper,
    run_on,
)
from mockserver.media.image.decoding import decode
from mockserver.media.image.output import ImageOutput
from mockserver.media.video.output import VideoOutput, VideoStill

STARTED = """
import os, signal, sys
from mockserver.media.helper_process import run_in_helper
print(run_in_helper(os.getpid), flush=True)
"""
KILLED = f"{STARTED}os.kill(os.getpid(), signal.SIGKILL)"
FORKED = f"""{STARTED}
child = os.fork()
print(run_in_helper(os.getpid), flush=True)
if child:
    os.waitpid(child, 0)
"""
LARGE = (2048, 1152)
VIDEO = VideoOutput("A cube", 320, 240, duration=1, frame_rate=12)


@pytest.fixture(autouse=True)
def ended():
    """No helper before and after a test."""
    close_idle_helpers()
    yield
    close_idle_helpers()


def output(width=2048, height=1152, **more):
    return ImageOutput("A cube", width, height, **more)


NEEDS = {
    "a scene": (False, output(3840, 2160)),
    "a WebP scene": (False, output(3840, 2160, format="webp")),
    "a realistic image": (True, output(realistic=True)),
    "a small realistic image": (False, output(1024, 1024, realistic=True)),
    "an animation": (True, output(format="gif")),
    "an edit": (True, output(inputs=(picture(),))),
    "a small edit": (False, output(1024, 1024, inputs=(picture(),))),
    "a large upload": (True, output(64, 64, inputs=(picture(*LARGE),))),
    "a large mask": (
        True,
        output(64, 64, inputs=(picture(),), mask=picture(*LARGE)),
    ),
    "a video": (True, VIDEO),
    "a frame": (False, VideoStill(VIDEO, 0.0)),
}


def helpers():
    """The processes of this one that are helpers."""
    commands = [Path(f"/proc/{each}/cmdline") for each in children_of(os.getpid())]
    return [each for each in commands if "helper_process" in each.read_text()]


def raise_key_error():
    raise KeyError("a defect")


def test_a_helper_is_kept_for_the_next_work():
    first = run_in_helper(os.getpid)

    assert first != os.getpid()
    assert run_in_helper(os.getpid) == first


def test_an_idle_helper_ends_when_it_is_closed():
    pid = run_in_helper(os.getpid)

    close_idle_helpers()

    assert not is_alive(pid)
    assert run_in_helper(os.getpid) != pid


def test_one_helper_is_kept_of_those_that_worked_at_the_same_time():
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(run_in_helper, time.sleep, 1) for _ in range(2)]
        assert eventually(lambda: len(helpers()) == 2)
        for work in both:
            work.result()

    assert len(helpers()) == 1


@pytest.mark.parametrize("program", [STARTED, KILLED], ids=["ended", "killed"])
def test_a_helper_ends_with_the_process_that_started_it(program):
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False
    )

    assert done.returncode == (-signal.SIGKILL if program is KILLED else 0)
    assert eventually(lambda: not is_alive(int(done.stdout)))


def test_a_forked_process_has_its_own_helper():
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )

    before, *after = done.stdout.split()
    assert len(set(after)) == 2
    assert after.count(before) == 1


def test_a_helper_finds_modules_where_this_process_does(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text(
        "from os import getpid\ndef pid(): return getpid()"
    )
    monkeypatch.setattr(sys, "path", [*sys.path, Path("no/text")])
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    assert run_in_helper(only_here.pid) != os.getpid()


def test_work_of_a_helper_that_was_killed_is_done_here(caplog):
    pid = run_in_helper(os.getpid)
    os.kill(pid, signal.SIGKILL)

    assert run_in_helper(os.getpid) == os.getpid()
    assert caplog.text.count("helper process failed") == 1
    assert run_in_helper(os.getpid) not in {os.getpid(), pid}


def test_work_is_done_here_if_no_helper_starts(monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    assert run_in_helper(os.getpid) == os.getpid()
    assert caplog.text.count("helper process failed") == 1


def test_an_unexpected_error_is_raised_here():
    with pytest.raises(KeyError, match="a defect"):
        run_in_helper(raise_key_error)


def test_an_unreadable_upload_says_why():
    with pytest.raises(UnreadableUpload, match="GIF file, but PDF"):
        run_in_helper(decode, b"%PDF-1.7")


@pytest.mark.parametrize(("needs", "image"), NEEDS.values(), ids=NEEDS)
def test_what_needs_a_helper(needs, image):
    assert image.needs_helper is needs


@pytest.mark.parametrize(
    "made",
    [
        output(inputs=(picture(),), format="webp"),
        output(realistic=True, format="jpeg"),
        output(format="gif", frames=3, frame_ms=100),
        VIDEO,
    ],
    ids=lambda each: each.extension,
)
def test_a_helper_makes_the_same_file(made):
    assert run_on(made, made.render) == made.render()


@pytest.mark.parametrize("media_type", [FORM, JSON])
def test_a_large_edit_is_made_by_a_helper(media_type):
    openai = specs.load("openai")
    asked = edit(
        openai, media_type, picture(*LARGE), size="2048x1152", output_format="webp"
    )
    with mockserver.running(openai) as running:
        answer = ask(url_of(running, openai, "createImageEdit"), **asked)

    (item,) = answer.json["data"]
    assert opened(delivered(item)).size == LARGE
    assert helpers()


def test_a_large_upload_that_is_damaged_is_refused():
    openai = specs.load("openai")
    damaged = picture(*LARGE)[:-200]
    with mockserver.running(openai) as running:
        url = url_of(running, openai, "createImageEdit")
        answer = ask(url, **edit(openai, FORM, damaged))

    assert answer.status == 400
    assert "damaged or incomplete" in answer.json["error"]["message"]
    assert answer.json["error"]["param"] == "image"
    assert helpers()
