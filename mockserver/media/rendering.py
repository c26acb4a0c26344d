"""A cache of rendered outputs."""

import base64
from typing import TYPE_CHECKING

from mockserver.media.helper_process import run_on
from mockserver.state.cache import LruCache

if TYPE_CHECKING:
    from mockserver.media.base import Output

RenderKey = tuple["Output", bool]  # the output, and True for base64


class RenderCache:
    """
    A thread-safe LRU cache of the files of outputs, bounded by bytes.

    A file is stored in the form it was requested in: its bytes, or their base64. The
    uploads that an output is made from count as well, since it is the key of the file.
    """

    def __init__(self, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._files: LruCache[RenderKey, bytes] = LruCache(max_bytes)

    def get(self, output: "Output", *, as_text: bool = False) -> bytes | None:
        """Return a file that is cached or takes milliseconds to render, or None."""
        file = self._files.get((output, as_text))
        if file is None and (quick := output.render_quickly()):
            file = _encode(quick, as_text=as_text)
            self._store(output, file, as_text=as_text)
        return file

    def render(self, output: "Output", *, as_text: bool = False) -> bytes:
        """Return the file of an output. Blocks: call it off the event loop."""
        file = self._files.get((output, as_text))
        if file is None:
            file = run_on(output, _make_file, output, as_text=as_text)
            self._store(output, file, as_text=as_text)
        return file

    def __len__(self) -> int:
        return len(self._files)

    def clear(self) -> None:
        self._files.clear()

    def _store(self, output: "Output", file: bytes, *, as_text: bool) -> None:
        weight = len(file) + sum(map(len, output.uploads))
        self._files.add((output, as_text), file, weight)


def _make_file(output: "Output", *, as_text: bool) -> bytes:
    return _encode(output.render(), as_text=as_text)


def _encode(file: bytes, *, as_text: bool) -> bytes:
    return base64.b64encode(file) if as_text else file
