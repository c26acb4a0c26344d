"""
The medium of videos.

The response to a request for a video holds a task: its videos come later.
"""

from contracts.media.base import Medium
from contracts.media.video.output import decode_video, result_problems
from contracts.media.video.samples import VideoSamples

VIDEO = Medium(
    name="video",
    noun="video",
    content_type="video/",
    samples=VideoSamples(),
    decode=decode_video,
    result_problems=result_problems,
)
