"""Redact secrets in requests and responses before they are recorded."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

REDACTED = "***"
MIN_SECRET_LENGTH = 6  # shorter values are placeholders, and parts of common words

Headers = Sequence[tuple[str, str]]


def mask_bytes(data: bytes, secrets: Sequence[str]) -> bytes:
    """Replace every secret by as many stars, so that all offsets stay the same."""
    for secret in secrets:
        encoded = secret.encode("utf-8", "surrogateescape")
        data = data.replace(encoded, b"*" * len(encoded))
    return data


_SECRET_NAME = re.compile(
    "auth|cookie|key|token|secret|session|signature|password|credential", re.IGNORECASE
)
# Names of headers that identify an account, without being a secret, are included.
_PRIVATE_NAME = re.compile(
    rf"{_SECRET_NAME.pattern}|organi[sz]ation|project", re.IGNORECASE
)
_CONNECTION_HEADERS = {"host", "content-length", "content-encoding", "date"}


def find_secrets(headers: Headers, key: str = "") -> tuple[str, ...]:
    """
    Return the secret values in the headers of a request, longest first.

    The last word of such a value, as in `Bearer KEY`, is a secret of its own. `key` is
    the API key, which may be in another header or in the query string.
    """
    values = [value.strip() for name, value in headers if _SECRET_NAME.search(name)]
    parts = {part for value in values for part in (value, value.rpartition(" ")[2])}
    parts |= {key, quote(key, safe="")}
    secrets = [each for each in parts if len(each) >= MIN_SECRET_LENGTH]
    return tuple(sorted(secrets, key=lambda each: (-len(each), each)))


def redact(value: Any, secrets: Sequence[str]) -> Any:
    """Replace every secret in a JSON value by `REDACTED`, in names of fields too."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, Mapping):
        return {
            redact(name, secrets): redact(each, secrets) for name, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(each, secrets) for each in value]
    return value


def redact_request_headers(headers: Headers, secrets: Sequence[str]) -> dict[str, Any]:
    """Return request headers as an object, with private values redacted."""
    return _group_by_name(
        (name, REDACTED if _PRIVATE_NAME.search(name) else redact(value, secrets))
        for name, value in headers
    )


def redact_response_headers(headers: Headers, secrets: Sequence[str]) -> dict[str, Any]:
    """Return response headers as an object, with values that hold secrets redacted."""
    return _group_by_name(
        (name, REDACTED if is_secret_header(name, value, secrets) else value)
        for name, value in headers
    )


def _group_by_name(headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return headers as an object; a repeated header has a list of values."""
    grouped: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in _CONNECTION_HEADERS:
            grouped.setdefault(name, []).append(value)
    return {
        name: values if len(values) > 1 else values[0]
        for name, values in grouped.items()
    }


def is_secret_header(name: str, value: str, secrets: Sequence[str]) -> bool:
    """Return True if a response header sets a cookie or contains a secret."""
    return name.lower() == "set-cookie" or any(each in value for each in secrets)
