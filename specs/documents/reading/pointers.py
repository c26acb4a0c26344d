"""The steps of JSON pointers: keys, in which `~` and `/` are escaped."""

from typing import Any


def escape_pointer(key: Any) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def unescape_pointer(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
