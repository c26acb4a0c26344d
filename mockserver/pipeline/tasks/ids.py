"""Ids of tasks, in the form that a document gives them."""

import re
import string
import uuid
from datetime import UTC, datetime
from random import Random

_PART = re.compile(r"\{(digits|hex|letters):([0-9]{1,2})\}|\{(uuid|time|model)\}")
_ALPHABETS = {
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "letters": string.ascii_lowercase + string.digits,
}


def new_id(form: str, rng: Random, now: float, model: str) -> str:
    """
    An id of a form such as `cgt-{time}-{letters:5}`.

    `now` is in seconds since 1970, for `{time}`, and `model` stands for `{model}`.
    """

    def part(match: re.Match[str]) -> str:
        kind, length, name = match.groups()
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
