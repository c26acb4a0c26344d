"""The media of the mock, by name. Another medium is a folder and a row of the table."""

from mockserver.media.base import Medium
from mockserver.media.image.medium import ImageMedium
from mockserver.media.video.medium import VideoMedium
from specs import Operation

MEDIA: dict[str, Medium] = {each.name: each for each in (ImageMedium(), VideoMedium())}


def medium_of(operation: Operation) -> Medium:
    """The medium of what an operation returns."""
    return MEDIA[operation.medium]
