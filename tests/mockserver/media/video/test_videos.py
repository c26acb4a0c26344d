"""Videos are real files: FFmpeg decodes them, and they show what was planned."""

import io
from contextlib import suppress
from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageOps
from support.video import (
    decoded_frame,
    difference,
    ffprobe,
    gradient_picture,
    run_ffmpeg,
)

import specs
from mockserver.media.image.drawing.encode import render_image
from mockserver.media.image.plan import BadImage, Plan
from mockserver.media.video.h264 import level_of, unsigned
from mockserver.media.video.plan import BadVideo, VideoPlan
from mockserver.media.video.provenance import VideoProvenance, read_provenance
from mockserver.media.video.render import frame_image, render
from mockserver.media.video.sound import SAMPLE_RATE, SAMPLES_PER_FRAME

pytestmark = pytest.mark.slow

PLAN = VideoPlan(
    text="A paper boat floats down a stream",
    width=320,
    height=180,
    duration=2,
    frame_rate=24,
    seed=7,
    caption="m 320x180 2 s",
    request="ab12",
)
FIRST = gradient_picture((200, 300))
LAST = gradient_picture((400, 100), inverted=True)
SIZES_AND_TIMES = [
    (1280, 720, 5, 24, False),
    (1280, 720, 5, 24, True),
    (720, 1280, 8, 30, True),
    (496, 864, 1, 25, False),
    (1112, 834, 4.04, 25, True),
    (834, 1112, 4.04, 24, False),
    (1920, 1080, 1, 60, True),
    (18, 16, 1, 30, True),
    (34, 62, 0.5, 10, False),
    (640, 480, 0.01, 24, False),
    (4398, 1886, 0.1, 24, True),  # the largest that a document has
]
# H.264 has half of the resolution for colours, and fewer levels than RGB.
ROUNDING = 2.5


def saved(tmp_path, plan):
    file = tmp_path / "video.mp4"
    file.write_bytes(render(plan))
    return file


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def cover(data, plan):
    return ImageOps.fit(opened(data), (plan.width, plan.height))


@pytest.mark.parametrize(
    ("width", "height", "duration", "rate", "sound"), SIZES_AND_TIMES
)
def test_ffprobe_finds_what_was_planned(tmp_path, width, height, duration, rate, sound):
    plan = VideoPlan("A boat", width, height, duration, rate, sound=sound)

    facts, streams = ffprobe(saved(tmp_path, plan))

    video = streams["video"]
    assert (video["codec_name"], video["profile"]) == ("h264", "Constrained Baseline")
    assert (video["width"], video["height"]) == (width, height)
    assert (video["pix_fmt"], video["color_space"]) == ("yuv420p", "bt709")
    assert int(video["nb_read_frames"]) == int(video["nb_frames"]) == plan.frames
    assert float(video["duration"]) == float(facts["duration"]) == duration
    if plan.frames > 1:
        assert video["r_frame_rate"] == f"{rate}/1"
    assert ("audio" in streams) == sound
    if sound:
        audio = streams["audio"]
        assert (audio["codec_name"], audio["profile"]) == ("aac", "LC")
        assert (audio["channels"], int(audio["sample_rate"])) == (1, SAMPLE_RATE)
        frame = SAMPLES_PER_FRAME / SAMPLE_RATE
        assert abs(float(audio["duration"]) - duration) < frame


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, first=FIRST, last=LAST)])
@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (496, 864), (1112, 834)])
def test_ffmpeg_decodes_everything_without_an_error(
    tmp_path, plan, sound, width, height
):
    plan = replace(plan, sound=sound, width=width, height=height)
    strict = ("-err_detect", "explode", "-xerror")

    done = run_ffmpeg(
        "ffmpeg", *strict, "-i", str(saved(tmp_path, plan)), "-f", "null", "-"
    )

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("number", [0, 1, 20, 47])
@pytest.mark.parametrize("pictures", [{}, {"first": FIRST}, {"last": LAST}])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (498, 866)])
def test_a_decoded_frame_is_the_frame_that_was_drawn(
    tmp_path, number, pictures, width, height
):
    plan = replace(PLAN, width=width, height=height, **pictures)

    decoded = decoded_frame(saved(tmp_path, plan), number)

    expected = opened(frame_image(plan, number / plan.frame_rate))
    assert difference(decoded, expected) < ROUNDING


@pytest.mark.parametrize("pictures", [{}, {"first": FIRST, "last": LAST}])
def test_each_decoded_frame_is_the_frame_that_was_drawn(tmp_path, pictures):
    """The counter and the bar are compared, which change from frame to frame."""
    plan = replace(PLAN, **pictures)
    file = saved(tmp_path, plan)
    to_rgb = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    decoded = run_ffmpeg("ffmpeg", "-i", str(file), *to_rgb).stdout
    size = (plan.width, plan.height)
    length = plan.width * plan.height * 3
    assert len(decoded) == length * plan.frames

    for number in range(plan.frames):
        data = decoded[number * length : (number + 1) * length]
        frame = Image.frombytes("RGB", size, data)
        expected = opened(frame_image(plan, number / plan.frame_rate))
        for part in ((16, 16, 100, 32), (0, 176, 320, 180)):
            grey = [each.crop(part).convert("L") for each in (frame, expected)]
            most = ImageChops.difference(*grey).getextrema()[1]
            assert most < 64, (number, part)  # of a wrong digit: 200


@pytest.mark.parametrize(("width", "height"), [(320, 180), (498, 866), (1112, 834)])
def test_the_stream_itself_has_the_size(tmp_path, width, height):
    """Some players use the size in the stream, others the one in the index."""
    plan = replace(PLAN, width=width, height=height, duration=0.5)
    stream = tmp_path / "video.h264"
    run_ffmpeg("ffmpeg", "-i", str(saved(tmp_path, plan)), "-c", "copy", str(stream))

    _, streams = ffprobe(stream)

    assert (streams["video"]["width"], streams["video"]["height"]) == (width, height)


def test_the_text_is_on_the_frames(tmp_path):
    """It is where an image of the same plan has it."""
    file = saved(tmp_path, PLAN)
    image = opened(
        render_image(
            Plan(PLAN.text, 320, 180, seed=7, caption=PLAN.caption, request="ab12")
        )
    )
    panel = (10, 110, 310, 170)  # the lower part, without the bar at the bottom

    for number in (0, 30, 47):
        decoded = decoded_frame(file, number)
        assert difference(decoded.crop(panel), image.crop(panel)) < ROUNDING
    brightest = decoded.crop(panel).convert("L").getextrema()[1]
    assert brightest > 220


def test_the_first_and_the_last_frame_are_the_given_pictures(tmp_path):
    plan = replace(PLAN, first=FIRST, last=LAST)
    file = saved(tmp_path, plan)

    first, second, middle, last = (decoded_frame(file, n) for n in (0, 1, 20, 47))

    assert difference(first, cover(FIRST, plan)) < ROUNDING
    assert difference(last, cover(LAST, plan)) < ROUNDING
    assert difference(second, cover(FIRST, plan)) > 2 * ROUNDING  # the text is on it
    top = (0, 60, 320, 90)  # between the counter and the text
    assert difference(middle.crop(top), cover(FIRST, plan).crop(top)) < ROUNDING


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_video_of_few_frames_has_the_first_and_the_last_picture(tmp_path, frames):
    plan = replace(PLAN, duration=frames / 10, frame_rate=10, first=FIRST, last=LAST)
    file = saved(tmp_path, plan)

    assert difference(decoded_frame(file, 0), cover(FIRST, plan)) < ROUNDING
    if frames > 1:
        last = decoded_frame(file, frames - 1)
        assert difference(last, cover(LAST, plan)) < ROUNDING


@pytest.mark.parametrize(("width", "height"), [(320, 180), (1280, 720), (64, 64)])
def test_no_two_frames_are_the_same(tmp_path, width, height):
    plan = replace(PLAN, width=width, height=height)

    done = run_ffmpeg("ffmpeg", "-i", str(saved(tmp_path, plan)), "-f", "framemd5", "-")

    lines = done.stdout.decode().splitlines()
    hashes = [each.split(",")[-1] for each in lines if not each.startswith("#")]
    assert len(set(hashes)) == len(hashes) == plan.frames


def test_the_tone_is_audible_from_start_to_end(tmp_path):
    file = saved(tmp_path, replace(PLAN, sound=True))

    done = run_ffmpeg("ffmpeg", "-i", str(file), "-f", "s16le", "-")

    samples = memoryview(done.stdout).cast("h")
    assert len(samples) >= 2 * SAMPLE_RATE
    middle = samples[SAMPLES_PER_FRAME : 2 * SAMPLE_RATE - SAMPLES_PER_FRAME]
    for at in range(0, len(middle) - 4096, 4096):
        assert 5000 < max(middle[at : at + 4096]) < 9000


def test_the_same_plan_gives_the_same_bytes():
    plan = replace(PLAN, first=FIRST, last=LAST, sound=True)

    assert render(plan) == render(replace(plan))
    assert frame_image(plan, 1) == frame_image(plan, 1)
    assert plan.identity == replace(plan).identity


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"request": "cd34"},
        {"index": 1},
        {"text": "A boat"},
        {"duration": 3},
        {"first": FIRST},
        {"last": FIRST},
        {"sound": True},
    ],
)
def test_another_plan_gives_other_bytes(change):
    other = replace(PLAN, **change)

    assert other.identity != PLAN.identity
    assert render(other) != render(PLAN)


def test_the_index_precedes_the_data():
    data = render(replace(PLAN, sound=True))

    assert data[4:8] == b"ftyp"
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_still_scene_is_stored_in_a_small_file():
    plan = replace(PLAN, width=1280, height=720, duration=5)

    assert len(render(plan)) < 700 * 1024  # the first frame alone has 1.4 MB


def test_the_provenance_is_read_back(tmp_path):
    plan = replace(PLAN, seed=-5, index=2, text="Ein Böötchen 船")
    data = render(plan)

    assert read_provenance(data) == VideoProvenance(
        request="ab12",
        seed=-5,
        index=2,
        identity=plan.identity,
        format="mp4",
        width=320,
        height=180,
        prompt="Ein Böötchen 船",
        duration=2,
    )
    facts, _ = ffprobe(saved(tmp_path, plan))
    assert plan.identity in facts["tags"]["comment"]
    assert facts["tags"]["title"] == plan.text


def test_a_video_of_others_has_no_provenance():
    assert (
        read_provenance(render(PLAN).replace(b"imageparity req", b"something req"))
        is None
    )


@pytest.mark.parametrize("data", [b"", b"<html>", FIRST, b"\0\0\0\1ftyp", bytes(99)])
def test_bytes_that_are_no_video_are_refused(data):
    with pytest.raises(BadVideo, match="no MP4 file"):
        read_provenance(data)


def test_a_video_that_is_cut_off_is_read_or_refused():
    data = render(replace(PLAN, duration=0.1))
    for length in range(0, data.index(b"mdat"), 3):
        with suppress(BadVideo):
            read_provenance(data[:length])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration": 120.5}, "120 seconds"),
        ({"duration": 0}, "0 seconds"),
        ({"duration": float("nan")}, "nan seconds"),
        ({"frame_rate": 61}, "60 frames per second"),
        ({"frame_rate": 0}, "frame rate of 0"),
        ({"width": 4098, "height": 2160}, "4096x2160"),
        ({"width": 321}, "only even widths"),
        ({"height": 14}, "edges of 16"),
        ({"width": 8194, "height": 16}, "8192 pixels"),
    ],
)
def test_a_plan_beyond_the_limits_is_refused(change, message):
    with pytest.raises(BadVideo, match=message):
        replace(PLAN, **change)


@pytest.mark.parametrize("name", ["first", "last"])
def test_a_picture_that_does_not_decode_is_refused(name):
    with pytest.raises(BadImage, match="HTML"):
        render(replace(PLAN, **{name: b"<html>"}))


def test_every_plan_within_the_limits_has_a_level():
    for width, height in ((4096, 2160), (8192, 1072), (1072, 8192), (16, 16)):
        plan = replace(PLAN, width=width, height=height, frame_rate=60)
        assert level_of(-(-plan.width // 16), -(-plan.height // 16), 60) <= 52


@pytest.mark.parametrize("name", specs.names())
def test_every_documented_size_can_be_made(name):
    for entry in specs.load(name).dialect.video.sizes:
        for text in (size for row in entry.table.values() for size in row.values()):
            width, height = specs.size_of(text)
            replace(PLAN, width=width, height=height, frame_rate=60)


def test_the_codes_are_those_of_the_standard():
    assert [*map(unsigned, range(5))] == ["1", "010", "011", "00100", "00101"]


def test_a_frame_beyond_the_end_is_the_last_one():
    plan = replace(PLAN, last=LAST)

    assert frame_image(plan, 99) == frame_image(plan, 47 / 24)
    assert frame_image(plan, -1) == frame_image(plan, 0)
