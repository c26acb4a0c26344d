"""Rendered images, kept as long as there is room."""

import base64

from mockserver.media.image.drawing.encode import render_if_precompressed, render_image
from mockserver.media.image.plan import Plan
from mockserver.state.cache import LruCache

RenderKey = tuple[Plan, bool]  # and whether as base64, the text of an answer


class RenderCache:
    """
    Encoded pictures by plan, the latest used, bounded by bytes. Thread-safe.

    Each is kept as it is wanted: as the bytes of a file, or as their base64.
    """

    def __init__(self, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._images: LruCache[RenderKey, bytes] = LruCache(max_bytes)

    def get(self, plan: Plan, *, as_text: bool = False) -> bytes | None:
        """The picture of a plan, if it is at hand or can be made in milliseconds."""
        found = self._images.get((plan, as_text))
        if found is None and (quick := render_if_precompressed(plan)):
            found = self._store(plan, quick, as_text=as_text)
        return found

    def render(self, plan: Plan, *, as_text: bool = False) -> bytes:
        """The picture of a plan, encoded. Blocks: call it off the event loop."""
        found = self._images.get((plan, as_text))
        return found or self._store(plan, render_image(plan), as_text=as_text)

    def _store(self, plan: Plan, image: bytes, *, as_text: bool) -> bytes:
        found = base64.b64encode(image) if as_text else image
        self._images.add((plan, as_text), found, len(found))
        return found
