"""The namespace of a request: an isolated script and set of quotas and counters."""

import re
from collections.abc import Mapping

from multidict import istr

from mockserver.errors import Rejected

NAMESPACE_HEADER = istr("X-Mock-Namespace")
_NAMESPACE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAMESPACE_IN_KEY = re.compile(r"(?:^|-)ns-([A-Za-z0-9._]{1,64})(?=-|$)")


def is_namespace(name: str) -> bool:
    """True if a text can name a namespace."""
    return _NAMESPACE_NAME.fullmatch(name) is not None


def namespace_of(headers: Mapping[str, str], key: str) -> str:
    """
    The namespace of a request: of its header, else of its API key (`…-ns-NAME-…`).

    Empty if the request names none. Raises `Rejected` for an invalid name.
    """
    name = headers.get(NAMESPACE_HEADER)
    if name is None:
        match = _NAMESPACE_IN_KEY.search(key)
        return match[1] if match else ""
    if not is_namespace(name):
        raise Rejected(
            "invalid_request",
            f"{NAMESPACE_HEADER} takes up to 64 letters, digits, '.', '_' and '-'.",
            param=NAMESPACE_HEADER,
            status=400,
        )
    return name
