"""The ratio of an image, compared with the one that a request asks for."""

from contracts.media.image.observation import DecodedImage
from specs import ratio_text

RATIO_TOLERANCE = 1.05


def has_ratio(image: DecodedImage, wanted: float) -> bool:
    """True if the width by the height is the wanted number, within 5 percent."""
    ratio = image.width / image.height if image.width and image.height else 0.0
    return wanted / RATIO_TOLERANCE <= ratio <= wanted * RATIO_TOLERANCE


def substituted_ratio(image: DecodedImage, asked: str) -> str:
    """`ratio substituted (asked 16:9, got 1:1)`."""
    got = ratio_text(image.width, image.height)
    return f"ratio substituted (asked {asked}, got {got})"
