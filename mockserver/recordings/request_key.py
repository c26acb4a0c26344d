"""The key of a recorded request: a hash of its canonical form."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from specs import Upload

MIN_BASE64_LENGTH = 256  # shorter texts are not taken for the base64 of a file


def request_key(operation: str, payload: Any) -> str:
    """
    Return the hash of a canonical request: 64 hexadecimal digits.

    It depends on the content of files, not on their names, and not on the order of
    fields.
    """
    text = json.dumps([operation, without_file_bytes(payload)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def without_file_bytes(value: Any) -> Any:
    """Return a payload with every file, uploaded or inline, replaced by its hash."""
    if isinstance(value, str):
        file = inline_file(value)
        return {"sha256": digest(file[1])} if file else value
    if isinstance(value, Mapping):
        if set(value) == _UPLOAD_FIELDS:
            return {"sha256": value["sha256"]}
        return {name: without_file_bytes(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_file_bytes(each) for each in value]
    return value


_UPLOAD_FIELDS = {each.name for each in fields(Upload)}
_DATA_URI = re.compile(r"data:([^,;]*)(?:;[^,;]*)*;base64,")


def inline_file(text: str) -> tuple[str, bytes] | None:
    """Decode a data URI, or long base64; returns media type and bytes, or None."""
    prefix = _DATA_URI.match(text)
    if prefix is None and len(text) < MIN_BASE64_LENGTH:
        return None
    try:
        data = base64.b64decode(text[prefix.end() :] if prefix else text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return (prefix[1] if prefix else ""), data


def digest(data: bytes) -> str:
    """Return the sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
