"""Ids of tasks, in the form that a document gives them."""

import re
import string
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType

_PART = re.compile(
    r"\{(digits|hex|letters):([0-9]{1,2})\}|\{(uuid|time|model)\}|\{path:(\w+)\}"
)
_NO_PATH: Mapping[str, str] = MappingProxyType({})
_ALPHABETS = {
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "letters": string.ascii_lowercase + string.digits,
}


def new_id(
    form: str,
    rng: Random,
    now: float,
    model: str,
    path: Mapping[str, str] = _NO_PATH,
) -> str:
    """
    An id of a form such as `cgt-{time}-{letters:5}`.

    `now` is in seconds since 1970, for `{time}`, and `model` stands for `{model}`.
    `path` has the path parameters, for `{path:NAME}`; a missing one is `unknown`.
    """

    def part(match: re.Match[str]) -> str:
        kind, length, name, parameter = match.groups()
        if parameter:
            return path.get(parameter, "unknown")
        if kind:
            first = rng.choice(_ALPHABETS[kind].replace("0", ""))
            rest = rng.choices(_ALPHABETS[kind], k=int(length) - 1)
            return first + "".join(rest)
        if name == "uuid":
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        if name == "time":
            return datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M%S")
        return model

    return _PART.sub(part, form)
