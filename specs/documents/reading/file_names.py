"""The files of a folder of a provider, and the hash of what they say."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DOCUMENT, DIALECT, SOURCES = "openapi.yaml", "dialect.yaml", "sources.yaml"


def digest_of(*files: "Traversable") -> str:
    """The hash of the contents of some files; one that is missing counts as empty."""
    whole = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()
