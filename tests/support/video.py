"""FFmpeg's programs, and pictures to make and to compare videos with."""

import io
import json
import shutil
import subprocess

import pytest
from PIL import Image, ImageChops, ImageStat


def run_ffmpeg(program: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run `ffmpeg` or `ffprobe`; a test is skipped where it is missing."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"there is no {program} on this machine")
    command = [path, "-v", "error", *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=120)


def ffprobe(file) -> tuple[dict, dict[str, dict]]:
    """The facts about a file, and those about its streams by their type."""
    words = ("-show_streams", "-show_format", "-count_frames", "-of", "json")
    done = run_ffmpeg("ffprobe", *words, str(file))
    assert done.stderr == b""
    facts = json.loads(done.stdout)
    return facts["format"], {each["codec_type"]: each for each in facts["streams"]}


def decoded_frame(file, number: int) -> Image.Image:
    """One frame of a file, counted from 0, as FFmpeg decodes it."""
    chosen = ("-vf", f"select=eq(n\\,{number})", "-frames:v", "1")
    to_png = ("-f", "image2pipe", "-c:v", "png", "-")
    done = run_ffmpeg("ffmpeg", "-i", str(file), *chosen, *to_png)
    assert done.stderr == b""
    return Image.open(io.BytesIO(done.stdout)).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of the same size, in levels of 255."""
    assert one.size == other.size
    stat = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other))
    return sum(stat.mean) / 3


def gradient_picture(size: tuple[int, int], *, inverted: bool = False) -> bytes:
    """A picture with soft colours in every part, as PNG."""
    grey = Image.radial_gradient("L").resize(size)
    channels = (grey, Image.linear_gradient("L").resize(size), ImageChops.invert(grey))
    image = Image.merge("RGB", channels)
    out = io.BytesIO()
    (ImageChops.invert(image) if inverted else image).save(out, "PNG")
    return out.getvalue()
