"""
Render the plan of a video as an MP4 file; the same plan gives the same bytes.

The stream is written here and not by an encoder. An encoder would be a package of 30
MB or more that every user of the mock installs, its bytes would differ from version to
version, and it would calculate each pixel of each frame. What a mock shows is mostly
still, so that stored macroblocks are small enough: see `h264`.
"""

import io
import struct
from typing import Any

from mockserver.media.image.provenance import provenance_note
from mockserver.media.video import h264, mp4, sound
from mockserver.media.video.drawing import Storyboard
from mockserver.media.video.plan import VideoPlan
from mockserver.media.video.planes import Picture
from mockserver.media.video.provenance import COMMENT, ENCODER, TITLE


def render(plan: VideoPlan) -> bytes:
    """
    Return the video, of exactly the size, duration and frame rate of its plan.

    Blocks for a tenth of a second or more: call it off the event loop. Raises
    `BadImage` if `first` or `last` cannot be decoded.
    """
    tracks = [_video_track(plan)]
    if plan.sound:
        tracks.append(_sound_track(plan))
    notes = {
        COMMENT: provenance_note(plan),
        TITLE: plan.text,
        ENCODER: "imageparity",
    }
    return mp4.movie(tracks, notes)


def _video_track(plan: VideoPlan) -> mp4.Track:
    step = mp4.MOVIE_TIMESCALE  # so that durations in milliseconds are whole numbers
    duration = plan.milliseconds * plan.frame_rate
    sequence, picture = h264.parameter_sets(
        plan.width,
        plan.height,
        plan.frame_rate,
        is_fixed_rate=duration == step * plan.frames,
    )
    units, cuts = _coded_frames(plan)
    return mp4.Track(
        handler=b"vide",
        entry=mp4.video_entry(
            plan.width, plan.height, sequence, picture, sequence[1:4]
        ),
        header=mp4.VIDEO_HEADER,
        samples=[struct.pack(">I", len(each)) + each for each in units],
        timescale=step * plan.frame_rate,
        step=step,
        duration=duration,
        sync=cuts,
        width=plan.width,
        height=plan.height,
    )


def _coded_frames(plan: VideoPlan) -> tuple[list[bytes], list[int]]:
    """Return the coded frames, and the numbers, from 1, of those with a new picture."""
    story = Storyboard(plan)
    encoder = h264.Encoder()
    units: list[bytes] = []
    cuts: list[int] = []
    shown: Any = None
    for number in range(plan.frames):
        if story.is_cut(number):
            shown = Picture(story.part(number, story.whole))
            cuts.append(number + 1)
            units.append(encoder.whole_picture(shown))
            continue
        changed: dict[int, bytes] = {}
        for box in story.changing(number):
            changed.update(shown.update(box, story.part(number, box)))
        units.append(encoder.changed_picture(changed, shown.columns * shown.rows))
    return units, cuts


def _sound_track(plan: VideoPlan) -> mp4.Track:
    return mp4.Track(
        handler=b"soun",
        entry=mp4.sound_entry(
            sound.SAMPLE_RATE, sound.DECODER_CONFIG, len(sound.FRAME)
        ),
        header=mp4.SOUND_HEADER,
        samples=[sound.FRAME] * sound.frames_of_sound(plan.milliseconds),
        timescale=sound.SAMPLE_RATE,
        step=sound.SAMPLES_PER_FRAME,
        duration=plan.milliseconds * sound.SAMPLE_RATE // 1000,
    )


def frame_image(plan: VideoPlan, seconds: float, format: str = "png") -> bytes:
    """
    Return the frame that a player shows at a time, as PNG, JPEG or WebP.

    Times before the start and after the end mean the first and the last frame.
    """
    # A time that was computed may be a little less than the start of its frame.
    number = int(max(0.0, seconds) * plan.frame_rate + 1e-6)
    image = Storyboard(plan).frame(min(number, plan.frames - 1))
    out = io.BytesIO()
    options = {"compress_level": 1} if format == "png" else {"quality": 85}
    image.save(out, format, **options)
    return out.getvalue()
