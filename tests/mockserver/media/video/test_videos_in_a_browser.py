"""Chromium plays the videos: with the facts, and with the pixels, of their plans."""

import base64
import io

import pytest
from PIL import Image
from support.browser import chromium
from support.video import difference, gradient_picture

from mockserver.media.video.plan import VideoPlan
from mockserver.media.video.render import frame_image, render

pytestmark = pytest.mark.browser

OPEN = """async text => {
  const bytes = Uint8Array.from(atob(text), it => it.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  document.body.replaceChildren(video);
  const loaded = new Promise((resolve, reject) => {
    video.onloadedmetadata = resolve;
    video.onerror = () => reject(new Error(video.error.message));
  });
  video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  await loaded;
  return [video.videoWidth, video.videoHeight, video.duration];
}"""
SEEK = """async seconds => {
  const video = document.querySelector("video");
  const sought = new Promise(resolve => { video.onseeked = resolve });
  // The end of a seek may precede the frame. The frame that is shown already is not
  // announced again, hence the second limit.
  const shown = new Promise(resolve => {
    video.requestVideoFrameCallback(resolve);
    setTimeout(resolve, 1000);
  });
  video.currentTime = seconds;
  await Promise.all([sought, shown]);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""
PLAY = """async () => {
  const video = document.querySelector("video");
  const ended = new Promise(resolve => { video.onended = resolve });
  video.currentTime = 0;
  video.playbackRate = 4;
  await video.play();
  await ended;
  return [video.currentTime, video.webkitAudioDecodedByteCount];
}"""
PICTURE = gradient_picture((300, 200))
PLANS = [
    VideoPlan("A paper boat", 1280, 720, 5, 24, seed=3, caption="v 1280x720"),
    VideoPlan("A paper boat", 720, 1280, 4.04, 25, sound=True, first=PICTURE),
    VideoPlan("A paper boat", 1112, 834, 1, 30, sound=True, last=PICTURE),
    VideoPlan("A paper boat", 498, 866, 1, 24, first=PICTURE, last=PICTURE),
]
# The browser smoothes colours where H.264 has half of the resolution.
ROUNDING = 4


@pytest.fixture(scope="module")
def page():
    with chromium() as browser:
        yield browser.new_page()


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.width}x{plan.height}")
def test_chromium_plays_a_video_as_planned(page, plan):
    video = base64.b64encode(render(plan)).decode()

    width, height, duration = page.evaluate(OPEN, video)

    assert (width, height) == (plan.width, plan.height)
    assert duration == pytest.approx(plan.duration, abs=0.001)
    step = 1 / plan.frame_rate
    for number in (0, plan.frames // 2, plan.frames - 1):
        shown = base64.b64decode(page.evaluate(SEEK, (number + 0.5) * step))
        with Image.open(io.BytesIO(shown)) as image:
            expected = Image.open(io.BytesIO(frame_image(plan, number * step)))
            assert difference(image, expected) < ROUNDING
            assert len(image.convert("RGB").getcolors(1 << 24)) > 20  # not blank

    ended_at, sound_bytes = page.evaluate(PLAY)
    assert ended_at == pytest.approx(plan.duration, abs=0.05)
    assert bool(sound_bytes) == plan.sound


def test_chromium_refuses_a_file_that_is_no_video(page):
    with pytest.raises(Exception, match="DEMUXER_ERROR"):
        page.evaluate(OPEN, base64.b64encode(b"<html>").decode())
