"""The video medium: plans the videos of a request that creates a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockserver.errors import UNREADABLE_IMAGE, Rejected
from mockserver.media.base import Asked
from mockserver.media.image.headers import read_image_header
from mockserver.media.image.plan import BadImage
from mockserver.media.image.references import from_base64, inline_image
from mockserver.media.video.output import STILL, VideoOutput, VideoStill
from mockserver.media.video.plan import BadVideo
from specs import Cost, cost
from specs.documents.video import SOURCE_DURATION

MAX_VIDEOS = 4
MAX_TEXT_LENGTH = 2000  # characters of the prompt that are drawn
MAX_MODEL_NAME = 80
MIN_BASE64_LENGTH = 64
_IMAGE_KEYS = ("url", "image_url", "bytesBase64Encoded", "data", "inlineData", "image")


@dataclass(frozen=True, slots=True)
class PlannedVideos:
    """The videos of a request."""

    outputs: Sequence[VideoOutput]
    usage: Mapping[str, Any]
    cost: Cost
    is_streaming: bool = False

    @property
    def meter(self) -> Mapping[str, int]:
        return {VideoMedium.unit: len(self.outputs)}


class VideoMedium:
    name = "video"
    unit = "videos"
    used_fields = frozenset(
        {"aspect_ratio", "duration", "frame_rate", "frames", "image", "last_frame"}
        | {"last_image", "model", "n", "prompt", "resolution", "seed", "size", "sound"}
    )
    file_fields = frozenset({"image", "last_image"})
    relay_faults: Mapping[str, str] = {}

    def plan(self, asked: Asked) -> PlannedVideos:
        request, rules = asked.request, asked.dialect.video
        first, last = (
            _image_of(name, request, asked.files) for name in ("image", "last_image")
        )
        header = read_image_header(first or last or b"")
        size = None if header is None else (header.width, header.height)
        facts = rules.facts(request, size)
        count = _count(request)
        model = str(request.get("model", ""))[:MAX_MODEL_NAME]
        text = _text(request.get("prompt"))
        try:
            outputs = [
                VideoOutput(
                    text=text,
                    width=facts.width - facts.width % 2,
                    height=facts.height - facts.height % 2,
                    duration=facts.duration,
                    frame_rate=facts.frame_rate,
                    sound=facts.sound,
                    seed=asked.seed,
                    caption=f"{model} {facts.width}x{facts.height} {at + 1}/{count}",
                    first=first,
                    last=last,
                    request=asked.hash,
                    index=at,
                    resolution=facts.resolution,
                    aspect_ratio=facts.aspect_ratio,
                    has_last_frame=request.get("last_frame") is True,
                )
                for at in range(count)
            ]
        except BadVideo as error:
            message = f"this mock cannot make it: {error}."
            raise Rejected("invalid_request", message) from None
        tokens = rules.tokens.count(facts) * count if rules.tokens else None
        return PlannedVideos(
            outputs=outputs,
            usage={"tokens": tokens},
            cost=cost(
                asked.dialect,
                asked.operation.id,
                {**request, SOURCE_DURATION: 0},
                count=count,
                medium=self.name,
            ),
        )

    def output_from(self, facts: dict[str, Any]) -> VideoOutput | VideoStill:
        still = facts.get(STILL)
        own = {name: value for name, value in facts.items() if name != STILL}
        video = VideoOutput.from_facts(own)
        return video if still is None else VideoStill(video, *still)

    def forwarded(self, payload: dict[str, Any], fault: str) -> dict[str, Any]:
        return payload


def _count(request: Mapping[str, Any]) -> int:
    value = request.get("n", 1)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not 1 <= value <= MAX_VIDEOS:
        message = f"n: this mock makes 1 to {MAX_VIDEOS} videos."
        raise Rejected("invalid_request", message, param="n")
    return int(value)


def _text(prompt: Any) -> str:
    """The prompt; several texts are joined."""
    if isinstance(prompt, list):
        prompt = " ".join(str(each) for each in prompt)
    return str("" if prompt is None else prompt)[:MAX_TEXT_LENGTH]


def _image_of(
    name: str, request: Mapping[str, Any], files: Mapping[str, bytes]
) -> bytes | None:
    """
    The image of a field: an upload, a data URI or base64; None for one given by URL.

    Of several images it is the first. Raises `Rejected` for one that is empty, and for
    a data URI without an image.
    """
    if name not in request:
        return None
    try:
        return _image(request[name], files)
    except BadImage as error:
        raise Rejected(UNREADABLE_IMAGE, f"{error}.", param=name) from None


def _image(value: Any, files: Mapping[str, bytes]) -> bytes | None:
    if isinstance(value, list):
        return _image(value[0], files) if value else None
    if isinstance(value, dict):
        if value.get("sha256") in files:
            if not files[value["sha256"]]:
                raise BadImage("the file is empty (0 bytes)")
            return files[value["sha256"]]
        given = [value[key] for key in _IMAGE_KEYS if key in value]
        return _image(given[0], files) if given else None
    if value is None:
        value = ""
    if not isinstance(value, str):
        return None
    data = inline_image(value)
    if data is not None and read_image_header(data) is None:
        raise BadImage("the data URI has no PNG, JPEG, WEBP or GIF")
    if data is not None or len(value) < MIN_BASE64_LENGTH or ":" in value[:16]:
        return data
    try:
        data = from_base64(value)
    except BadImage:
        return None  # a URL, or an id
    return data if read_image_header(data) is not None else None
