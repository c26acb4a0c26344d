"""The harness finds in a video what was planned, and says what is wrong with others."""

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.properties import examples
from support.video import gradient_picture, run_ffmpeg

from contracts.media.video import probe as probing
from contracts.media.video.probe import VideoFacts, probe
from mockserver.media.video import h264, mp4
from mockserver.media.video.plan import VideoPlan
from mockserver.media.video.render import _coded_frames, _video_track, render

pytestmark = pytest.mark.slow

PICTURE = gradient_picture((40, 30))
VIDEO = render(VideoPlan("A paper boat", 64, 48, 1, 12, sound=True, first=PICTURE))
FACTS = VideoFacts(
    container="mp4",
    codec="h264",
    width=64,
    height=48,
    duration=1,
    frame_rate=12,
    frames=12,
    has_sound=True,
)
plans = st.builds(
    VideoPlan,
    text=st.text(max_size=60),
    width=st.integers(8, 60).map(lambda half: 2 * half),
    height=st.integers(8, 60).map(lambda half: 2 * half),
    duration=st.integers(1, 1500).map(lambda milliseconds: milliseconds / 1000),
    frame_rate=st.integers(1, 60),
    sound=st.booleans(),
    seed=st.integers(-(2**63), 2**63),
    caption=st.text(max_size=20),
    first=st.none() | st.just(PICTURE),
    last=st.none() | st.just(PICTURE),
)


@given(plans)
@settings(deadline=None, max_examples=examples(200))
def test_a_planned_video_has_the_planned_facts(plan):
    facts = probe(render(plan))

    assert facts.problem is None
    assert (facts.container, facts.codec) == ("mp4", "h264")
    assert (facts.width, facts.height) == (plan.width, plan.height)
    assert facts.duration == pytest.approx(plan.duration, abs=1e-6)
    assert facts.frames == plan.frames
    if plan.frames > 1:
        assert facts.frame_rate == pytest.approx(plan.frame_rate, abs=0.001)
    assert facts.has_sound == plan.sound


def test_a_video_has_no_problem():
    assert probe(VIDEO) == FACTS


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><p>Busy", "no MP4, MOV, WebM or Matroska file, but HTML"),
        (b'{"error": {}}', "Matroska file, but JSON"),
        (PICTURE, "Matroska file, but PNG"),
        (b"#EXTM3U\nhttp://127.0.0.1:1/a.ts\n", "it is no MP4"),
        (bytes(1000), "it is no MP4"),
        (VIDEO[:8], "does not decode"),
        (VIDEO[:100], "has neither pictures nor sound"),
        (VIDEO[:-1], "is cut off"),
        (VIDEO[: VIDEO.index(b"mdat") + 50], "is cut off"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "does not decode"),
    ],
    ids=range(11),
)
def test_a_problem_is_said_in_words(data, problem):
    found = probe(data).problem

    assert problem in found
    assert "0x" not in found


def test_missing_frames_are_counted():
    """The file ends between two frames; those before decode."""
    silent = render(VideoPlan("A paper boat", 64, 48, 1, 12))
    last_frame = silent.rindex(b"\x61")  # the header of its unit

    facts = probe(silent[: last_frame - 4])

    assert facts.problem == "has 11 frames that decode, of 12 in its index"


def test_a_damaged_frame_is_a_problem():
    start = VIDEO.index(b"mdat") + 2000
    damaged = VIDEO[:start] + b"\xff" * 500 + VIDEO[start + 500 :]

    facts = probe(damaged)

    assert facts.problem
    assert (facts.codec, facts.width) == ("h264", 64)


@pytest.mark.parametrize(
    ("limit", "value", "problem"),
    [
        ("MAX_BYTES", 1000, "has over 1000 bytes"),
        ("MAX_PIXELS", 1000, "pixels|does not decode"),
        ("MAX_FRAMES", 5, "has over 5 frames"),
        ("MAX_DECODED_PIXELS", 10_000, "has over 10000 pixels in all frames"),
    ],
)
def test_a_limit_is_a_problem(monkeypatch, limit, value, problem):
    monkeypatch.setattr(probing, limit, value)
    data = render(VideoPlan(limit, 64, 48, 1, 12))  # of its own, for the cache

    assert re.search(problem, probe(data).problem or "")


def growing_video() -> bytes:
    """A video whose first frame has 64x48 pixels, and its second one 320x240."""
    small = VideoPlan("A paper boat", 64, 48, 0.1, 10)
    large = VideoPlan("A paper boat", 320, 240, 0.1, 10)
    sets = h264.parameter_sets(320, 240, 10, is_fixed_rate=True)
    (unit,), _ = _coded_frames(large)
    second = b"".join(len(each).to_bytes(4, "big") + each for each in (*sets, unit))
    track = _video_track(small)
    samples = [*track.samples, second]
    return mp4.movie([replace(track, samples=samples, duration=2 * track.step)], {})


def test_a_size_that_changes_is_a_problem():
    facts = probe(growing_video())

    assert facts.problem == "changes its size to 320x240"
    assert (facts.width, facts.height, facts.frames) == (64, 48, 1)


def test_a_frame_that_grows_beyond_the_limit_is_not_decoded(monkeypatch):
    monkeypatch.setattr(probing, "MAX_PIXELS", 100 * 100)

    facts = probing._probe(growing_video())

    assert facts.problem.startswith("does not decode")
    assert (facts.width, facts.height, facts.frames) == (64, 48, 1)


def test_damage_at_any_place_is_survived():
    """A damaged file has facts or a problem; the program neither stops nor crashes."""
    chance = random.Random(5)
    for _ in range(examples(400)):
        data = bytearray(VIDEO)
        index_end = VIDEO.index(b"mdat")
        for _ in range(chance.choice((1, 3, 20))):
            end = index_end if chance.random() < 0.7 else len(data)
            data[chance.randrange(end)] = chance.randrange(256)
        del data[chance.choice((len(data), chance.randrange(len(data)))) :]
        facts = probe(bytes(data))
        assert facts.problem or facts.frames


@pytest.mark.parametrize(
    ("suffix", "codec", "expected"),
    [
        ("mp4", ("-c:v", "libx264", "-c:a", "aac"), ("mp4", "h264", True)),
        ("mov", ("-c:v", "libx264", "-c:a", "aac"), ("mov", "h264", True)),
        ("mp4", ("-c:v", "mpeg4", "-an"), ("mp4", "mpeg4", False)),
        ("webm", ("-c:v", "libvpx-vp9", "-an"), ("webm", "vp9", False)),
        (
            "mp4",
            ("-c:v", "libx264", "-an", "-movflags", "frag_keyframe+empty_moov"),
            ("mp4", "h264", False),
        ),
    ],
)
def test_videos_of_other_encoders_have_no_problem(tmp_path, suffix, codec, expected):
    file = tmp_path / f"video.{suffix}"
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=30:d=1")
    sound = ("-f", "lavfi", "-i", "sine=d=1")
    speed = ("-pix_fmt", "yuv420p", "-threads", "1")
    done = run_ffmpeg("ffmpeg", *pictures, *sound, *codec, *speed, str(file))
    assert done.returncode == 0, done.stderr

    facts = probe(file.read_bytes())

    assert facts.problem is None
    assert (facts.container, facts.codec, facts.has_sound) == expected
    assert (facts.width, facts.height, facts.frames) == (160, 90, 30)
    assert facts.duration == pytest.approx(1, abs=0.05)
    assert facts.frame_rate == pytest.approx(30, abs=0.2)


def test_sound_alone_is_no_video(tmp_path):
    file = tmp_path / "sound.mp4"
    run_ffmpeg("ffmpeg", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", str(file))

    facts = probe(file.read_bytes())

    assert facts.problem == "has only sound, no pictures"
    assert facts.has_sound


def test_nothing_is_printed(capfd):
    probe(VIDEO[: len(VIDEO) // 2])

    assert capfd.readouterr() == ("", "")
