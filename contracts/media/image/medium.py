"""The medium of images."""

from collections.abc import Mapping
from typing import Any

from contracts.media.base import Medium
from contracts.media.image.aspects import image_aspects
from contracts.media.image.guarantees import IMAGE_GUARANTEES
from contracts.media.image.observation import decode_image
from contracts.media.image.outputs import decode_images, image_links
from contracts.media.image.results import result_problems
from contracts.media.image.samples import ImageSamples
from contracts.media.image.thumbnails import preview


def _requested_count(request: Mapping[str, Any]) -> int:
    count = request.get("n", 1)
    return 1 if isinstance(count, bool) or not isinstance(count, int) else count


IMAGE = Medium(
    name="image",
    noun="image",
    content_type="image/",
    samples=ImageSamples(),
    guarantees=IMAGE_GUARANTEES,
    outputs=decode_images,
    links=image_links,
    requested_count=_requested_count,
    aspects=image_aspects,
    preview=preview,
    decode=decode_image,
    result_problems=result_problems,
)
