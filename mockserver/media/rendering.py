"""A cache of rendered images."""

import base64

from mockserver.media.image.drawing.encode import render_if_precompressed, render_image
from mockserver.media.image.plan import Plan
from mockserver.state.cache import LruCache

RenderKey = tuple[Plan, bool]  # the plan, and True for base64


class RenderCache:
    """
    A thread-safe LRU cache of encoded images by plan, bounded by bytes.

    An image is stored in the form it was requested in: file bytes, or their base64.
    """

    def __init__(self, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._images: LruCache[RenderKey, bytes] = LruCache(max_bytes)

    def get(self, plan: Plan, *, as_text: bool = False) -> bytes | None:
        """Return an image that is cached or takes milliseconds to render, or None."""
        image = self._images.get((plan, as_text))
        if image is None and (quick := render_if_precompressed(plan)):
            image = self._store(plan, quick, as_text=as_text)
        return image

    def render(self, plan: Plan, *, as_text: bool = False) -> bytes:
        """Return the encoded image of a plan. Blocks: call it off the event loop."""
        image = self._images.get((plan, as_text))
        return image or self._store(plan, render_image(plan), as_text=as_text)

    def _store(self, plan: Plan, image: bytes, *, as_text: bool) -> bytes:
        data = base64.b64encode(image) if as_text else image
        self._images.add((plan, as_text), data, len(data))
        return data
