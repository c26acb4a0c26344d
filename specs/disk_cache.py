"""
A folder on disk for values that are computed from files that rarely change.

The name of an entry is a hash of everything that its value depends on, so that an entry
is never wrong, only missing. The folder is the user's alone: ~/.cache/imageparity, or
the one that the environment variable IMAGEPARITY_CACHE names; empty, there is none.
"""

import contextlib
import os
import tempfile
import time
from pathlib import Path

FOLDER_VARIABLE = "IMAGEPARITY_CACHE"
MAX_AGE = 30 * 86_400  # seconds since an entry was written


def read_cached(name: str) -> bytes | None:
    """The content of an entry; None if there is none."""
    folder = _own_folder()
    try:
        return (folder / name).read_bytes() if folder else None
    except OSError:
        return None


def write_cached(name: str, content: bytes) -> None:
    """
    Write an entry at once, and remove old ones of its kind: those of its suffix.

    Without a folder that is the user's alone, and on a full disk, nothing is written.
    """
    folder = _own_folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(temporary).replace(folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for kept in folder.glob(f"*{Path(name).suffix}"):
            if time.time() - kept.stat().st_mtime > MAX_AGE:
                kept.unlink(missing_ok=True)


def _own_folder() -> Path | None:
    """The folder of the cache, made if needed; None if others can write to it."""
    default = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    named = os.environ.get(FOLDER_VARIABLE)
    if named == "":
        return None
    folder = Path(named or Path(default) / "imageparity")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return None
    if hasattr(os, "geteuid") and (
        found.st_uid != os.geteuid() or found.st_mode & 0o022
    ):
        return None
    return folder
